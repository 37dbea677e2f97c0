//! Whatever apps, phones, the store, the media plane and the network do, in the end nothing is left; and at no moment does anything
//! of one side show on the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers, NameAddr, SipUri, StatusCode};
use doorstep_sip::ua::{FlowId, Reply, SessionEvent, SessionId, UaEvent};
use proptest::prelude::*;

use super::storm_leaks::assert_no_leak;
use super::storm_steps::{Act, STRANGER, Step, UNKNOWN, steps};
use super::world::{
    APP_ANSWER, APP_OFFER, COMPANY, COURIER, CUSTOMER, EDGE_HOST, ORDER, PHONE_ANSWER, PHONE_OFFER, Who,
    World, config,
};
use crate::core::{
    CallEventKind, CallId, ClipId, Command, CourierId, DeviceId, Fallback, GatewayEvent, Input, MediaEvent,
    MediaFailure, OpId, OrderId, PushCommand, Side, WakeOutcome,
};

/// A world with what its people remember.
struct Storm {
    world: World,
    apps: Vec<FlowId>,
    sessions: BTreeMap<Who, Vec<SessionId>>,
    /// Flows whose connection was cut.
    cut: BTreeSet<FlowId>,
}

impl Storm {
    fn new(seed: u64, loss: Option<u32>) -> Self {
        let mut config = config();
        config.limits.ring = Duration::from_secs(40);
        config.session_expires = Some(Duration::from_secs(300));
        let mut world = World::with(config, seed);
        let apps = vec![world.ready_app(), world.connect("bert")];
        world.loss = loss;
        Self { world, apps, sessions: BTreeMap::new(), cut: BTreeSet::new() }
    }

    fn app(&self, n: usize) -> FlowId {
        self.apps[n % self.apps.len()]
    }

    /// Notes which sessions began and ended.
    fn look(&mut self) {
        for (who, event) in std::mem::take(&mut self.world.heard) {
            let known = self.sessions.entry(who).or_default();
            match event {
                UaEvent::IncomingInvite { session, .. } => known.push(session),
                UaEvent::Session { session, event: SessionEvent::Ended { .. } } => {
                    known.retain(|id| *id != session);
                }
                UaEvent::Session { session, event: SessionEvent::Offer { .. } } => {
                    // Most take an offer at once; the others answer by a step, or not at all.
                    if !self.world.now.since_epoch().as_millis().is_multiple_of(4) {
                        self.act(who, session, Act::TakeOffer(true));
                    }
                }
                UaEvent::Session { .. }
                | UaEvent::Response { .. }
                | UaEvent::RequestFailed { .. }
                | UaEvent::IncomingRequest { .. } => {}
            }
        }
    }

