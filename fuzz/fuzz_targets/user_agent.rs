//! Any messages and any operations on a user agent: nothing panics, what it sends can be read, and when all is ended
//! and all timers have run nothing is left.
#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::Timestamp;
use doorstep_sip::digest::Credentials;
use doorstep_sip::msg::{
    CSeq, HeaderName, Headers, Host, Message, Method, NameAddr, Request, Response, SipUri, StatusCode, Via,
};
use doorstep_sip::registration::{Registration, RegistrationConfig};
use doorstep_sip::ua::{
    FlowId, FlowInfo, IncomingId, Invite, Reply, SessionId, TransportKind, UaConfig, UaEvent, UaOutput,
    UserAgent,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    Raw(&'a [u8]),
    Wait(u16),
    OpenFlow(bool),
    CloseFlow,
    Invite(bool),
    Progress(u8, u8, bool),
    Answer(u8),
    Reject(u8, u16),
    End(u8),
    Reoffer(u8),
    AcceptOffer(u8),
    RejectOffer(u8, u16),
    Info(u8),
    Refer(u8),
    Notify(u8, bool),
    Respond(u8, u16),
    Register,
    Unregister,
    /// The far side answers something that was sent.
    FarAnswer {
        to: u8,
        status: u16,
        tag: u8,
        extras: Extras,
    },
    /// The far side asks for something within a dialog of something that was sent.
    FarRequest {
        like: u8,
        method: u8,
        number: u8,
        extras: Extras,
    },
    /// The far side calls.
    FarCall {
        call: u8,
        branch: u8,
        extras: Extras,
    },
    /// The far side's CANCEL or ACK to such a call.
    FarHop {
        call: u8,
        branch: u8,
        ack: bool,
    },
}

#[derive(Debug, Arbitrary)]
struct Extras {
    body: bool,
    contact: bool,
    reliable: Option<u8>,
    expires: Option<u16>,
    least: Option<u16>,
    challenge: Option<(u8, bool)>,
    record_route: bool,
    replaces: bool,
    wild: Option<(u8, u8)>,
}

const FLOW: FlowId = FlowId(1);

struct World {
    now: Timestamp,
    ua: UserAgent,
    registration: Registration,
    sent: VecDeque<Message>,
    sessions: Vec<SessionId>,
    incoming: Vec<IncomingId>,
}

fn uri(text: &str) -> SipUri {
    text.parse().expect("a URI")
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(100 + code % 600).expect("in range")
}

fn method(index: u8) -> Method {
    const ALL: [Method; 12] = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Update,
        Method::Prack,
        Method::Info,
        Method::Refer,
        Method::Notify,
        Method::Register,
        Method::Message,
    ];
    ALL[usize::from(index) % ALL.len()].clone()
}

impl Extras {
    fn write(&self, headers: &mut Headers, body: &mut Bytes) {
        let mut push = |name, value: String| headers.push(name, value).expect("no line break");
        if self.contact {
            push(HeaderName::Contact, "<sip:far@198.51.100.1>".into());
        }
        if let Some(rseq) = self.reliable {
            push(HeaderName::Require, "100rel".into());
            push(HeaderName::RSeq, rseq.to_string());
            push(HeaderName::RAck, format!("{rseq} 1 INVITE"));
        }
        if let Some(seconds) = self.expires {
            let who = if seconds % 2 == 0 { "uac" } else { "uas" };
            push(HeaderName::SessionExpires, format!("{seconds};refresher={who}"));
            push(HeaderName::Supported, "timer".into());
        }
        if let Some(seconds) = self.least {
            push(HeaderName::MinSe, seconds.to_string());
            push(HeaderName::MinExpires, seconds.to_string());
            push(HeaderName::RetryAfter, seconds.to_string());
        }
        if let Some((nonce, stale)) = self.challenge {
            let value = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\", stale={stale}");
            push(HeaderName::WwwAuthenticate, value.clone());
            push(HeaderName::ProxyAuthenticate, value);
            push(HeaderName::AuthenticationInfo, format!("nextnonce=\"{nonce}\""));
        }
        if self.record_route {
            push(HeaderName::RecordRoute, "<sip:192.0.2.9>, <sip:192.0.2.8;lr>".into());
        }
        if self.replaces {
            push(HeaderName::Replaces, "call0;to-tag=x;from-tag=far0".into());
        }
        push(HeaderName::Event, "refer".into());
        push(HeaderName::ReferTo, "<sip:x@example.com>".into());
        push(HeaderName::Allow, "UPDATE".into());
        if self.body {
            push(HeaderName::ContentType, "application/sdp".into());
            *body = Bytes::from_static(b"v=0\r\n");
        }
    }

    /// One octet of the message is something else.
    fn spoil(&self, bytes: Bytes) -> Bytes {
        let Some((at, octet)) = self.wild else { return bytes };
        let mut bytes = bytes.to_vec();
        let at = usize::from(at) * 3 % bytes.len();
        bytes[at] = octet;
        bytes.into()
    }
}

