//! A stand-in for the gateway that a test moves by hand: it registers whoever asks, and calls, answers and refuses as
//! the test says.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{Command, EndpointConfig, TransportKind};
use doorstep_sip::Timestamp;
use doorstep_sip::digest::{DigestConfig, DigestRefusal, DigestServer, Secret};
use doorstep_sip::msg::{Contacts, HeaderName, Headers, Method, NameAddr, Request, SipUri, StatusCode, Uri};
use doorstep_sip::ua::{
    FlowId, FlowInfo, IncomingId, Invite, Reply, SessionEvent, SessionId, UaConfig, UaEvent, UaOutput,
    UserAgent,
};

use crate::fake_media::sdp;
use crate::network::Conditions;
use crate::server::{Peer, PeerOutput};
use crate::world::{HOP, World};

/// See the [module](self).
pub struct StandIn {
    /// Its user agent, for the test to use.
    pub ua: UserAgent,
    /// REGISTERs are answered with this.
    pub register_status: StatusCode,
    /// REGISTERs must show this password (RFC 7616).
    pub password: Option<String>,
    /// Keep-alives have no answer.
    pub ignores_pings: bool,
    /// Whoever registers next is called by these names, right behind the answer to the REGISTER, as the gateway calls who was woken.
    pub waiting: Vec<String>,
    /// Sessions of those calls.
    pub called: Vec<SessionId>,
    /// Every REGISTER, and the time it came.
    pub registers: Vec<(Timestamp, Request)>,
    /// Start line of every message of a phone.
    pub came: Vec<(Timestamp, usize, String)>,
    /// Keep-alives, and the flow that each came on.
    pub pings: Vec<(Timestamp, FlowId)>,
    digest: DigestServer,
    events: VecDeque<UaEvent>,
    flows: BTreeMap<FlowId, usize>,
    newest: BTreeMap<usize, FlowId>,
    outputs: VecDeque<PeerOutput>,
}

impl Default for StandIn {
    fn default() -> Self {
        let config = UaConfig { accepted_methods: vec![Method::Register], ..UaConfig::default() };
        Self {
            ua: UserAgent::new(config, [99; 32]),
            register_status: StatusCode::OK,
            password: None,
            digest: DigestServer::new(DigestConfig::new("gw.example"), [98; 32]),
            ignores_pings: false,
            waiting: Vec::new(),
            called: Vec::new(),
            registers: Vec::new(),
            came: Vec::new(),
            pings: Vec::new(),
            events: VecDeque::new(),
            flows: BTreeMap::new(),
            newest: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }
}

impl StandIn {
    /// The newest connection of a phone.
    pub fn flow(&self, phone: usize) -> Option<FlowId> {
        self.newest.get(&phone).copied()
    }

    /// How many messages of a phone began like that.
    pub fn count(&self, phone: usize, start: &str) -> usize {
        self.came.iter().filter(|(_, from, line)| *from == phone && line.starts_with(start)).count()
    }

    /// Sends a phone something that no user agent would.
    pub fn inject(&mut self, phone: usize, bytes: impl Into<Bytes>) {
        if let Some(flow) = self.flow(phone) {
            self.outputs.push_back(PeerOutput::Send { flow, bytes: bytes.into() });
        }
    }

    /// Closes the newest connection of a phone.
    pub fn close(&mut self, phone: usize) {
        if let Some(flow) = self.flow(phone) {
            self.outputs.push_back(PeerOutput::Close { flow });
        }
    }

    /// Takes out the next event of a session.
    pub fn session_event(&mut self, session: SessionId) -> Option<SessionEvent> {
        let is_it = |event: &UaEvent| matches!(event, UaEvent::Session { session: of, .. } if *of == session);
        let at = self.events.iter().position(is_it)?;
        match self.events.remove(at)? {
            UaEvent::Session { event, .. } => Some(event),
            _ => None,
        }
    }

