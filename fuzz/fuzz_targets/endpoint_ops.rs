//! Any buttons pressed, any connections, voice engines and pushes, and a far side that says anything: nothing panics, what
//! the endpoint sends can be read, every call's events are in order, and after Shutdown nothing is left.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{
    CallHandle, Command, DownReason, EndpointConfig, Event, FlowId, Input, Load, MediaEvent, MediaFailure,
    PushKind, PushTarget, Target, Timestamp, TransportInput, TransportKind,
};
use doorstep_sip::msg::{CSeq, HeaderName, Message, Method, Request, Response, StatusCode};
use doorstep_testkit::fake_media::sdp;
use doorstep_testkit::phone::{EndpointPeer, Wish, push};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    Wait(u16),
    Contact(&'a str),
    Dial(&'a str),
    Press(u8, Press),
    Push {
        cancel: bool,
        call: u8,
        left: u16,
    },
    Register(bool),
    SetPush(Option<u8>),
    Background(bool),
    NetworkChanged,
    /// The connections that were asked for come up, or do not.
    Connect {
        udp: bool,
        down: Option<u8>,
    },
    /// The newest connection, or any number, is gone.
    Down(Option<u8>),
    Raw(&'a [u8]),
    /// The far side answers a request that was sent.
    Answer {
        to: u8,
        status: u16,
        tag: u8,
        body: Body,
    },
    /// It asks for something in a dialog of a request that was sent or came.
    Ask {
        like: u8,
        method: u8,
        number: u8,
        body: Body,
    },
    /// It calls.
    Call {
        call: u8,
        branch: u8,
        body: Body,
    },
    Media {
        fails: Option<u8>,
        delay: u8,
        silent: bool,
        events: bool,
    },
    MediaSays(u8),
    Tokens {
        fails: Option<bool>,
        life: Option<u16>,
        silent: bool,
    },
}

#[derive(Debug, Arbitrary)]
enum Press {
    Answer,
    Reject(bool),
    HangUp,
    Hold,
    Resume,
    Mute(bool),
    Digits(u8),
    Transfer,
    TransferTo(u8),
}

#[derive(Debug, Arbitrary)]
enum Body {
    None,
    Sdp(bool),
    Junk(u8),
}

struct World {
    now: Timestamp,
    phone: EndpointPeer,
    flows: Vec<FlowId>,
    asked: Vec<FlowId>,
    sent: Vec<Request>,
    numbers: u32,
}

fuzz_target!(|ops: Vec<Op<'_>>| {
    let mut config =
        EndpointConfig::new("gw.example", "anna", "urn:uuid:00000000-0000-4000-8000-000000000001");
    config.max_calls = 3;
    config.max_tombstones = 3;
    let phone = EndpointPeer::new(config, [5; 32]);
    let mut world = World {
        now: Timestamp::ZERO,
        phone,
        flows: Vec::new(),
        asked: Vec::new(),
        sent: Vec::new(),
        numbers: 0,
    };
    for op in ops {
        world.apply(op);
        let load = world.phone.endpoint.load();
        assert!(
            load.calls <= 3 && load.operations <= 32 && load.deadlines <= 40 && load.orphans <= 12,
            "{load:?}"
        );
    }
    world.input(Input::Command(Command::Shutdown));
    world.wait(Duration::from_secs(5));
    assert!(matches!(world.phone.events.last(), Some((_, Event::Idle))), "it comes to an end");
    assert_eq!(world.phone.endpoint.load(), Load::default());
    assert_eq!(world.phone.media.legs().count(), 0);
});

impl World {
    fn input(&mut self, input: Input) {
        self.phone.input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(wish) = self.phone.poll() {
            match wish {
                Wish::Open { flow, .. } => self.asked.push(flow),
                Wish::Close { flow } => {
                    self.asked.retain(|asked| *asked != flow);
                    self.flows.retain(|open| *open != flow);
                }
                Wish::Send { bytes, .. } if bytes.iter().all(|byte| b"\r\n".contains(byte)) => {}
                Wish::Send { bytes, .. } => {
                    if let Message::Request(request) =
                        Message::parse(&bytes).expect("what is sent can be read")
                    {
                        self.sent.push(request);
                        if self.sent.len() > 40 {
                            self.sent.remove(0);
                        }
                    }
                }
            }
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..2000 {
            let Some(next) = self.phone.next_deadline().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if !self.phone.handle_deadline(self.now) {
                break;
            }
            self.drain();
        }
        self.now = end;
    }

    fn frame(&mut self, bytes: impl Into<Bytes>) {
        let flow = self.flows.last().copied().unwrap_or(FlowId(0));
        self.input(Input::Transport(TransportInput::Frame { flow, bytes: bytes.into() }));
    }

    fn call(&self, at: u8) -> CallHandle {
        let calls = self.phone.calls();
        calls.get(usize::from(at) % calls.len().max(1)).map_or(CallHandle(u64::from(at)), |call| call.call)
    }

    fn apply(&mut self, op: Op<'_>) {
        match op {
            Op::Wait(ms) => self.wait(Duration::from_millis(u64::from(ms) * 4)),
            Op::Contact(order) => {
                let call = self.phone.new_handle();
                self.input(Input::Command(Command::Contact { call, order: order.into() }));
            }
            Op::Dial(target) => {
                let call = self.phone.new_handle();
                self.input(Input::Command(Command::Dial { call, target: target.to_owned().into() }));
            }
            Op::Press(at, press) => {
                let call = self.call(at);
                let command = match press {
                    Press::Answer => Command::Answer { call },
                    Press::Reject(busy) => Command::Reject { call, busy },
                    Press::HangUp => Command::HangUp { call },
                    Press::Hold => Command::Hold { call },
                    Press::Resume => Command::Resume { call },
                    Press::Mute(on) => Command::Mute { call, on },
                    Press::Digits(many) => Command::SendDtmf { call, digits: "5#".repeat(many.into()) },
                    Press::Transfer => Command::Transfer { call, target: Target::Order("4712".into()) },
                    Press::TransferTo(other) => Command::TransferTo { call, other: self.call(other) },
                };
                self.input(Input::Command(command));
            }
            Op::Push { cancel, call, left } => {
                let kind = if cancel { PushKind::Cancel } else { PushKind::Incoming };
                let payload =
                    push(kind, &format!("call-{}", call % 4), 9, Duration::from_millis(left.into()));
                self.input(Input::Push { payload, unix_ms: 9 });
            }
            Op::Register(true) => self.input(Input::Command(Command::Register)),
            Op::Register(false) => self.input(Input::Command(Command::Unregister)),
            Op::SetPush(token) => {
                let of = |token| PushTarget {
                    provider: "fcm".into(),
                    param: "p".into(),
                    prid: format!("t{token}").into(),
                };
                self.input(Input::Command(Command::SetPush(token.map(of))));
            }
            Op::Background(on) => self.input(Input::Command(Command::Background(on))),
            Op::NetworkChanged => self.input(Input::Transport(TransportInput::NetworkChanged)),
            Op::Connect { udp, down } => {
                for flow in std::mem::take(&mut self.asked) {
                    match down {
                        None => {
                            self.flows.push(flow);
                            let kind = if udp { TransportKind::Udp } else { TransportKind::Wss };
                            self.input(Input::Transport(TransportInput::Up { flow, kind, local: None }));
                        }
                        Some(reason) => {
                            let reason = reasons(reason);
                            self.input(Input::Transport(TransportInput::Down { flow, reason }));
                        }
                    }
                }
            }
            Op::Down(number) => {
                let flow =
                    number.map(|number| FlowId(number.into())).or(self.flows.pop()).unwrap_or(FlowId(0));
                self.flows.retain(|open| *open != flow);
                self.asked.retain(|asked| *asked != flow);
                self.input(Input::Transport(TransportInput::Down { flow, reason: DownReason::Closed }));
            }
            Op::Raw(bytes) => self.frame(bytes.to_vec()),
            Op::Answer { to, status, tag, body } => self.answer(to, status, tag, &body),
            Op::Ask { like, method, number, body } => self.ask(like, method, number, &body),
            Op::Call { call, branch, body } => self.far_call(call, branch, &body),
            Op::Media { fails, delay, silent, events } => {
                let knobs = &mut self.phone.media.knobs;
                knobs.fails = fails.map(failures);
                knobs.delay = Duration::from_millis(u64::from(delay) * 10);
                (knobs.silent, knobs.telephone_event) = (silent, events);
            }
            Op::MediaSays(what) => {
                let Some((leg, _)) = self.phone.media.legs().next() else { return };
                let event = match what % 5 {
                    0 => MediaEvent::Connected { leg },
                    1 => MediaEvent::Disconnected { leg },
                    2 => MediaEvent::Failed { leg, op: None, reason: failures(what) },
                    3 => MediaEvent::FirstAudio { leg },
                    _ => MediaEvent::Digit { leg, digit: '7' },
                };
                self.input(Input::Media(event));
            }
            Op::Tokens { fails, life, silent } => {
                let tokens = &mut self.phone.tokens;
                tokens.fails = fails.map(|denied| {
                    if denied {
                        doorstep_call::TokenFailure::Denied
                    } else {
                        doorstep_call::TokenFailure::Unavailable
                    }
                });
                tokens.lifetime = life.map(|seconds| Duration::from_secs(seconds.into()));
                tokens.delay = (!silent).then_some(Duration::ZERO);
                if silent {
                    tokens.open.clear();
                }
            }
        }
    }

    fn answer(&mut self, to: u8, status: u16, tag: u8, body: &Body) {
        let Some(request) = self.sent.get(usize::from(to) % self.sent.len().max(1)) else { return };
        let Ok(status) = StatusCode::new(100 + status % 600) else { return };
        let mut response = Response::to(request, status);
        if let Some(to) = response.headers.to().filter(|to| to.tag().is_none())
            && let Ok(to) = to.with_tag(&format!("t{}", tag % 3))
        {
            let _ = response.headers.set(HeaderName::To, to);
        }
        let contact =
            request.headers.get(&HeaderName::Contact).filter(|_| request.method == Method::Register);
        let _ =
            response.headers.push(HeaderName::Contact, contact.unwrap_or("<sip:gw.example;transport=ws>"));
        response.body = content(body);
        let _ = response.headers.push(HeaderName::ContentType, "application/sdp");
        self.frame(response.to_bytes());
    }

    fn ask(&mut self, like: u8, method: u8, number: u8, body: &Body) {
        let Some(sent) = self.sent.get(usize::from(like) % self.sent.len().max(1)).cloned() else { return };
        let method = [
            Method::Bye,
            Method::Invite,
            Method::Update,
            Method::Refer,
            Method::Notify,
            Method::Info,
            Method::Ack,
            Method::Cancel,
            Method::Options,
        ][usize::from(method) % 9]
            .clone();
        let Some(from) = sent.headers.to() else { return };
        let from = if from.tag().is_none() { from.with_tag("t0") } else { Ok(from) };
        let (Ok(from), Some(to), Some(call_id)) = (from, sent.headers.from(), sent.headers.call_id()) else {
            return;
        };
        let mut request = Request::new(method.clone(), sent.uri.clone());
        self.numbers += 1;
        let cseq = CSeq { number: u32::from(number) + self.numbers, method: method.clone() };
        let lines = [
            (HeaderName::Via, format!("SIP/2.0/WS gw.example;branch=z9hG4bK{}", self.numbers)),
            (HeaderName::MaxForwards, "70".to_owned()),
            (HeaderName::From, from.to_string()),
            (HeaderName::To, to.to_string()),
            (HeaderName::CallId, call_id.to_owned()),
            (HeaderName::CSeq, cseq.to_string()),
            (HeaderName::Contact, "<sip:gw.example;transport=ws>".to_owned()),
        ];
        for (name, value) in lines {
            let _ = request.headers.push(name, value);
        }
        let (media_type, extra) = match method {
            Method::Refer => ("text/plain", Some((HeaderName::ReferTo, "<sip:order.9@gw.example>"))),
            Method::Notify => ("message/sipfrag", Some((HeaderName::Event, "refer"))),
            Method::Info => ("application/dtmf-relay", None),
            _ => ("application/sdp", None),
        };
        request.body = match method {
            Method::Notify => Bytes::from(format!("SIP/2.0 {} X\r\n", 100 + u16::from(number) * 3)),
            Method::Info => Bytes::from_static(b"Signal=5\r\n"),
            _ => content(body),
        };
        let _ = request.headers.push(HeaderName::ContentType, media_type);
        if let Some((name, value)) = extra {
            let _ = request.headers.push(name, value);
        }
        self.frame(request.to_bytes());
    }

    fn far_call(&mut self, call: u8, branch: u8, body: &Body) {
        let body = content(body);
        let head = format!(
            "INVITE sip:anna@x.invalid SIP/2.0\r\nVia: SIP/2.0/WS gw.example;branch=z9hG4bKc{branch}\r\n\
             From: \"Order 4711\" <sip:order.4711@gw.example>;tag=f{call}\r\nTo: <sip:anna@gw.example>\r\n\
             Call-ID: call-{}\r\nCSeq: {} INVITE\r\nMax-Forwards: 70\r\nContact: <sip:gw.example;transport=ws>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            call % 4,
            u32::from(branch) + 1,
            body.len()
        );
        if let Ok(Message::Request(request)) = Message::parse(
            head.replace(&format!("Content-Length: {}", body.len()), "Content-Length: 0").as_bytes(),
        ) {
            // Kept with its ends swapped, as if this side had sent it: `ask` and `answer` speak for the far side.
            let mut own = request.clone();
            if let (Some(from), Some(to)) = (request.headers.from(), request.headers.to()) {
                let _ = own.headers.set(HeaderName::From, to);
                let _ = own.headers.set(HeaderName::To, from);
            }
            self.sent.push(own);
        }
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&body);
        self.frame(bytes);
    }
}

fn content(body: &Body) -> Bytes {
    match body {
        Body::None => Bytes::new(),
        Body::Sdp(hold) => Bytes::from(sdp(7, 1, 0, *hold, true).into_exposed()),
        Body::Junk(0) => Bytes::from_static(b"\xff\xfe"),
        Body::Junk(_) => Bytes::from_static(b"v=0\r\nm=audio 9 RTP/AVP 18\r\n"),
    }
}

fn reasons(reason: u8) -> DownReason {
    [
        DownReason::Unreachable,
        DownReason::Tls,
        DownReason::Unauthorized,
        DownReason::Refused,
        DownReason::TimedOut,
    ][usize::from(reason) % 5]
}

fn failures(failure: u8) -> MediaFailure {
    [
        MediaFailure::BadSdp,
        MediaFailure::NoCommonCodec,
        MediaFailure::NoResources,
        MediaFailure::Transport,
        MediaFailure::Device,
    ][usize::from(failure) % 5]
}
