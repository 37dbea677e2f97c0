//! The gateway's core as what the courier's endpoint is connected to, with a store, a media plane and a carrier that are
//! made up and take no time.

use std::collections::VecDeque;

use bytes::Bytes;
use doorstep_gateway::core::{
    Binding, CallId, CarrierConfig, CarrierId, CoreConfig, CourierId, ErrorCode, Fallback, GatewayCore,
    Grant, Hidden, Identity, Input, Lookup, LookupResult, MediaCommand, MediaEvent, OrderId, Output,
    Peer as AtFarEnd, PushCommand, Route, Side, WakeOutcome,
};
use doorstep_gateway::masking::{E164, NumberPlan};
use doorstep_sip::msg::{Headers, NameAddr, SipUri, StatusCode};
use doorstep_sip::ua::{
    FlowId, FlowInfo, Invite, SessionEvent, SessionId, TransportKind, UaConfig, UaEvent, UaOutput, UserAgent,
};
use doorstep_sip::{Sensitive, Timestamp};
use doorstep_testkit::fake_media::sdp;
use doorstep_testkit::server::{Peer, PeerOutput};

const CARRIER_FLOW: FlowId = FlowId(1_000_000);
pub(crate) const CUSTOMER: &str = "+4930901820";
pub(crate) const COMPANY: &str = "+493022220000";

pub(crate) struct Gateway {
    pub(crate) core: GatewayCore,
    /// The carrier, and the customer's phone behind it.
    pub(crate) carrier: UserAgent,
    pub(crate) heard: VecDeque<UaEvent>,
    pub(crate) bindings: Vec<Binding>,
    /// What push-service was told.
    pub(crate) pushed: Vec<PushCommand>,
    /// Another courier has the order.
    pub(crate) taken: bool,
    outputs: VecDeque<PeerOutput>,
    legs: u32,
}

