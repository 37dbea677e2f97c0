use std::time::Duration;

use bytes::Bytes;

use super::{FLOW, Side, World};
use crate::digest::{Authorization, Credentials, DigestConfig, DigestRefusal, DigestServer, Secret};
use crate::msg::{HeaderName, Headers, Message, Method, NameAddr, Request, Response, SipUri, StatusCode};
use crate::ua::{EndCause, OutOfDialog, Reply, SessionEvent, SessionId, TransportKind, UaConfig, UaEvent};

/// A world in which Bob lets in only who proves to be the courier.
struct Guarded {
    world: World,
    guard: DigestServer,
    /// Whether each request that came was let in.
    verdicts: Vec<Result<(), DigestRefusal>>,
}

fn right() -> Option<Credentials> {
    Some(Credentials::new("courier", "secret"))
}

impl Guarded {
    fn new(kind: TransportKind, config: DigestConfig) -> Self {
        let bob = UaConfig { accepted_methods: vec![Method::Register], ..UaConfig::default() };
        let mut world = World::with(kind, UaConfig::default(), bob);
        world.alice.set_credentials(right());
        Self { world, guard: DigestServer::new(config, [9; 32]), verdicts: Vec::new() }
    }

    fn register(&mut self) {
        let uri = |text: &str| text.parse::<SipUri>().unwrap();
        let what = OutOfDialog {
            method: Method::Register,
            uri: uri("sip:company.example").into(),
            from: NameAddr::new(uri("sip:courier@company.example")),
            to: NameAddr::new(uri("sip:courier@company.example")),
            sequence: None,
            headers: Headers::default(),
            body: Bytes::new(),
        };
        let now = self.world.now;
        self.world.alice.send_request(now, FLOW, what).unwrap();
    }

    fn check(&mut self, request: &Request) -> Reply {
        let now = self.world.now;
        let secret = Secret::Password("secret".to_owned().into());
        let verdict = match self.guard.presented(request) {
            Some(presented) => self.guard.verify(now, request, &presented, Some(&secret)),
            None => Err(DigestRefusal::Missing),
        };
        self.verdicts.push(verdict.clone().map(|_| ()));
        match verdict {
            Ok(accepted) => {
                let mut reply = Reply::new(StatusCode::OK);
                if let Some((name, value)) = accepted.info {
                    reply.headers.push(name, value).unwrap();
                }
                reply
            }
            Err(refusal) => self.guard.refuse(now, refusal),
        }
    }

    /// Lets Bob check whatever comes until Alice's user hears of something.
    fn until_alice_hears(&mut self) -> UaEvent {
        loop {
            let event = self.world.next_event(Duration::from_secs(200));
            let now = self.world.now;
            match event {
                Some((Side::Alice, event)) => return event,
                Some((Side::Bob, UaEvent::IncomingRequest { id, request, .. })) => {
                    let reply = self.check(&request);
                    self.world.bob.respond(now, id, reply).unwrap();
                }
                Some((Side::Bob, UaEvent::IncomingInvite { session, request, .. })) => {
                    let reply = self.check(&request);
                    if reply.status.is_success() {
                        let sdp = Bytes::from_static(b"answer");
                        self.world.bob.answer(now, session, reply.headers, sdp).unwrap();
                    } else {
                        self.world.bob.reject(now, session, reply).unwrap();
                    }
                }
                Some((Side::Bob, _)) => {}
                None => panic!("nothing more happens; sent: {:#?}", self.world.log),
            }
        }
    }

