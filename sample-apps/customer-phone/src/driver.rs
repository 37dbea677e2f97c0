//! The phone's one task: takes one input, lets the user agent work, and sends what comes out.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use doorstep_sip::Timestamp;
use doorstep_sip::digest::Credentials;
use doorstep_sip::msg::{HeaderName, Headers, NameAddr, Request, SipUri, StatusCode};
use doorstep_sip::ua::{
    FlowId, Invite, Reply as SipReply, RequestId, SessionId, UaConfig, UaError, UaEvent, UaOutput, UserAgent,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::call::{Call, Purpose};
use crate::media::{MediaFault, MediaNews};
use crate::phone::Reply;
use crate::wire::{Received, Wire};
use crate::{
    CallId, EndReason, OnCall, PhoneConfig, PhoneError, PhoneEvent, PhoneEventKind, SignIn, Transport,
    identity, registration,
};

/// How long the far side may take to hear that this phone stops.
const LAST_WORDS: Duration = Duration::from_secs(2);
const MEDIA_NEWS: usize = 256;
/// Calls at once: more than any gateway of the tests bears.
const MAX_CALLS: usize = 1_024;

/// What the phone's owner wants.
pub(crate) enum Command {
    Register { reply: Reply<()> },
    Call { number: String, withheld: bool, reply: Reply<CallId> },
    Answer { call: CallId, reply: Reply<()> },
    Refuse { call: CallId, status: u16, reply: Reply<()> },
    HangUp { call: CallId, reply: Reply<()> },
    Hold { call: CallId, hold: bool, reply: Reply<()> },
    Digits { call: CallId, digits: String, reply: Reply<()> },
    Transfer { call: CallId, user: String, reply: Reply<()> },
    Shutdown { done: oneshot::Sender<()> },
}

/// Runs a phone until it is told to stop or nobody holds it any more.
pub(crate) async fn run(
    config: PhoneConfig,
    mut wire: Wire,
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<PhoneEvent>,
) {
    let (news, mut media_news) = mpsc::channel(MEDIA_NEWS);
    let mut driver = Driver::new(config, events, news);
    loop {
        driver.drain(&mut wire);
        let Some(due) = driver.next_due() else { break };
        tokio::select! {
            received = wire.receive() => match received {
                Ok(received) => driver.received(received),
                Err(error) => {
                    tracing::error!(%error, "the phone's socket failed");
                    break;
                }
            },
            command = commands.recv() => match command {
                Some(command) => driver.command(command, &mut wire),
                None => break,
            },
            Some((call, news)) = media_news.recv() => driver.media(call, news, &mut wire),
            () = tokio::time::sleep_until(due) => driver.due(),
        }
    }
    driver.close_media().await;
}

pub(crate) struct Driver {
    pub(crate) config: PhoneConfig,
    pub(crate) ua: UserAgent,
    pub(crate) calls: BTreeMap<CallId, Call>,
    sessions: BTreeMap<SessionId, CallId>,
    last_call: u64,
    pub(crate) contact: Option<SipUri>,
    /// Tells this phone from its owner's others (RFC 5626 section 4.1).
    pub(crate) instance: String,
    epoch: Instant,
    events: mpsc::Sender<PhoneEvent>,
    news: mpsc::Sender<(CallId, MediaNews)>,
    /// Set once it stops: whom to tell, and when at the latest.
    stopping: Option<(oneshot::Sender<()>, Instant)>,
    /// Whoever reads the events has fallen behind or gone.
    unread: bool,
    closing: Vec<crate::media::Media>,
    pub(crate) registering: Vec<(RequestId, Reply<()>)>,
}

impl Driver {
    fn new(
        config: PhoneConfig,
        events: mpsc::Sender<PhoneEvent>,
        news: mpsc::Sender<(CallId, MediaNews)>,
    ) -> Self {
        let product = concat!("customer-phone/", env!("CARGO_PKG_VERSION")).to_owned();
        let mut ua = UserAgent::new(
            UaConfig { product, max_sessions: MAX_CALLS, ..UaConfig::default() },
            rand::random(),
        );
        if let Transport::WebSocket { sign_in: SignIn::Password(password), .. } = &config.transport {
            ua.set_credentials(Some(Credentials::new(config.number.clone(), password.expose().clone())));
        }
        let instance = config.instance.clone().unwrap_or_else(registration::instance);
        Self {
            config,
            ua,
            calls: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last_call: 0,
            contact: None,
            instance,
            epoch: Instant::now(),
            events,
            news,
            stopping: None,
            unread: false,
            closing: Vec::new(),
            registering: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    pub(crate) fn emit(&mut self, call: CallId, kind: PhoneEventKind) {
        let event = PhoneEvent { call, at: SystemTime::now(), kind };
        if self.events.try_send(event).is_err() {
            self.unread = true;
        }
    }

    /// Sends what the user agent wants sent, and acts on what it tells.
    fn drain(&mut self, wire: &mut Wire) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { flow, bytes } => wire.send(flow, bytes),
                UaOutput::Event(event) => self.ua_event(event),
            }
        }
    }

    /// When to look again at the latest; `None` when the phone is to stop.
    fn next_due(&mut self) -> Option<Instant> {
        let settled = self.ua.requests_under_way() == 0 && self.calls.is_empty();
        if let Some((_, latest)) = &self.stopping
            && (settled || *latest <= Instant::now())
        {
            return None;
        }
        if self.unread {
            tracing::error!("nobody reads this phone's events: it stops");
            return None;
        }
        let ua = self.ua.next_deadline().map(|due| self.epoch + due.since_epoch());
        let again = |call: &Call| call.again.map(|(_, at, _)| at);
        let calls = self.calls.values().flat_map(|call| [call.answer_at, again(call)]).flatten();
        let stop = self.stopping.as_ref().map(|(_, latest)| *latest);
        let far = Instant::now() + Duration::from_secs(3600);
        Some(calls.chain(ua).chain(stop).min().unwrap_or(far))
    }

    fn due(&mut self) {
        let now = self.now();
        self.ua.handle_timeout(now);
        let due = |call: &Call| call.answer_at.is_some_and(|at| at <= Instant::now());
        let calls: Vec<_> = self.calls.iter().filter(|(_, call)| due(call)).map(|(id, _)| *id).collect();
        for id in calls {
            if let Err(error) = self.answer(id) {
                tracing::warn!(%error, "a call could not be answered");
            }
        }
        let due = |call: &Call| call.again.is_some_and(|(_, at, _)| at <= Instant::now());
        let calls: Vec<_> = self.calls.iter().filter(|(_, call)| due(call)).map(|(id, _)| *id).collect();
        for id in calls {
            self.hold_again(id);
        }
    }

    fn received(&mut self, received: Received) {
        let now = self.now();
        match received {
            Received::Opened(flow, info) => self.ua.flow_opened(flow, info),
            Received::Message(flow, bytes) => self.ua.handle_message(now, flow, &bytes),
            Received::Closed(flow) => self.ua.flow_closed(now, flow),
        }
    }

    fn command(&mut self, command: Command, wire: &mut Wire) {
        // Whoever asked may have stopped waiting; what was done stays done.
        match command {
            Command::Register { reply } => match self.register(wire) {
                Ok(request) => self.registering.push((request, reply)),
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Call { number, withheld, reply } => {
                drop(reply.send(self.call(number, withheld, wire)));
            }
            Command::Answer { call, reply } => drop(reply.send(self.answer(call))),
            Command::Refuse { call, status, reply } => drop(reply.send(self.refuse(call, status))),
            Command::HangUp { call, reply } => drop(reply.send(self.hang_up(call))),
            Command::Hold { call, hold, reply } => drop(reply.send(self.hold(call, hold))),
            Command::Digits { call, digits, reply } => drop(reply.send(self.digits(call, digits))),
            Command::Transfer { call, user, reply } => drop(reply.send(self.transfer(call, &user))),
            Command::Shutdown { done } => {
                self.stopping = Some((done, Instant::now() + LAST_WORDS));
                for call in self.calls.keys().copied().collect::<Vec<_>>() {
                    // A call that ends by itself in this moment needs no hanging up.
                    drop(self.hang_up(call));
                }
            }
        }
    }

    fn call(&mut self, number: String, withheld: bool, wire: &mut Wire) -> Result<CallId, PhoneError> {
        if self.stopping.is_some() {
            return Err(PhoneError::Stopped);
        }
        let flow = self.flow_to_trunk(wire)?;
        let id = self.new_call(flow)?;
        if let Some(call) = self.calls.get_mut(&id) {
            call.dialled = Some(number.clone());
            call.withheld = withheld;
            call.offer(Purpose::Invite, false);
        }
        self.emit(id, PhoneEventKind::Calling { number });
        Ok(id)
    }

    pub(crate) fn flow_to_trunk(&mut self, wire: &mut Wire) -> Result<FlowId, PhoneError> {
        let (flow, opened) = wire.flow_to(self.config.trunk).ok_or(PhoneError::WrongState)?;
        if let Some(info) = opened {
            self.contact = Some(info.contact.clone());
            self.ua.flow_opened(flow, info);
        }
        Ok(flow)
    }

    /// The far side's name for a user or a number.
    pub(crate) fn address_of(&self, user: &str) -> SipUri {
        let host = match &self.config.transport {
            Transport::Udp | Transport::Tcp => SipUri::from(self.config.trunk),
            Transport::WebSocket { domain, .. } => SipUri::new(domain.clone()),
        };
        host.with_user(user)
    }

    fn new_call(&mut self, flow: FlowId) -> Result<CallId, PhoneError> {
        self.last_call += 1;
        let id = CallId(self.last_call);
        let record = self.config.record.as_ref().filter(|_| self.last_call == 1);
        let call = Call::new(&self.config, flow, record.cloned(), id, self.news.clone())?;
        self.calls.insert(id, call);
        Ok(id)
    }

    /// The media of a call that this phone makes are ready: out goes the INVITE.
    pub(crate) fn invite(&mut self, id: CallId, sdp: Bytes) -> Result<(), PhoneError> {
        let call = self.calls.get(&id).ok_or(PhoneError::NoSuchCall)?;
        let number = call.dialled.clone().ok_or(PhoneError::WrongState)?;
        let mut me = NameAddr::new(self.address_of(&self.config.number));
        me.display_name.clone_from(&self.config.display_name);
        let callee = self.address_of(&number);
        let mut headers = Headers::default();
        // What a carrier adds.
        if matches!(self.config.transport, Transport::Udp | Transport::Tcp) {
            headers.push(HeaderName::PAssertedIdentity, &me).map_err(UaError::from)?;
        }
        if call.withheld {
            headers.push(HeaderName::Privacy, "id").map_err(UaError::from)?;
            me = identity::anonymous().map_err(UaError::from)?;
        }
        self.config.gossip.add_to(&mut headers)?;
        let sdp = self.config.gossip.add_to_sdp(sdp);
        let to = NameAddr::new(callee.clone());
        let invite = Invite { uri: callee.into(), from: me, to, call_id: None, headers, sdp };
        let flow = call.flow;
        let now = self.now();
        let session = self.ua.invite(now, flow, invite)?;
        self.attach(id, session);
        if self.config.tells_progress {
            self.emit(id, PhoneEventKind::Invited);
        }
        Ok(())
    }

    fn attach(&mut self, id: CallId, session: SessionId) {
        self.sessions.insert(session, id);
        if let Some(call) = self.calls.get_mut(&id) {
            call.session = Some(session);
        }
    }

    fn ua_event(&mut self, event: UaEvent) {
        match event {
            UaEvent::IncomingInvite { session, flow, request, .. } => self.incoming(session, flow, &request),
            UaEvent::Session { session, event } => {
                if let Some(call) = self.sessions.get(&session).copied() {
                    self.session_event(call, session, event);
                }
            }
            UaEvent::IncomingRequest { id, .. } => {
                let now = self.now();
                let refused = self.ua.respond(now, id, SipReply::new(StatusCode::METHOD_NOT_ALLOWED));
                log(refused.map_err(PhoneError::from));
            }
            UaEvent::Response { id, response } => self.registered(id, response.status),
            UaEvent::RequestFailed { id, .. } => self.registered(id, StatusCode::REQUEST_TIMEOUT),
        }
    }

    fn incoming(&mut self, session: SessionId, flow: FlowId, request: &Request) {
        let now = self.now();
        let refuse = |driver: &mut Self, status| {
            log(driver.ua.reject(now, session, SipReply::new(status)).map_err(PhoneError::from));
        };
        if self.stopping.is_some() || self.config.on_call == OnCall::Busy {
            return refuse(self, StatusCode::BUSY_HERE);
        }
        match self.new_call(flow) {
            Ok(id) => {
                self.attach(id, session);
                if let Some(call) = self.calls.get_mut(&id) {
                    call.screen = identity::screen(&request.headers);
                    call.first_offer(&request.body);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a call cannot be taken");
                refuse(self, StatusCode::SERVICE_UNAVAILABLE);
            }
        }
    }

    /// The call's media are ready: it rings.
    pub(crate) fn ring(&mut self, id: CallId, sdp: Bytes) -> Result<(), PhoneError> {
        let now = self.now();
        let call = self.calls.get_mut(&id).ok_or(PhoneError::NoSuchCall)?;
        let session = call.session.ok_or(PhoneError::NoSuchCall)?;
        call.waiting_sdp = Some(self.config.gossip.add_to_sdp(sdp));
        call.answer_at = match self.config.on_call {
            OnCall::Answer { after } => Some(Instant::now() + after),
            OnCall::Ring | OnCall::Busy => None,
        };
        let screen = call.screen.clone();
        self.ua.progress(now, session, StatusCode::RINGING, self.config.gossip.headers()?, None)?;
        self.emit(id, PhoneEventKind::Incoming { screen });
        Ok(())
    }

    fn media(&mut self, id: CallId, news: MediaNews, wire: &mut Wire) {
        log(self.media_news(id, news));
        self.drain(wire);
    }

    /// Forgets a call and tells why it is over.
    pub(crate) fn finish(&mut self, id: CallId, reason: EndReason) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        if let Some(session) = call.session {
            self.sessions.remove(&session);
        }
        call.media.close();
        self.closing.retain(|media| !media.is_closed());
        self.closing.push(call.media);
        self.emit(id, PhoneEventKind::Ended { reason });
    }

    /// Recordings are whole only when their media task has ended.
    async fn close_media(mut self) {
        for call in self.calls.values_mut() {
            call.media.close();
        }
        let calls = std::mem::take(&mut self.calls);
        for media in self.closing.drain(..).chain(calls.into_values().map(|call| call.media)) {
            media.closed().await;
        }
        if let Some((done, _)) = self.stopping.take() {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    /// A media task could not do it.
    pub(crate) fn media_failed(&mut self, id: CallId, fault: MediaFault) {
        let now = self.now();
        let Some(call) = self.calls.get(&id) else { return };
        let reason = match fault {
            MediaFault::NoCommonCodec => EndReason::NoCommonCodec,
            MediaFault::BadDescription | MediaFault::Failed => EndReason::HungUpHere,
        };
        if let Some(session) = call.session {
            let refused = self.ua.reject(now, session, SipReply::new(fault.status()));
            if refused.is_err() {
                log(self.ua.end(now, session, None).map_err(PhoneError::from));
            }
        }
        self.finish(id, reason);
    }
}

/// What fails inside a call is told by the call's end; the log keeps the detail.
pub(crate) fn log(done: Result<(), PhoneError>) {
    if let Err(error) = done {
        tracing::debug!(%error, "not done");
    }
}
