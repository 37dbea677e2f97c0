use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Message, Method, SipUri};
use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind, UaConfig, UaEvent, UaOutput, UserAgent};
use doorstep_sip::{Sensitive, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::media::FakeMedia;
use super::store::FakeStore;
use crate::core::{
    CallId, CallRecord, CarrierConfig, CarrierId, CoreConfig, CourierId, ErrorCode, Frame, GatewayCore,
    GatewayEvent, Identity, Input, LegProfile, Lookup, LookupResult, MediaEvent, OpId, Output, Peer,
    PushCommand, Side, WakeOutcome,
};
use crate::masking::{E164, NumberPlan};

pub(super) const COURIER: &str = "anna.kurier-77";
pub(super) const ORDER: &str = "4711";
pub(super) const CUSTOMER: &str = "+4930901820";
pub(super) const COMPANY: &str = "+493022220000";
pub(super) const CENTRE: &str = "+493033330000";
pub(super) const EDGE_HOST: &str = "gateway.example";
pub(super) const TRUNK_HOST: &str = "198.51.100.20";
pub(super) const CARRIER_HOST: &str = "203.0.113.5";
pub(super) const LABEL: &str = "Two pizzas, Mr. Müller";
pub(super) const CARRIER_FLOW: FlowId = FlowId(1);

/// Plenty for everything that is not a matter of minutes.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Something on its way.
enum Parcel {
    ToCore(Side, FlowId, Bytes),
    ToApp(FlowId, Bytes),
    ToCarrier(FlowId, Bytes),
    Answer(OpId, LookupResult),
    Media(MediaEvent),
}

/// Who heard something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    App(FlowId),
    Carrier,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) core: GatewayCore,
    pub(super) apps: BTreeMap<FlowId, UserAgent>,
    pub(super) carrier: UserAgent,
    pub(super) store: FakeStore,
    pub(super) media: FakeMedia,
    /// One in so many datagrams is lost.
    pub(super) loss: Option<u32>,
    /// The media plane takes its time for legs of that kind.
    pub(super) slow_media: Option<LegProfile>,
    /// The carrier receives nothing.
    pub(super) carrier_is_deaf: bool,
    pub(super) heard: VecDeque<(Who, UaEvent)>,
    pub(super) events: Vec<GatewayEvent>,
    /// What push-service was told.
    pub(super) pushed: Vec<PushCommand>,
    /// What push-service answered.
    pub(super) went: Vec<(CallId, WakeOutcome)>,
    pub(super) done: Vec<(OpId, Result<crate::core::CallId, ErrorCode>)>,
    pub(super) drained: bool,
    /// How many questions about orders the store was asked.
    pub(super) asked: usize,
    /// The carrier answers every call with 200 as soon as it comes.
    pub(super) answers_at_once: bool,
    /// How apps are that connect from now on.
    pub(super) app_config: UaConfig,
    /// So do the apps.
    pub(super) apps_answer_at_once: bool,
    /// All that the core sent to either side, and how its outputs print.
    pub(super) sent: Vec<(Side, Bytes)>,
    pub(super) printed: Vec<String>,
    wire: Vec<(Timestamp, u64, Parcel)>,
    parcels: u64,
    flows: u64,
    rng: ChaCha12Rng,
}