impl World {
    fn new() -> Self {
        let config = UaConfig {
            accepted_methods: vec![Method::Register, Method::Message],
            session_expires: Some(Duration::from_secs(90)),
            max_sessions: 8,
            max_transactions: 32,
            ..UaConfig::default()
        };
        let mut ua = UserAgent::new(config, [1; 32]);
        ua.set_credentials(Some(Credentials::new("u", "p")));
        let registration = RegistrationConfig {
            instance: Some("urn:uuid:1".into()),
            ..RegistrationConfig::new(uri("sip:example.com"), NameAddr::new(uri("sip:near@example.com")))
        };
        Self {
            now: Timestamp::ZERO,
            ua,
            registration: Registration::new(registration, [2; 32]),
            sent: VecDeque::new(),
            sessions: Vec::new(),
            incoming: Vec::new(),
        }
    }

    fn open(&mut self, udp: bool) {
        let contact = uri("sip:near@192.0.2.1");
        let transport = if udp { TransportKind::Udp } else { TransportKind::Wss };
        let remote = udp.then(|| "198.51.100.1:5060".parse().expect("an address"));
        self.ua.flow_opened(
            FLOW,
            FlowInfo { transport, host: contact.host.clone(), port: None, contact, remote },
        );
        let _ = self.registration.flow_changed(self.now, &mut self.ua, Some(FLOW));
    }

    fn drain(&mut self) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { bytes, .. } => {
                    // Only the answer to what could not be read may be unreadable itself.
                    if let Ok(message) = Message::parse(&bytes) {
                        self.sent.push_front(message);
                        self.sent.truncate(8);
                    } else {
                        assert!(bytes.starts_with(b"SIP/2.0 400") || bytes.starts_with(b"SIP/2.0 505"));
                    }
                }
                UaOutput::Event(event) => {
                    self.registration.handle_event(self.now, &mut self.ua, &event);
                    match event {
                        UaEvent::IncomingInvite { session, .. } => self.sessions.push(session),
                        UaEvent::IncomingRequest { id, .. } => self.incoming.push(id),
                        UaEvent::Response { .. }
                        | UaEvent::RequestFailed { .. }
                        | UaEvent::Session { .. } => {}
                    }
                }
            }
        }
        while self.registration.poll().is_some() {}
    }

    fn run_until(&mut self, end: Timestamp) {
        let mut steps = 0;
        loop {
            self.drain();
            let next =
                [self.ua.next_deadline(), self.registration.next_deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.ua.handle_timeout(self.now);
            self.registration.handle_timeout(self.now, &mut self.ua);
            steps += 1;
            assert!(steps < 20_000, "timers that only set timers");
        }
        self.now = self.now.max(end);
    }

    fn session(&self, index: u8) -> SessionId {
        let at = usize::from(index) % self.sessions.len().max(1);
        self.sessions.get(at).copied().unwrap_or(SessionId(u64::MAX))
    }

    fn sent(&self, index: u8) -> Option<Message> {
        let at = usize::from(index) % self.sent.len().max(1);
        self.sent.get(at).cloned()
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.ua.handle_message(self.now, FLOW, bytes);
    }

    fn apply(&mut self, op: Op<'_>) {
        let now = self.now;
        let sdp = || Bytes::from_static(b"v=0\r\n");
        match op {
            Op::Raw(bytes) => self.receive(bytes),
            Op::Wait(ms) => self.run_until(now + Duration::from_millis(u64::from(ms) * 4)),
            Op::OpenFlow(udp) => self.open(udp),
            Op::CloseFlow => {
                self.ua.flow_closed(now, FLOW);
                let _ = self.registration.flow_changed(now, &mut self.ua, None);
            }
            Op::Invite(offer) => {
                let party = NameAddr::new(uri("sip:far@example.com"));
                let what = Invite {
                    uri: uri("sip:far@example.com").into(),
                    from: party.clone(),
                    to: party,
                    call_id: None,
                    headers: Headers::default(),
                    sdp: if offer { sdp() } else { Bytes::new() },
                };
                self.sessions.extend(self.ua.invite(now, FLOW, what));
            }
            Op::Progress(at, code, body) => {
                let status = status(u16::from(code) % 100);
                let _ = self.ua.progress(now, self.session(at), status, Headers::default(), body.then(sdp));
            }
            Op::Answer(at) => drop(self.ua.answer(now, self.session(at), Headers::default(), sdp())),
            Op::Reject(at, code) => drop(self.ua.reject(now, self.session(at), Reply::new(status(code)))),
            Op::End(at) => drop(self.ua.end(now, self.session(at), None)),
            Op::Reoffer(at) => drop(self.ua.reoffer(now, self.session(at), sdp())),
            Op::AcceptOffer(at) => drop(self.ua.accept_offer(now, self.session(at), sdp())),
            Op::RejectOffer(at, code) => drop(self.ua.reject_offer(now, self.session(at), status(code))),
            Op::Info(at) => drop(self.ua.info(now, self.session(at), Headers::default(), Bytes::new())),
            Op::Refer(at) => {
                drop(self.ua.refer(now, self.session(at), &NameAddr::new(uri("sip:x@example.com"))));
            }
            Op::Notify(at, last) => drop(self.ua.notify(now, self.session(at), "SIP/2.0 200 OK", last)),
            Op::Respond(at, code) => {
                let at = usize::from(at) % self.incoming.len().max(1);
                if let Some(id) = self.incoming.get(at) {
                    let _ = self.ua.respond(now, *id, Reply::new(status(code)));
                }
            }
            Op::Register => drop(self.registration.start(now, &mut self.ua, FLOW)),
            Op::Unregister => drop(self.registration.unregister(now, &mut self.ua)),
            Op::FarAnswer { to, status: code, tag, extras } => {
                let Some(Message::Request(request)) = self.sent(to) else { return };
                let mut response = Response::to(&request, status(code));
                if let Some(to) = response.headers.to().filter(|to| to.tag().is_none()) {
                    let to = to.with_tag(&format!("far{}", tag % 3)).expect("a tag");
                    response.headers.set(HeaderName::To, to).expect("no line break");
                }
                extras.write(&mut response.headers, &mut response.body);
                self.receive(&extras.spoil(response.to_bytes()));
            }
            Op::FarRequest { like, method: which, number, extras } => {
                let Some(like) = self.sent(like) else { return };
                let headers = like.headers();
                let (Some(from), Some(to), Some(call_id)) = (headers.from(), headers.to(), headers.call_id())
                else {
                    return;
                };
                // What this side sent is a request with itself in From, or a response with itself in To.
                let (from, to) = match like {
                    Message::Request(_) => (to, from),
                    Message::Response(_) => (from, to),
                };
                let branch = format!("z9hG4bKr{number}{which}");
                let request =
                    far_request(method(which), &branch, from, to, call_id, u32::from(number), &extras);
                self.receive(&extras.spoil(request.to_bytes()));
            }
            Op::FarCall { call, branch, extras } => {
                let request = far_call(Method::Invite, call, branch, &extras);
                self.receive(&extras.spoil(request.to_bytes()));
            }
            Op::FarHop { call, branch, ack } => {
                let method = if ack { Method::Ack } else { Method::Cancel };
                self.receive(&far_call(method, call, branch, &NOTHING).to_bytes());
            }
        }
    }
}