    fn began(&mut self, who: Who, session: SessionId) {
        self.sessions.entry(who).or_default().push(session);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Wait(ms) => self.world.pass(Duration::from_millis(ms)),
            Step::Connect if self.apps.len() < 4 => self.apps.push(self.world.connect(COURIER)),
            Step::Connect => {}
            Step::Register(n) => {
                let app = self.app(n);
                if !self.cut.contains(&app) {
                    self.world.register_blindly(app, COURIER);
                }
            }
            Step::Cut(n) => {
                let app = self.app(n);
                if self.cut.insert(app) {
                    self.world.cut(app);
                }
            }
            Step::Reconnect(n) => self.reconnect(n),
            Step::AppCalls(n, order, offer) => {
                let app = self.app(n);
                if !self.cut.contains(&app) {
                    let session = self.world.app_calls_with(app, order, offer);
                    self.began(Who::App(app), session);
                }
            }
            Step::PhoneCalls(caller, offer) => {
                let session = self.world.phone_calls(caller, COMPANY, offer);
                self.began(Who::Carrier, session);
            }
            Step::Do(who, n, act) => {
                let who = if who < 2 { Who::Carrier } else { Who::App(self.app(who)) };
                let sessions = self.sessions.get(&who).cloned().unwrap_or_default();
                if !sessions.is_empty() {
                    // The newest is the likeliest.
                    self.act(who, sessions[sessions.len() - 1 - n % sessions.len()], act);
                }
            }
            Step::Talk(n) => {
                self.step(Step::AppCalls(n, ORDER, APP_OFFER));
                self.answer_newest(Who::Carrier);
            }
            Step::TalkBack(n) => {
                self.step(Step::PhoneCalls(CUSTOMER, PHONE_OFFER));
                self.answer_newest(Who::App(self.app(n)));
            }
            Step::Connects(edge) => {
                let first = if edge { Side::Edge } else { Side::Trunk };
                let order = OrderId(ORDER.into());
                self.world.input(Input::Command(Command::Connect { op: OpId(1), order, first }));
            }
            Step::CompanyHangsUp => {
                let started = self.world.events.iter().rev().find_map(|event| match event {
                    GatewayEvent::Call { record, .. } => Some(record.id.clone()),
                    GatewayEvent::Counted { .. } | GatewayEvent::Trunk { .. } => None,
                });
                if let Some(call) = started {
                    self.world.input(Input::Command(Command::HangUp { op: OpId(2), call }));
                }
            }
            Step::StoreIsUp(up) => self.world.store.up = up,
            Step::CarrierIsDeaf(deaf) => self.world.carrier_is_deaf = deaf,
            Step::MediaAreFull(full) => self.world.media.exhausted = full,
            Step::MediaBreak(n) => {
                let open: Vec<_> =
                    self.world.media.legs.iter().filter(|(_, leg)| !leg.closed).map(|(id, _)| *id).collect();
                if !open.is_empty() {
                    let (leg, reason) = (open[n % open.len()], MediaFailure::Transport);
                    self.world.input(Input::Media(MediaEvent::Failed { leg, op: None, reason }));
                }
            }
            Step::OrderIsOpen(open) => self.world.store.open = open,
            Step::Otherwise(n) => self.world.store.otherwise = self.otherwise(n),
            Step::RegisterWakeable(n) => self.register_wakeable(n),
            Step::Close(n) => {
                self.register_wakeable(n);
                self.world.pass(Duration::from_millis(100));
                self.step(Step::Cut(n));
            }
            Step::WakeGoes(outcome) => {
                if !self.world.wakes().is_empty() {
                    self.world.wake_went(outcome);
                }
            }
            Step::DeviceGone(n) => {
                let device = DeviceId(format!("app-{n}"));
                self.world.input(Input::DeviceGone { courier: CourierId::new(COURIER), device });
            }
            Step::TakeOver(by, from) => self.take_over(by, from),
            Step::Played => {
                let legs: BTreeSet<_> = self.world.media.played.drain(..).map(|(leg, _)| leg).collect();
                for leg in legs {
                    self.world.input(Input::Media(MediaEvent::Played { leg }));
                }
            }
        }
        self.look();
    }

    fn otherwise(&self, n: u8) -> Fallback {
        let message = ClipId(0);
        match (n, self.world.centre()) {
            (0, _) => Fallback::Refuse,
            (1, _) => Fallback::Message { clip: message },
            (2, Fallback::ContactCentre { number, caller_id, .. }) => {
                Fallback::ContactCentre { number, caller_id, message: Some(message) }
            }
            (_, centre) => centre,
        }
    }

    fn register_wakeable(&mut self, n: usize) {
        let place = n % self.apps.len();
        let (app, number) = (self.apps[place], u32::try_from(place).unwrap());
        if !self.cut.contains(&app) {
            self.world.send_register_wakeable(app, number);
        }
    }

    fn take_over(&mut self, by: usize, from: usize) {
        let (by, from) = (self.app(by), self.app(from));
        let theirs = self.sessions.get(&Who::App(from)).and_then(|sessions| sessions.last().copied());
        let Some(replaces) = theirs.and_then(|session| self.world.app(from).replaces_value(session)) else {
            return;
        };
        if !self.cut.contains(&by) {
            let mut headers = Headers::default();
            headers.push(HeaderName::Replaces, replaces).unwrap();
            let uri = format!("sip:order.{ORDER}@{EDGE_HOST}");
            let session = self.world.invite_with(by, &uri, APP_OFFER, headers);
            self.began(Who::App(by), session);
        }
    }

    fn answer_newest(&mut self, who: Who) {
        self.step(Step::Wait(200));
        if let Some(session) = self.sessions.get(&who).and_then(|sessions| sessions.last().copied()) {
            self.act(who, session, Act::Ring);
            self.act(who, session, Act::Answer(true));
        }
        self.step(Step::Wait(200));
    }

    fn reconnect(&mut self, n: usize) {
        let place = n % self.apps.len();
        let old = self.apps[place];
        if !self.cut.remove(&old) {
            return;
        }
        let new = self.world.reconnect(old, COURIER);
        self.apps[place] = new;
        let sessions = self.sessions.remove(&Who::App(old)).unwrap_or_default();
        let now = self.world.now;
        for session in &sessions {
            let app = self.world.app(new);
            let _ = app.move_session(*session, new);
            let _ = app.reoffer(now, *session, Bytes::from_static(APP_OFFER.as_bytes()));
        }
        self.sessions.insert(Who::App(new), sessions);
    }

    /// What is not possible now changes nothing.
    fn act(&mut self, who: Who, session: SessionId, act: Act) {
        let now = self.world.now;
        let (answer, own) = match who {
            Who::Carrier => (PHONE_ANSWER, PHONE_OFFER),
            Who::App(_) => (APP_ANSWER, APP_OFFER),
        };
        let ua = self.world.ua(who);
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let _ = match act {
            Act::Ring => ua.progress(now, session, StatusCode::RINGING, Headers::default(), None),
            Act::Early => {
                let status = StatusCode::SESSION_PROGRESS;
                ua.progress(now, session, status, Headers::default(), Some(bytes(answer)))
            }
            Act::Answer(known) => {
                ua.answer(now, session, Headers::default(), bytes(if known { answer } else { UNKNOWN }))
            }
            Act::Reject(status) => ua.reject(now, session, Reply::new(StatusCode::new(status).unwrap())),
            Act::Offer(sdp) => ua.reoffer(now, session, bytes(sdp)),
            Act::TakeOffer(true) => ua.accept_offer(now, session, bytes(own)),
            Act::TakeOffer(false) => ua.reject_offer(now, session, StatusCode::NOT_ACCEPTABLE_HERE),
            Act::Digit => {
                let mut headers = Headers::default();
                headers.push(HeaderName::ContentType, "application/dtmf").unwrap();
                ua.info(now, session, headers, bytes("7"))
            }
            Act::Refer(allowed) => {
                let user = if allowed { "contact-centre" } else { STRANGER };
                let to = SipUri::new(EDGE_HOST.parse().unwrap()).with_user(user);
                ua.refer(now, session, &NameAddr::new(to))
            }
            Act::End => {
                ua.end(now, session, Some("SIP;cause=200;text=\"+49 30 901820 anna.kurier-77\"".into()))
            }
        };
    }

    /// The network and the store are well again, and everybody hangs up, or the gateway stops.
    fn calm_down(&mut self, stop: bool) {
        self.world.store.up = true;
        self.world.carrier_is_deaf = false;
        self.world.loss = None;
        if stop {
            self.world.pass(Duration::from_secs(60));
            self.world.input(Input::Shutdown);
            self.world.pass(Duration::from_secs(100));
            assert_eq!((self.world.core.call_count(), self.world.core.open_count()), (0, 0));
            self.look();
        }
        // A caller that was deaf when it was refused still waits: it gives up now.
        for _ in 0..3 {
            self.world.pass(Duration::from_secs(60));
            self.look();
            for (who, sessions) in self.sessions.clone() {
                if let Who::App(flow) = who
                    && !self.world.apps.contains_key(&flow)
                {
                    continue;
                }
                for session in sessions {
                    let now = self.world.now;
                    let _ = self.world.ua(who).end(now, session, None);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_sequence_of_operations_ends_with_nothing_left_and_nothing_leaked(
        steps in steps(), seed in any::<u64>(), loss in prop_oneof![Just(None), Just(Some(10)), Just(Some(4))],
        stop in any::<bool>(),
    ) {
        let mut storm = Storm::new(seed, loss);
        for step in steps {
            storm.step(step);
        }
        storm.calm_down(stop);
        let world = &mut storm.world;
        world.assert_at_rest();
        let counts = |wanted: CallEventKind| {
            let of_kind = world.events.iter().filter_map(|event| match event {
                GatewayEvent::Call { kind, record } if *kind == wanted => Some(record.id.clone()),
                GatewayEvent::Call { .. }
                | GatewayEvent::Counted { .. }
                | GatewayEvent::Trunk { .. } => None,
            });
            of_kind.collect::<Vec<_>>()
        };
        let (mut started, mut ended) = (counts(CallEventKind::Started), counts(CallEventKind::Ended));
        started.sort();
        ended.sort();
        prop_assert_eq!(started, ended, "each call begins once and ends once");
        let mut waking = BTreeSet::new();
        let mut woken = BTreeSet::new();
        for command in &world.pushed {
            match command {
                PushCommand::Wake { call, .. } => {
                    prop_assert!(woken.insert(call) && waking.insert(call), "one wake a call");
                }
                PushCommand::CancelWake { call } => prop_assert!(waking.remove(call), "called off once"),
                PushCommand::PutDevice { .. } | PushCommand::DeleteDevice { .. } => {}
            }
        }
        let in_vain = |call: &CallId| world.went.iter().any(|(of, outcome)| {
            of == call && matches!(outcome, WakeOutcome::NoDevice | WakeOutcome::Failed)
        });
        prop_assert!(waking.into_iter().all(in_vain), "what was asked for is called off, unless it is over");
        prop_assert_eq!(world.drained, stop);
        prop_assert_eq!(world.carrier.session_count(), 0);
        for app in world.apps.values() {
            prop_assert_eq!(app.session_count(), 0);
        }
        assert_no_leak(world);
    }
}