    /// Takes out a call that a phone makes.
    pub fn invite(&mut self) -> Option<(SessionId, Request, Option<SessionId>)> {
        let at = self.events.iter().position(|event| matches!(event, UaEvent::IncomingInvite { .. }))?;
        match self.events.remove(at)? {
            UaEvent::IncomingInvite { session, request, replaces, .. } => Some((session, request, replaces)),
            _ => None,
        }
    }

    /// Calls a phone about order 4711.
    fn call(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        call_id: &str,
        headers: Headers,
        sdp: Bytes,
    ) -> Option<SessionId> {
        let uri = |text: &str| text.parse::<SipUri>().map(Uri::from);
        let (Ok(to), Ok(from)) = (uri("sip:anna@gw.example"), uri("sip:order.4711@gw.example")) else {
            return None;
        };
        let invite = Invite {
            uri: to.clone(),
            from: NameAddr::new(from).with_display_name("Order 4711"),
            to: NameAddr::new(to),
            call_id: Some(call_id.to_owned()),
            headers,
            sdp,
        };
        let called = self.ua.invite(now, flow, invite);
        assert!(called.is_ok(), "{called:?}");
        called.ok()
    }

    fn pump(&mut self, now: Timestamp) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { flow, bytes } => self.outputs.push_back(PeerOutput::Send { flow, bytes }),
                UaOutput::Event(UaEvent::IncomingRequest { id, request, flow, .. })
                    if request.method == Method::Register =>
                {
                    self.register(now, id, request);
                    for call_id in std::mem::take(&mut self.waiting) {
                        let called = self.call(now, flow, &call_id, Headers::default(), far_sdp(1));
                        self.called.extend(called);
                    }
                }
                UaOutput::Event(event) => self.events.push_back(event),
            }
        }
    }

    fn register(&mut self, now: Timestamp, id: IncomingId, request: Request) {
        let mut reply = self.challenge(now, &request).unwrap_or_else(|| Reply::new(self.register_status));
        if let Some(Contacts::List(list)) = request.headers.contacts() {
            for contact in list.iter().filter(|contact| contact.params.value("expires") != Some("0")) {
                assert!(reply.headers.push(HeaderName::Contact, contact).is_ok());
            }
        }
        self.registers.push((now, request));
        assert_eq!(self.ua.respond(now, id, reply), Ok(()));
    }

    /// 401, unless the password was shown or none is wanted.
    fn challenge(&mut self, now: Timestamp, request: &Request) -> Option<Reply> {
        let secret = Secret::Password(self.password.clone()?.into());
        let Some(presented) = self.digest.presented(request) else {
            return Some(self.digest.refuse(now, DigestRefusal::Missing));
        };
        let refusal = self.digest.verify(now, request, &presented, Some(&secret)).err()?;
        Some(self.digest.refuse(now, refusal))
    }
}

impl Peer for StandIn {
    fn flow_opened(&mut self, _: Timestamp, flow: FlowId, phone: usize) {
        let uri: Result<SipUri, _> = "sip:gw.example;transport=ws".parse();
        if let Ok(contact) = uri {
            let host = contact.host.clone();
            self.ua.flow_opened(
                flow,
                FlowInfo { transport: TransportKind::Ws, host, port: None, contact, remote: None },
            );
            self.ua.set_flow_owner(flow, phone as u64);
        }
        self.flows.insert(flow, phone);
        self.newest.insert(phone, flow);
    }

    fn flow_closed(&mut self, now: Timestamp, flow: FlowId) {
        self.flows.remove(&flow);
        self.newest.retain(|_, newest| *newest != flow);
        self.ua.flow_closed(now, flow);
        self.pump(now);
    }

    fn handle_frame(&mut self, now: Timestamp, flow: FlowId, bytes: &[u8]) {
        let Some(phone) = self.flows.get(&flow).copied() else { return };
        if bytes == b"\r\n\r\n" {
            self.pings.push((now, flow));
            if !self.ignores_pings {
                self.outputs.push_back(PeerOutput::Send { flow, bytes: Bytes::from_static(b"\r\n") });
            }
            return;
        }
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        self.came.push((now, phone, String::from_utf8_lossy(line).into_owned()));
        self.ua.handle_message(now, flow, bytes);
        self.pump(now);
    }

