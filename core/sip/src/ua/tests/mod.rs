//! Two user agents on a wire that a test can cut, delay and make lose; time is the test's.

mod auth;
mod calls;
mod changes;
mod refusals;
mod routes;
mod storms;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{
    EndCause, FlowId, FlowInfo, Invite, SessionEvent, SessionId, TransportKind, UaConfig, UaEvent, UaOutput,
    UserAgent,
};
use crate::Timestamp;
use crate::msg::{Headers, Message, NameAddr, SipUri, StatusCode};

pub(super) const FLOW: FlowId = FlowId(7);

/// Which end of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Alice,
    Bob,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}

/// Decides what becomes of a message: how long it takes, once per copy that arrives.
type Fate = Box<dyn FnMut(Side, &[u8]) -> Vec<Duration>>;

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) alice: UserAgent,
    pub(super) bob: UserAgent,
    wire: Vec<(Timestamp, Side, Bytes)>,
    pub(super) fate: Fate,
    pub(super) events: VecDeque<(Side, UaEvent)>,
    /// Start lines of all that was sent.
    pub(super) log: Vec<String>,
}

fn info(kind: TransportKind, name: &str) -> FlowInfo {
    let contact: SipUri = format!("sip:{name}@{name}.invalid").parse().unwrap();
    FlowInfo { transport: kind, host: contact.host.clone(), port: None, contact, remote: None }
}

impl World {
    pub(super) fn new(kind: TransportKind) -> Self {
        Self::with(kind, UaConfig::default(), UaConfig::default())
    }

    pub(super) fn with(kind: TransportKind, alice: UaConfig, bob: UaConfig) -> Self {
        let mut alice = UserAgent::new(alice, [1; 32]);
        let mut bob = UserAgent::new(bob, [2; 32]);
        alice.flow_opened(FLOW, info(kind, "alice"));
        bob.flow_opened(FLOW, info(kind, "bob"));
        Self {
            now: Timestamp::ZERO,
            alice,
            bob,
            wire: Vec::new(),
            fate: Box::new(|_, _| vec![Duration::from_millis(20)]),
            events: VecDeque::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn ua(&mut self, side: Side) -> &mut UserAgent {
        match side {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        }
    }

    fn drain(&mut self) {
        for side in [Side::Alice, Side::Bob] {
            while let Some(output) = self.ua(side).poll() {
                match output {
                    UaOutput::Send { bytes, .. } => {
                        let line = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
                        self.log.push(format!("{side:?}: {}", String::from_utf8_lossy(line)));
                        assert!(Message::parse(&bytes).is_ok(), "what a user agent sends can be read");
                        for delay in (self.fate)(side, &bytes) {
                            self.wire.push((self.now + delay, side.other(), bytes.clone()));
                        }
                    }
                    UaOutput::Event(event) => self.events.push_back((side, event)),
                }
            }
        }
    }

    /// Hands a message to one side as if it had come over the wire; what it sends at once comes back.
    pub(super) fn inject(&mut self, side: Side, text: &str) -> Vec<Message> {
        let now = self.now;
        let bytes = text.replace('\n', "\r\n");
        self.ua(side).handle_message(now, FLOW, bytes.as_bytes());
        let mut sent = Vec::new();
        while let Some(output) = self.ua(side).poll() {
            match output {
                UaOutput::Send { bytes, .. } => sent.push(Message::parse(&bytes).unwrap()),
                UaOutput::Event(event) => self.events.push_back((side, event)),
            }
        }
        sent
    }

    /// Goes on until something happens that a user hears of; `None` when nothing ever will before `limit`.
    pub(super) fn next_event(&mut self, limit: Duration) -> Option<(Side, UaEvent)> {
        let end = self.now + limit;
        loop {
            self.drain();
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let arrivals = self.wire.iter().map(|(at, ..)| *at).min();
            let timers = [self.alice.next_deadline(), self.bob.next_deadline()];
            let next = timers.into_iter().flatten().chain(arrivals).min()?;
            if next > end {
                self.now = end;
                return None;
            }
            self.now = self.now.max(next);
            let now = self.now;
            if let Some(at) = self.wire.iter().position(|(at, ..)| *at <= now) {
                let (_, side, bytes) = self.wire.remove(at);
                self.ua(side).handle_message(now, FLOW, &bytes);
            } else {
                self.alice.handle_timeout(now);
                self.bob.handle_timeout(now);
            }
        }
    }

    /// Lets `duration` pass; what happens is kept for the test to read.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut seen = VecDeque::new();
        while let Some(event) = self.next_event(end.saturating_since(self.now)) {
            seen.push_back(event);
        }
        self.now = end;
        self.events = seen;
    }

    pub(super) fn session_event(&mut self, side: Side) -> SessionEvent {
        loop {
            match self.next_event(Duration::from_secs(200)) {
                Some((at, UaEvent::Session { event, .. })) if at == side => return event,
                Some(_) => {}
                None => panic!("nothing more happens to {side:?}; sent: {:#?}", self.log),
            }
        }
    }

    pub(super) fn ended(&mut self, side: Side) -> EndCause {
        loop {
            if let SessionEvent::Ended { cause } = self.session_event(side) {
                return cause;
            }
        }
    }

    pub(super) fn invite(&mut self) -> SessionId {
        let now = self.now;
        let uri = |name: &str| name.parse::<SipUri>().unwrap();
        self.alice
            .invite(
                now,
                FLOW,
                Invite {
                    uri: uri("sip:bob@bob.invalid").into(),
                    from: NameAddr::new(uri("sip:alice@example.com")),
                    to: NameAddr::new(uri("sip:bob@example.com")),
                    call_id: None,
                    headers: Headers::default(),
                    sdp: Bytes::from_static(b"offer"),
                },
            )
            .unwrap()
    }

    pub(super) fn incoming(&mut self, side: Side) -> SessionId {
        loop {
            match self.next_event(Duration::from_secs(200)) {
                Some((at, UaEvent::IncomingInvite { session, .. })) if at == side => return session,
                Some(_) => {}
                None => panic!("no call came; sent: {:#?}", self.log),
            }
        }
    }

    /// A call that both sides know to be answered.
    pub(super) fn connected(&mut self) -> (SessionId, SessionId) {
        let a = self.invite();
        let b = self.incoming(Side::Bob);
        let now = self.now;
        self.bob.progress(now, b, StatusCode::RINGING, Headers::default(), None).unwrap();
        self.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
        while !matches!(self.session_event(Side::Bob), SessionEvent::Confirmed { .. }) {}
        (a, b)
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.log.iter().filter(|line| line.starts_with(start)).count()
    }

    /// When all timers have run, nothing of anything may be left.
    pub(super) fn assert_nothing_left(&mut self) {
        self.pass(Duration::from_secs(200));
        for (name, ua) in [("alice", &self.alice), ("bob", &self.bob)] {
            assert_eq!(ua.clients.len(), 0, "{name}'s client transactions");
            assert_eq!(ua.client_keys.len(), 0, "{name}'s branches");
            assert_eq!(ua.servers.len(), 0, "{name}'s server transactions");
            assert_eq!(ua.server_keys.len(), 0, "{name}'s server keys");
            assert_eq!(ua.merge_keys.len(), 0, "{name}'s merge keys");
            assert_eq!(ua.incoming.len(), 0, "{name}'s requests");
            assert_eq!(ua.sessions.len(), 0, "{name}'s sessions");
            assert_eq!(ua.dialogs.len(), 0, "{name}'s dialogs");
            assert_eq!(ua.timers.len(), 0, "{name}'s timers");
        }
    }
}