    fn status_of_register(&mut self) -> u16 {
        self.register();
        match self.until_alice_hears() {
            UaEvent::Response { response, .. } => response.status.code(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_challenge_is_answered_without_the_user_and_later_requests_cost_no_round_trip() {
    for kind in [TransportKind::Udp, TransportKind::Wss] {
        let mut guarded = Guarded::new(kind, DigestConfig::new("company"));
        assert_eq!(guarded.status_of_register(), 200);
        assert_eq!(guarded.verdicts, [Err(DigestRefusal::Missing), Ok(())]);
        guarded.verdicts.clear();
        for _ in 0..3 {
            assert_eq!(guarded.status_of_register(), 200);
        }
        // A call carries them as well, and the far side's UA, which challenges, never hears them twice.
        guarded.world.invite();
        let UaEvent::Session { event: SessionEvent::Answered { .. }, .. } = guarded.until_alice_hears()
        else {
            panic!()
        };
        assert_eq!(guarded.verdicts, [Ok(()); 4]);
    }
}

#[test]
fn a_challenged_call_keeps_its_session_call_id_and_tag_and_acknowledges_both_answers() {
    for kind in [TransportKind::Udp, TransportKind::Wss] {
        let mut guarded = Guarded::new(kind, DigestConfig::new("company"));
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::<Request>::new()));
        let tap = seen.clone();
        guarded.world.fate = Box::new(move |side, bytes| {
            if let (Side::Alice, Ok(Message::Request(request))) = (side, Message::parse(bytes)) {
                tap.borrow_mut().push(request);
            }
            vec![Duration::from_millis(20)]
        });
        let a = guarded.world.invite();
        let UaEvent::Session { session, event: SessionEvent::Answered { .. } } = guarded.until_alice_hears()
        else {
            panic!()
        };
        assert_eq!(session, a);
        let seen = seen.take();
        let methods: Vec<_> = seen.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["INVITE", "ACK", "INVITE", "ACK"]);
        let name = |request: &Request| {
            let from = request.headers.from().unwrap();
            (request.headers.call_id().unwrap().to_owned(), from.tag().unwrap().to_owned())
        };
        assert_eq!(name(&seen[0]), name(&seen[2]));
        let numbers: Vec<_> = seen.iter().map(|request| request.headers.cseq().unwrap().number).collect();
        assert_eq!(numbers, [1, 1, 2, 2]);
        let credentials =
            |request: &Request| request.headers.get(&HeaderName::Authorization).map(str::to_owned);
        assert_eq!((credentials(&seen[0]), credentials(&seen[1])), (None, None));
        assert!(credentials(&seen[2]).is_some());
        assert_eq!(credentials(&seen[3]), credentials(&seen[2]), "the ACK has its INVITE's");
        let now = guarded.world.now;
        guarded.world.alice.end(now, a, None).unwrap();
        assert!(matches!(guarded.world.ended(Side::Bob), EndCause::Remote { .. }));
        guarded.world.assert_nothing_left();
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_then_told() {
    let mut guarded = Guarded::new(TransportKind::Udp, DigestConfig::new("company"));
    guarded.world.alice.set_credentials(Some(Credentials::new("courier", "guess")));
    assert_eq!(guarded.status_of_register(), 401);
    assert_eq!(guarded.verdicts, [Err(DigestRefusal::Missing), Err(DigestRefusal::Wrong)]);
    guarded.world.invite();
    let UaEvent::Session { event: SessionEvent::Ended { cause: EndCause::Refused { response } }, .. } =
        guarded.until_alice_hears()
    else {
        panic!()
    };
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(guarded.verdicts.len(), 4, "no loop");
    guarded.world.alice.set_credentials(right());
    assert_eq!(guarded.status_of_register(), 200);
    guarded.world.assert_nothing_left();
}

#[test]
fn without_credentials_the_user_hears_of_the_challenge() {
    let mut guarded = Guarded::new(TransportKind::Udp, DigestConfig::new("company"));
    guarded.world.alice.set_credentials(None);
    assert_eq!(guarded.status_of_register(), 401);
    // Credentials for one flow are not for another.
    guarded.world.alice.flow_opened(crate::ua::FlowId(8), super::info(TransportKind::Udp, "other"));
    guarded.world.alice.set_flow_credentials(crate::ua::FlowId(8), right()).unwrap();
    assert_eq!(guarded.status_of_register(), 401);
    guarded.world.alice.set_flow_credentials(FLOW, right()).unwrap();
    assert_eq!(guarded.status_of_register(), 200);
}

#[test]
fn a_nonce_that_grew_old_is_renewed_before_it_is_stale_and_replaced_when_it_is() {
    let mut guarded = Guarded::new(TransportKind::Wss, DigestConfig::new("company"));
    assert_eq!(guarded.status_of_register(), 200);
    guarded.world.pass(Duration::from_secs(200));
    assert_eq!(guarded.status_of_register(), 200);
    guarded.world.pass(Duration::from_secs(200));
    guarded.verdicts.clear();
    assert_eq!(guarded.status_of_register(), 200);
    assert_eq!(guarded.verdicts, [Ok(())], "the first nonce has ended, the next one was named in time");
    guarded.world.pass(Duration::from_secs(1000));
    guarded.verdicts.clear();
    assert_eq!(guarded.status_of_register(), 200);
    assert_eq!(guarded.verdicts, [Err(DigestRefusal::Stale), Ok(())]);
    // The server starts anew and knows none of its nonces.
    guarded.guard = DigestServer::new(DigestConfig::new("company"), [10; 32]);
    guarded.verdicts.clear();
    assert_eq!(guarded.status_of_register(), 200);
    assert_eq!(guarded.verdicts, [Err(DigestRefusal::Stale), Ok(())]);
}

#[test]
fn a_proxy_on_the_way_is_answered_likewise() {
    let config =
        DigestConfig { challenger: crate::digest::Challenger::Proxy, ..DigestConfig::new("company") };
    let mut guarded = Guarded::new(TransportKind::Udp, config);
    assert_eq!(guarded.status_of_register(), 200);
    assert_eq!(guarded.verdicts, [Err(DigestRefusal::Missing), Ok(())]);
}

#[test]
fn hanging_up_while_the_challenge_is_on_its_way_ends_the_call_there() {
    // Before anything was heard, and while the CANCEL crosses the challenge.
    for heard in [false, true] {
        let mut guarded = Guarded::new(TransportKind::Udp, DigestConfig::new("company"));
        let world = &mut guarded.world;
        let a = world.invite();
        let b = world.incoming(Side::Bob);
        if heard {
            world.pass(Duration::from_millis(20));
        }
        let now = world.now;
        let challenge = guarded.guard.refuse(now, DigestRefusal::Missing);
        world.alice.end(now, a, None).unwrap();
        world.bob.reject(now, b, challenge).unwrap();
        assert_eq!(world.ended(Side::Alice), EndCause::Local);
        world.assert_nothing_left();
        assert_eq!(world.count("Alice: INVITE"), 1);
    }
}

#[test]
fn hanging_up_after_the_challenge_cancels_the_second_invite() {
    let mut guarded = Guarded::new(TransportKind::Udp, DigestConfig::new("company"));
    let a = guarded.world.invite();
    let b = guarded.world.incoming(Side::Bob);
    let now = guarded.world.now;
    let challenge = guarded.guard.refuse(now, DigestRefusal::Missing);
    guarded.world.bob.reject(now, b, challenge).unwrap();
    let second = guarded.world.incoming(Side::Bob);
    assert_ne!(second, b);
    let now = guarded.world.now;
    guarded.world.alice.end(now, a, None).unwrap();
    assert!(matches!(guarded.world.ended(Side::Bob), EndCause::Remote { .. }));
    assert_eq!(guarded.world.ended(Side::Alice), EndCause::Local);
    assert_eq!(guarded.world.count("Alice: CANCEL"), 1);
    guarded.world.assert_nothing_left();
}

/// Alice in a call, with the wire cut: what she sends is answered by hand.
struct Lone {
    world: World,
    a: SessionId,
}

impl Lone {
    fn new() -> Self {
        let mut world = World::new(TransportKind::Wss);
        world.alice.set_credentials(right());
        let (a, _) = world.connected();
        world.fate = Box::new(|_, _| Vec::new());
        Self { world, a }
    }

    /// What Alice sent last of that method, and the answer to it with these lines.
    fn answer(&mut self, method: &Method, code: u16, lines: &str) -> (Request, Vec<Message>) {
        self.world.pass(Duration::from_millis(1));
        let requests = self.world.alice.clients.values().map(|tx| tx.request.clone());
        let request = requests.filter(|request| request.method == *method).last().unwrap();
        let response = Response::to(&request, StatusCode::new(code).unwrap());
        let text = String::from_utf8(response.to_bytes().to_vec()).unwrap().replace("\r\n", "\n");
        let sent = self
            .world
            .inject(Side::Alice, &text.replace("Content-Length", &format!("{lines}Content-Length")));
        (request, sent)
    }
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"company\", nonce=\"n\", qop=\"auth\"\n";

#[test]
fn requests_within_a_call_are_challenged_and_sent_again_in_the_order_of_their_dialog() {
    let mut lone = Lone::new();
    let (now, a) = (lone.world.now, lone.a);
    let alice = &mut lone.world.alice;
    alice.reoffer(now, a, Bytes::from_static(b"hold")).unwrap();
    alice.info(now, a, Headers::default(), Bytes::from_static(b"digit")).unwrap();
    let (first, sent) = lone.answer(&Method::Invite, 401, CHALLENGE);
    let [Message::Request(ack), Message::Request(second)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(ack.method, Method::Ack);
    let numbers = |request: &Request| request.headers.cseq().unwrap().number;
    assert_eq!((numbers(&first), numbers(second)), (2, 4), "INFO has 3");
    let authorization: Authorization =
        second.headers.get(&HeaderName::Authorization).unwrap().parse().unwrap();
    assert_eq!(authorization.uri, second.uri.to_string());
    assert_eq!(second.body, "hold");
    let (_, sent) = lone.answer(&Method::Info, 401, CHALLENGE);
    assert!(
        matches!(&sent[..], [Message::Request(info)] if info.method == Method::Info && numbers(info) == 5)
    );
    let (_, sent) = lone.answer(&Method::Invite, 200, "Contact: <sip:bob@bob.invalid>\n");
    assert!(matches!(&sent[..], [Message::Request(ack)] if ack.method == Method::Ack && numbers(ack) == 4));
    let answered = |(_, event): &(Side, UaEvent)| {
        matches!(event, UaEvent::Session { event: SessionEvent::OfferAnswered { .. }, .. })
    };
    assert!(lone.world.events.iter().any(answered));

    // BYE goes out after its session is gone, and is answered all the same.
    let now = lone.world.now;
    lone.world.alice.set_credentials(right());
    lone.world.alice.end(now, a, None).unwrap();
    let (bye, sent) = lone.answer(&Method::Bye, 407, &CHALLENGE.replace("WWW", "Proxy"));
    let [Message::Request(again)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(numbers(again), numbers(&bye) + 1);
    assert!(again.headers.get(&HeaderName::ProxyAuthorization).is_some());
}

#[test]
fn a_wrong_password_within_a_call_leaves_the_call_as_it_was() {
    let mut lone = Lone::new();
    let (now, a) = (lone.world.now, lone.a);
    lone.world.alice.reoffer(now, a, Bytes::from_static(b"hold")).unwrap();
    lone.answer(&Method::Invite, 401, CHALLENGE);
    lone.answer(&Method::Invite, 401, CHALLENGE);
    let Some((_, UaEvent::Session { event, .. })) = lone.world.events.pop_back() else { panic!() };
    assert_eq!(event, SessionEvent::OfferRejected { status: StatusCode::UNAUTHORIZED });
    assert_eq!(lone.world.alice.session_count(), 1);
}

#[test]
fn a_response_on_another_flow_is_nobodys() {
    let mut world = World::new(TransportKind::Wss);
    world.alice.flow_opened(crate::ua::FlowId(8), super::info(TransportKind::Wss, "other"));
    world.fate = Box::new(|_, _| Vec::new());
    world.invite();
    world.pass(Duration::from_millis(1));
    let invite = world.alice.clients.values().next().unwrap().request.clone();
    let refusal = Response::to(&invite, StatusCode::DECLINE).to_bytes();
    let now = world.now;
    world.alice.handle_message(now, crate::ua::FlowId(8), &refusal);
    assert_eq!(world.alice.session_count(), 1);
    world.alice.handle_message(now, FLOW, &refusal);
    assert_eq!(world.alice.session_count(), 0);
}