const NOTHING: Extras = Extras {
    body: false,
    contact: false,
    reliable: None,
    expires: None,
    least: None,
    challenge: None,
    record_route: false,
    replaces: false,
    wild: None,
};

fn far_call(method: Method, call: u8, branch: u8, extras: &Extras) -> Request {
    let from =
        NameAddr::new(uri("sip:far@example.com")).with_tag(&format!("far{}", call % 3)).expect("a tag");
    let to = NameAddr::new(uri("sip:near@example.com"));
    let (call_id, branch) = (format!("call{}", call % 3), format!("z9hG4bKc{}", branch % 4));
    far_request(method, &branch, from, to, &call_id, 1, extras)
}

fn far_request(
    method: Method,
    branch: &str,
    from: NameAddr,
    to: NameAddr,
    call_id: &str,
    number: u32,
    extras: &Extras,
) -> Request {
    let mut request = Request::new(method.clone(), uri("sip:near@192.0.2.1"));
    let host = Host::domain("far.example.com").expect("a host");
    let headers = &mut request.headers;
    headers.push_via_front(&Via::new("UDP", host, None, branch).expect("a Via"));
    headers.push(HeaderName::From, from).expect("no line break");
    headers.push(HeaderName::To, to).expect("no line break");
    headers.push(HeaderName::CallId, call_id).expect("no line break");
    headers.push(HeaderName::CSeq, CSeq { number, method }).expect("no line break");
    extras.write(headers, &mut request.body);
    request
}

fuzz_target!(|ops: Vec<Op<'_>>| {
    let mut world = World::new();
    world.open(true);
    for op in ops.into_iter().take(64) {
        world.apply(op);
        world.drain();
    }
    // The user goes home.
    let _ = world.registration.unregister(world.now, &mut world.ua);
    for session in std::mem::take(&mut world.sessions) {
        let _ = world.ua.end(world.now, session, None);
    }
    world.ua.flow_closed(world.now, FLOW);
    let _ = world.registration.flow_changed(world.now, &mut world.ua, None);
    world.run_until(world.now + Duration::from_secs(200_000));
    assert_eq!(world.ua.session_count(), 0);
    assert_eq!(world.ua.next_deadline(), None);
});