fn info(kind: TransportKind, host: &str) -> FlowInfo {
    let contact: SipUri = format!("sip:{host}").parse().unwrap();
    FlowInfo { transport: kind, host: contact.host.clone(), port: None, contact, remote: None }
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let mut config = CoreConfig::new("gw.example".parse().unwrap(), NumberPlan::of("DE").unwrap());
        let mut carrier = CarrierConfig::new(CarrierId("main".into()), "203.0.113.5".parse().unwrap());
        carrier.health_interval = None;
        config.carriers.push(carrier);
        let mut carrier = UserAgent::new(UaConfig::default(), [8; 32]);
        carrier.flow_opened(CARRIER_FLOW, info(TransportKind::Tcp, "203.0.113.5"));
        let mut gateway = Self {
            core: GatewayCore::new(config, [9; 32]),
            carrier,
            heard: VecDeque::new(),
            bindings: Vec::new(),
            pushed: Vec::new(),
            taken: false,
            outputs: VecDeque::new(),
            legs: 0,
        };
        gateway.input(
            Timestamp::ZERO,
            Input::FlowOpened {
                flow: CARRIER_FLOW,
                peer: AtFarEnd::Carrier { carrier: CarrierId("main".into()), outbound: true },
                info: Sensitive::new(info(TransportKind::Tcp, "198.51.100.20")),
            },
        );
        gateway
    }

    /// The customer calls back.
    pub(crate) fn customer_calls(&mut self, now: Timestamp) -> SessionId {
        let uri = |user: &str, host: &str| format!("sip:{user}@{host}").parse::<SipUri>().unwrap();
        let to = uri(COMPANY, "198.51.100.20");
        let invite = Invite {
            uri: to.clone().into(),
            from: NameAddr::new(uri(CUSTOMER, "203.0.113.5")),
            to: NameAddr::new(to),
            call_id: None,
            headers: Headers::default(),
            sdp: phone_sdp(1, false),
        };
        let session = self.carrier.invite(now, CARRIER_FLOW, invite).unwrap();
        self.settle(now);
        session
    }

    /// The last call that push-service was to wake somebody for, with the end of its ringing.
    pub(crate) fn wake(&self) -> Option<(String, Timestamp)> {
        self.pushed.iter().rev().find_map(|command| match command {
            PushCommand::Wake { call, expires_at, .. } => Some((call.0.clone(), *expires_at)),
            PushCommand::PutDevice { .. }
            | PushCommand::DeleteDevice { .. }
            | PushCommand::CancelWake { .. } => None,
        })
    }

    /// push-service says what became of it.
    pub(crate) fn wake_went(&mut self, now: Timestamp, call: &str, outcome: WakeOutcome) {
        self.input(now, Input::PushResult { call: CallId(call.to_owned()), outcome });
    }

    /// Lets the customer do something.
    pub(crate) fn customer<T>(&mut self, now: Timestamp, act: impl FnOnce(&mut UserAgent) -> T) -> T {
        let done = act(&mut self.carrier);
        self.settle(now);
        done
    }

    pub(crate) fn session_event(&mut self, session: SessionId) -> Option<SessionEvent> {
        let of = |event: &UaEvent| matches!(event, UaEvent::Session { session: of, .. } if *of == session);
        let at = self.heard.iter().position(of)?;
        match self.heard.remove(at)? {
            UaEvent::Session { event, .. } => Some(event),
            _ => None,
        }
    }

    /// The call that rings at the customer.
    pub(crate) fn ringing_at_customer(&mut self) -> Option<SessionId> {
        self.heard.iter().find_map(|event| match event {
            UaEvent::IncomingInvite { session, .. } => Some(*session),
            _ => None,
        })
    }

    fn input(&mut self, now: Timestamp, input: Input) {
        self.core.handle_input(now, input);
        self.settle(now);
    }

    /// Carries everything between core, store, media and carrier until nothing moves.
    fn settle(&mut self, now: Timestamp) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.core.poll_output() {
                quiet = false;
                self.carry_out(now, output);
            }
            while let Some(output) = self.carrier.poll() {
                quiet = false;
                match output {
                    UaOutput::Send { bytes, .. } => {
                        let bytes = Sensitive::new(bytes);
                        self.core.handle_input(
                            now,
                            Input::Message { side: Side::Trunk, flow: CARRIER_FLOW, bytes },
                        );
                    }
                    UaOutput::Event(event) => self.heard.push_back(event),
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, now: Timestamp, output: Output) {
        match output {
            Output::Send { side: Side::Edge, flow, bytes } => {
                let bytes = bytes.into_exposed();
                let text = String::from_utf8_lossy(&bytes);
                assert!(
                    !text.contains(CUSTOMER) && !text.contains("203.0.113"),
                    "nothing of the customer: {text}"
                );
                self.outputs.push_back(PeerOutput::Send { flow, bytes });
            }
            Output::Send { side: Side::Trunk, bytes, .. } => {
                let bytes = bytes.into_exposed();
                let text = String::from_utf8_lossy(&bytes);
                assert!(
                    !text.contains("anna") && !text.contains(".invalid"),
                    "nothing of the courier: {text}"
                );
                self.carrier.handle_message(now, CARRIER_FLOW, &bytes);
            }
            Output::Close { side: Side::Edge, flow } => self.outputs.push_back(PeerOutput::Close { flow }),
            Output::Lookup { op, lookup } => {
                let result = self.look_up(lookup);
                self.core.handle_input(now, Input::Lookup { op, result });
            }
            Output::Media(command) => {
                for event in self.media(command) {
                    self.core.handle_input(now, Input::Media(event));
                }
            }
            Output::Push(command) => self.pushed.push(command),
            Output::Close { side: Side::Trunk, .. }
            | Output::Event(_)
            | Output::CommandDone { .. }
            | Output::Drained => {}
        }
    }

    fn look_up(&mut self, lookup: Lookup) -> LookupResult {
        let grant = Grant {
            order: OrderId("4711".into()),
            courier: CourierId::new("anna"),
            label: Some(Hidden::new("Order 4711".into())),
            customer: E164::parse(CUSTOMER).unwrap(),
            caller_id: E164::parse(COMPANY).unwrap(),
            ring_time: None,
            max_talk: None,
        };
        let of = |bindings: &[Binding]| LookupResult::Bindings(bindings.to_vec());
        match lookup {
            Lookup::MayCall { .. } if self.taken => LookupResult::Refused(ErrorCode::NotYourOrder),
            Lookup::MayCall { order, .. } if order.0 == "4711" => LookupResult::Grant(grant),
            Lookup::MayCall { .. } => LookupResult::Refused(ErrorCode::NoSuchOrder),
            Lookup::RouteIncoming { .. } => {
                LookupResult::Route(Route::Courier { grant, otherwise: Fallback::Refuse })
            }
            Lookup::SaveBinding(binding) => {
                self.bindings.retain(|known| known.instance != binding.instance);
                self.bindings.push(binding);
                of(&self.bindings)
            }
            Lookup::RemoveBinding { .. } => {
                self.bindings.clear();
                of(&self.bindings)
            }
            Lookup::LoadBindings { .. } => of(&self.bindings),
            Lookup::ForgetPush { contact, .. } => {
                for known in &mut self.bindings {
                    known.push.take_if(|_| known.contact == contact);
                }
                of(&self.bindings)
            }
            Lookup::RecordCall(_) => LookupResult::Recorded,
        }
    }

    fn media(&mut self, command: MediaCommand) -> Vec<MediaEvent> {
        self.legs += 1;
        let number = u64::from(self.legs);
        let held = |sdp: &str| sdp.contains("a=sendonly") || sdp.contains("a=inactive");
        match command {
            MediaCommand::CreateOffer { leg, op, hold, .. } => {
                vec![MediaEvent::LocalDescription { leg, op, sdp: sdp(number, 1, 0, hold, true) }]
            }
            MediaCommand::CreateAnswer { leg, op, offer, .. } => vec![
                MediaEvent::LocalDescription { leg, op, sdp: sdp(number, 1, 0, false, true) },
                MediaEvent::RemoteHold { leg, held: held(offer.expose()) },
            ],
            MediaCommand::ApplyAnswer { leg, op, .. } => vec![MediaEvent::Done { leg, op }],
            MediaCommand::Join { .. }
            | MediaCommand::SetForward { .. }
            | MediaCommand::SendDtmf { .. }
            | MediaCommand::Play { .. }
            | MediaCommand::Close { .. } => Vec::new(),
        }
    }
}