    fn handle_deadline(&mut self, now: Timestamp) {
        self.ua.handle_timeout(now);
        self.pump(now);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.ua.next_deadline()
    }

    fn poll(&mut self) -> Option<PeerOutput> {
        // What the test has asked of the user agent since.
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { flow, bytes } => self.outputs.push_back(PeerOutput::Send { flow, bytes }),
                UaOutput::Event(event) => self.events.push_back(event),
            }
        }
        self.outputs.pop_front()
    }

    fn is_clean(&self) -> bool {
        self.ua.session_count() == 0
    }
}

/// What the stand-in says of its voice.
pub fn far_sdp(version: u32) -> Bytes {
    sdp(900, version, 0, false, true).into_exposed().into()
}

/// The same, holding the phone.
pub fn far_hold(version: u32) -> Bytes {
    sdp(900, version, 0, true, true).into_exposed().into()
}

impl World<StandIn> {
    /// One phone, registered at a stand-in over a WebSocket-like connection.
    pub fn with_stand_in() -> Self {
        Self::stand_in_with(|_| {})
    }

    /// The same with a configuration of the test's.
    pub fn stand_in_with(change: impl FnOnce(&mut EndpointConfig)) -> Self {
        let mut world = Self::idle_stand_in_with(change);
        world.command(0, Command::Register);
        world.pass(Duration::from_secs(1));
        world
    }

    /// The same, but the phone is offline.
    pub fn idle_stand_in_with(change: impl FnOnce(&mut EndpointConfig)) -> Self {
        let mut config =
            EndpointConfig::new("gw.example", "anna", "urn:uuid:00000000-0000-4000-8000-000000000001");
        change(&mut config);
        Self::new([config], StandIn::default(), TransportKind::Wss, Conditions::stream(HOP), 1)
    }

    /// The stand-in calls a phone about order 4711.
    pub fn ring(&mut self, phone: usize, call_id: &str) -> SessionId {
        self.ring_with(phone, call_id, Headers::default(), far_sdp(1))
    }

    /// The same with headers and an offer of the test's.
    pub fn ring_with(&mut self, phone: usize, call_id: &str, headers: Headers, sdp: Bytes) -> SessionId {
        let flow = self.server.flow(phone).unwrap_or(FlowId(0));
        self.server.call(self.now, flow, call_id, headers, sdp).unwrap_or(SessionId(0))
    }

    /// Goes on until a phone's INVITE is there.
    pub fn until_invite(&mut self) -> (SessionId, Request, Option<SessionId>) {
        let end = self.now + Duration::from_secs(100);
        loop {
            if let Some(invite) = self.server.invite() {
                return invite;
            }
            assert!(self.step(end), "no INVITE came");
        }
    }

    /// Goes on until something happens in a session of the stand-in.
    pub fn until_session(&mut self, session: SessionId) -> SessionEvent {
        let end = self.now + Duration::from_secs(200);
        loop {
            if let Some(event) = self.server.session_event(session) {
                return event;
            }
            assert!(self.step(end), "nothing more happens in the session");
        }
    }

    /// A call that the phone made and the stand-in answered; the stand-in's session.
    pub fn in_call(&mut self) -> (doorstep_call::CallHandle, SessionId) {
        let call = self.contact(0, "4711");
        let (session, _, _) = self.until_invite();
        let answered = self.server.ua.answer(self.now, session, Headers::default(), far_sdp(1));
        assert_eq!(answered, Ok(()));
        self.until_state(0, call, crate::world::ACTIVE);
        assert!(matches!(self.until_session(session), SessionEvent::Confirmed { .. }));
        self.pass(Duration::from_secs(1));
        (call, session)
    }
}