pub(super) fn config() -> CoreConfig {
    let mut config = CoreConfig::new(EDGE_HOST.parse().unwrap(), NumberPlan::of("DE").unwrap());
    config.carriers.push(CarrierConfig::new(CarrierId("main".into()), CARRIER_HOST.parse().unwrap()));
    config.contact_centre = Some(E164::parse(CENTRE).unwrap());
    config
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(config(), 1)
    }

    pub(super) fn with(config: CoreConfig, seed: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut carrier = UserAgent::new(
            UaConfig { accepted_methods: vec![Method::Register], ..UaConfig::default() },
            rng.random(),
        );
        carrier.flow_opened(CARRIER_FLOW, flow_info(TransportKind::Udp, CARRIER_HOST, "carrier"));
        let mut world = Self {
            now: Timestamp::from_epoch(Duration::from_secs(1000)),
            core: GatewayCore::new(config, rng.random()),
            apps: BTreeMap::new(),
            carrier,
            store: FakeStore::new(),
            media: FakeMedia::default(),
            loss: None,
            slow_media: None,
            carrier_is_deaf: false,
            heard: VecDeque::new(),
            events: Vec::new(),
            pushed: Vec::new(),
            went: Vec::new(),
            done: Vec::new(),
            drained: false,
            asked: 0,
            answers_at_once: false,
            app_config: UaConfig::default(),
            apps_answer_at_once: false,
            sent: Vec::new(),
            printed: Vec::new(),
            wire: Vec::new(),
            parcels: 0,
            flows: 0,
            rng,
        };
        world.open_carrier_flow(CARRIER_FLOW, "main");
        world
    }

    /// A way to a carrier; all lead to the same far side here.
    pub(super) fn open_carrier_flow(&mut self, flow: FlowId, carrier: &str) {
        let now = self.now;
        if flow != CARRIER_FLOW {
            self.carrier.flow_opened(flow, flow_info(TransportKind::Udp, CARRIER_HOST, "carrier"));
        }
        let info = Sensitive::new(flow_info(TransportKind::Udp, TRUNK_HOST, "doorstep"));
        let peer = Peer::Carrier { carrier: CarrierId(carrier.into()), outbound: true };
        self.core.handle_input(now, Input::FlowOpened { flow, peer, info });
        self.drain();
    }

    pub(super) fn input(&mut self, input: Input) {
        let now = self.now;
        self.core.handle_input(now, input);
        self.drain();
    }

    /// A courier's app connects with a token.
    pub(super) fn connect(&mut self, courier: &str) -> FlowId {
        let courier = CourierId::new(courier);
        self.connect_as(Some(Identity { courier, expires_at: None }))
    }

    pub(super) fn connect_as(&mut self, identity: Option<Identity>) -> FlowId {
        self.flows += 1;
        let flow = FlowId(100 + self.flows);
        let host = format!("app{}.invalid", self.flows);
        let mut app = UserAgent::new(self.app_config.clone(), self.rng.random());
        app.flow_opened(flow, flow_info(TransportKind::Wss, &host, "app"));
        self.apps.insert(flow, app);
        self.open(flow, identity);
        flow
    }

    fn open(&mut self, flow: FlowId, identity: Option<Identity>) {
        self.input(Input::FlowOpened {
            flow,
            peer: Peer::App(identity),
            info: Sensitive::new(flow_info(TransportKind::Wss, EDGE_HOST, "doorstep")),
        });
    }

    /// The app comes back on a new flow, with all its sessions.
    pub(super) fn reconnect(&mut self, old: FlowId, courier: &str) -> FlowId {
        let mut app = self.apps.remove(&old).unwrap();
        self.flows += 1;
        let flow = FlowId(100 + self.flows);
        app.flow_opened(flow, flow_info(TransportKind::Wss, &format!("app{}.invalid", self.flows), "app"));
        self.apps.insert(flow, app);
        self.open(flow, Some(Identity { courier: CourierId::new(courier), expires_at: None }));
        flow
    }

    /// The app's connection ends; both sides notice.
    pub(super) fn cut(&mut self, flow: FlowId) {
        let now = self.now;
        if let Some(app) = self.apps.get_mut(&flow) {
            app.flow_closed(now, flow);
        }
        self.input(Input::FlowClosed { side: Side::Edge, flow });
    }

    pub(super) fn app(&mut self, flow: FlowId) -> &mut UserAgent {
        self.apps.get_mut(&flow).unwrap()
    }

    pub(super) fn ua(&mut self, who: Who) -> &mut UserAgent {
        match who {
            Who::App(flow) => self.app(flow),
            Who::Carrier => &mut self.carrier,
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Goes on to the next thing that happens until `end`; `false` when there is none.
    pub(super) fn step(&mut self, end: Timestamp) -> bool {
        self.drain();
        let arrival = self.wire.iter().map(|(at, order, _)| (*at, *order)).min();
        let timers = self.apps.values().chain([&self.carrier]).map(UserAgent::next_deadline);
        let timers = timers.chain([self.core.next_deadline()]);
        let next = timers.flatten().chain(arrival.map(|(at, _)| at)).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = self.now.max(end);
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        match arrival.filter(|(at, _)| *at <= now) {
            Some((_, order)) => {
                let place = self.wire.iter().position(|(_, other, _)| *other == order).unwrap();
                let (_, _, parcel) = self.wire.swap_remove(place);
                self.deliver(parcel);
            }
            None => {
                for app in self.apps.values_mut() {
                    app.handle_timeout(now);
                }
                self.carrier.handle_timeout(now);
                if self.core.next_deadline().is_some_and(|at| at <= now) {
                    self.core.handle_input(now, Input::Deadline);
                }
                assert!(
                    self.core.next_deadline().is_none_or(|at| at > now),
                    "a deadline that is met goes away"
                );
            }
        }
        self.drain();
        true
    }

    fn deliver(&mut self, parcel: Parcel) {
        let now = self.now;
        match parcel {
            Parcel::ToCore(side, flow, bytes) => {
                self.core.handle_input(now, Input::Message { side, flow, bytes: Frame::new(bytes) });
            }
            Parcel::ToApp(flow, bytes) => {
                if let Some(app) = self.apps.get_mut(&flow) {
                    app.handle_message(now, flow, &bytes);
                }
            }
            Parcel::ToCarrier(flow, bytes) => self.carrier.handle_message(now, flow, &bytes),
            Parcel::Answer(op, result) => self.core.handle_input(now, Input::Lookup { op, result }),
            Parcel::Media(event) => self.core.handle_input(now, Input::Media(event)),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            self.printed.push(format!("{output:?}"));
            self.output(output);
        }
        for flow in self.apps.keys().copied().collect::<Vec<_>>() {
            while let Some(output) = self.app(flow).poll() {
                match output {
                    UaOutput::Send { flow, bytes } => {
                        self.post(Duration::from_millis(20), Parcel::ToCore(Side::Edge, flow, bytes));
                    }
                    UaOutput::Event(UaEvent::IncomingInvite { session, .. }) if self.apps_answer_at_once => {
                        self.answer(Who::App(flow), session, APP_ANSWER);
                    }
                    UaOutput::Event(event) => self.heard.push_back((Who::App(flow), event)),
                }
            }
        }
        while let Some(output) = self.carrier.poll() {
            match output {
                UaOutput::Send { flow, bytes } => {
                    if let Some(delay) = self.datagram() {
                        self.post(delay, Parcel::ToCore(Side::Trunk, flow, bytes));
                    }
                }
                UaOutput::Event(UaEvent::IncomingInvite { session, .. }) if self.answers_at_once => {
                    self.answer(Who::Carrier, session, PHONE_ANSWER);
                }
                UaOutput::Event(event) => self.heard.push_back((Who::Carrier, event)),
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send { side, flow, bytes } => {
                let bytes = bytes.into_exposed();
                assert!(Message::parse(&bytes).is_ok(), "what the core sends can be read");
                self.sent.push((side, bytes.clone()));
                match side {
                    Side::Edge => self.post(Duration::from_millis(20), Parcel::ToApp(flow, bytes)),
                    Side::Trunk => {
                        if let Some(delay) = self.datagram().filter(|_| !self.carrier_is_deaf) {
                            self.post(delay, Parcel::ToCarrier(flow, bytes));
                        }
                    }
                }
            }
            Output::Close { .. } => {}
            Output::Lookup { op, lookup } => {
                let asks = matches!(lookup, Lookup::MayCall { .. } | Lookup::RouteIncoming { .. });
                self.asked += usize::from(asks);
                let result = self.store.answer(lookup);
                self.post(Duration::from_millis(3), Parcel::Answer(op, result));
            }
            Output::Media(command) => {
                for event in self.media.handle(command) {
                    let slow =
                        self.slow_media.is_some_and(|slow| self.media.legs[&event.leg()].profile == slow);
                    let delay = Duration::from_millis(if slow { 2000 } else { 2 });
                    self.post(delay, Parcel::Media(event));
                }
            }
            Output::Push(command) => self.pushed.push(command),
            Output::Event(event) => self.events.push(event),
            Output::CommandDone { op, result } => self.done.push((op, result)),
            Output::Drained => self.drained = true,
        }
    }

    /// How long a datagram takes; `None`: it is lost.
    fn datagram(&mut self) -> Option<Duration> {
        let Some(loss) = self.loss else { return Some(Duration::from_millis(15)) };
        let lost = self.rng.random_range(0..loss) == 0;
        (!lost).then(|| Duration::from_millis(self.rng.random_range(5..80)))
    }

    fn post(&mut self, delay: Duration, parcel: Parcel) {
        self.parcels += 1;
        self.wire.push((self.now + delay, self.parcels, parcel));
    }

    /// Start lines of all that the core sent.
    pub(super) fn log(&self) -> Vec<String> {
        let line = |bytes: &Bytes| {
            let line = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
            String::from_utf8_lossy(line).into_owned()
        };
        self.sent.iter().map(|(side, bytes)| format!("{side:?}: {}", line(bytes))).collect()
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(start)).count()
    }

    /// The record of the only call.
    pub(super) fn record(&self) -> &CallRecord {
        assert_eq!(self.store.records.len(), 1);
        &self.store.records[0]
    }

    pub(super) fn assert_at_rest(&mut self) {
        self.pass(Duration::from_secs(7300));
        assert_eq!(self.core.call_count(), 0, "calls");
        assert_eq!(self.core.open_count(), 0, "sessions and questions");
        assert_eq!(self.media.open(), 0, "media legs");
    }

    /// When all timers have run, nothing of any call may be left, and each was recorded to its end.
    pub(super) fn assert_nothing_left(&mut self) {
        self.assert_at_rest();
        for record in &self.store.records {
            assert!(record.end.is_some() && record.ended_at.is_some(), "{record:?}");
        }
    }
}

pub(super) const APP_OFFER: &str = "v=0\r\ns=app offers\r\nc=IN IP4 192.0.2.201\r\n";
pub(super) const APP_ANSWER: &str = "v=0\r\ns=app answers\r\nc=IN IP4 192.0.2.201\r\n";
pub(super) const PHONE_OFFER: &str = "v=0\r\ns=phone offers\r\nc=IN IP4 203.0.113.201\r\n";
pub(super) const PHONE_ANSWER: &str = "v=0\r\ns=phone answers\r\nc=IN IP4 203.0.113.201\r\n";

pub(super) fn error_header() -> HeaderName {
    "X-Doorstep-Error".parse().unwrap()
}

fn flow_info(transport: TransportKind, host: &str, user: &str) -> FlowInfo {
    let contact: SipUri = format!("sip:{user}@{host}").parse().unwrap();
    FlowInfo { transport, host: contact.host.clone(), port: None, contact, remote: None }
}