/// What the customer's phone says of its voice.
pub(crate) fn phone_sdp(version: u32, hold: bool) -> Bytes {
    sdp(70, version, 0, hold, true).into_exposed().into()
}

pub(crate) const RINGING: StatusCode = StatusCode::RINGING;

impl Peer for Gateway {
    fn flow_opened(&mut self, now: Timestamp, flow: FlowId, _: usize) {
        let identity = Identity { courier: CourierId::new("anna"), expires_at: None };
        let info = Sensitive::new(info(TransportKind::Wss, "gw.example"));
        self.input(now, Input::FlowOpened { flow, peer: AtFarEnd::App(Some(identity)), info });
    }

    fn flow_closed(&mut self, now: Timestamp, flow: FlowId) {
        self.input(now, Input::FlowClosed { side: Side::Edge, flow });
    }

    fn handle_frame(&mut self, now: Timestamp, flow: FlowId, bytes: &[u8]) {
        if bytes == b"\r\n\r\n" {
            // The driver's part.
            self.outputs.push_back(PeerOutput::Send { flow, bytes: Bytes::from_static(b"\r\n") });
            return;
        }
        let bytes = Sensitive::new(Bytes::copy_from_slice(bytes));
        self.input(now, Input::Message { side: Side::Edge, flow, bytes });
    }

    fn handle_deadline(&mut self, now: Timestamp) {
        self.carrier.handle_timeout(now);
        self.input(now, Input::Deadline);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        [self.core.next_deadline(), self.carrier.next_deadline()].into_iter().flatten().min()
    }

    fn poll(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }

    fn is_clean(&self) -> bool {
        self.core.call_count() == 0 && self.core.open_count() == 0 && self.carrier.session_count() == 0
    }
}
