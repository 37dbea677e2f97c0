use super::{Side, World};
use crate::msg::{HeaderName, Message, Response, StatusCode};
use crate::ua::{Reply, TransportKind, UaConfig, UaEvent};

fn request(method: &str, lines: &str, body: &str) -> String {
    format!(
        "{method} sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/UDP alice.invalid;branch=z9hG4bK{method}\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>\nCall-ID: {method}\nCSeq: 1 {method}\nMax-Forwards: 70\n{lines}Content-Length: {}\n\n{body}",
        body.len()
    )
}

fn answer(world: &mut World, text: &str) -> Option<Response> {
    world.inject(Side::Bob, text).into_iter().find_map(|message| match message {
        Message::Response(response) if response.status.is_final() => Some(response),
        Message::Response(_) | Message::Request(_) => None,
    })
}

#[test]
fn what_is_not_understood_is_refused_with_what_would_be() {
    let mut world = World::new(TransportKind::Udp);
    let unknown = answer(&mut world, &request("PUBLISH", "", "")).unwrap();
    assert_eq!(unknown.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(unknown.headers.contains_token(&HeaderName::Allow, "INVITE"));

    let required = answer(
        &mut world,
        &request("OPTIONS", "Require: nothingSupportsThis, timer\nProxy-Require: norDoesThis\n", ""),
    )
    .unwrap();
    assert_eq!(required.status, StatusCode::BAD_EXTENSION);
    assert_eq!(required.headers.tokens(&HeaderName::Unsupported), ["nothingSupportsThis"]);

    let body = answer(&mut world, &request("INVITE", "Content-Type: application/unknown\n", "x")).unwrap();
    assert_eq!(body.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(body.headers.get(&HeaderName::Accept), Some("application/sdp"));

    let scheme = request("OPTIONS", "", "")
        .replace("sip:bob@bob.invalid SIP", "unknown:bob SIP")
        .replace("z9hG4bK", "z9hG4bKs")
        .replace("Call-ID: ", "Call-ID: s");
    assert_eq!(answer(&mut world, &scheme).unwrap().status, StatusCode::UNSUPPORTED_URI_SCHEME);
    assert!(world.events.is_empty(), "no user hears of any of them");
}

#[test]
fn requests_to_sessions_that_do_not_exist_get_481() {
    let mut world = World::new(TransportKind::Udp);
    for method in ["BYE", "UPDATE", "INFO", "NOTIFY", "PRACK", "CANCEL"] {
        assert_eq!(answer(&mut world, &request(method, "", "")).unwrap().status.code(), 481, "{method}");
    }
    let tagged = request("INVITE", "", "").replace("<sip:b@bob.invalid>", "<sip:b@bob.invalid>;tag=x");
    assert_eq!(answer(&mut world, &tagged).unwrap().status.code(), 481);
    assert!(world.inject(Side::Bob, &request("ACK", "", "")).is_empty());
}

#[test]
fn a_ping_by_options_is_answered_without_the_user() {
    let mut world = World::new(TransportKind::Udp);
    let pong = answer(&mut world, &request("OPTIONS", "", "")).unwrap();
    assert_eq!(pong.status, StatusCode::OK);
    assert!(pong.headers.to().unwrap().tag().is_some());
}

#[test]
fn a_request_for_the_user_waits_for_the_answer_and_its_copies_get_the_same() {
    let config = UaConfig { accepted_methods: vec![crate::msg::Method::Register], ..UaConfig::default() };
    let mut world = World::with(TransportKind::Udp, UaConfig::default(), config);
    let register = request("REGISTER", "", "");
    assert!(answer(&mut world, &register).is_none());
    assert!(answer(&mut world, &register).is_none());
    let Some((_, UaEvent::IncomingRequest { id, .. })) = world.events.pop_back() else { panic!() };
    assert!(world.events.is_empty(), "the copy is no second request");
    let now = world.now;
    world.bob.respond(now, id, Reply::new(StatusCode::OK)).unwrap();
    assert_eq!(answer(&mut world, &register).unwrap().status, StatusCode::OK);
}

#[test]
fn the_same_call_on_two_ways_rings_once() {
    let mut world = World::new(TransportKind::Udp);
    let invite = request("INVITE", "Contact: <sip:a@alice.invalid>\n", "");
    assert!(answer(&mut world, &invite).is_none());
    let merged = answer(&mut world, &invite.replace("z9hG4bKINVITE", "z9hG4bKother")).unwrap();
    assert_eq!(merged.status, StatusCode::LOOP_DETECTED);
    assert_eq!(world.bob.session_count(), 1);
}

#[test]
fn rfc_2543_callers_without_a_branch_are_served() {
    let mut world = World::new(TransportKind::Udp);
    let invite =
        request("INVITE", "Contact: <sip:a@alice.invalid>\n", "").replace(";branch=z9hG4bKINVITE", "");
    world.inject(Side::Bob, &invite);
    world.inject(Side::Bob, &invite);
    assert_eq!(world.bob.session_count(), 1);
    let cancel = request("CANCEL", "", "")
        .replace(";branch=z9hG4bKCANCEL", "")
        .replace("Call-ID: CANCEL", "Call-ID: INVITE");
    let answers: Vec<_> = world
        .inject(Side::Bob, &cancel)
        .into_iter()
        .map(|message| match message {
            Message::Response(response) => response.status.code(),
            Message::Request(_) => 0,
        })
        .collect();
    assert_eq!(answers, [200, 487]);
}

#[test]
fn beyond_the_limits_the_answer_is_503_and_nothing_is_kept() {
    let config = UaConfig { max_sessions: 1, ..UaConfig::default() };
    let mut world = World::with(TransportKind::Udp, UaConfig::default(), config);
    let invite = request("INVITE", "Contact: <sip:a@alice.invalid>\n", "");
    assert!(answer(&mut world, &invite).is_none());
    let second = invite.replace("z9hG4bKINVITE", "z9hG4bKother").replace("Call-ID: INVITE", "Call-ID: other");
    let refused = answer(&mut world, &second).unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers.get(&HeaderName::RetryAfter).is_some());
    assert_eq!(world.bob.session_count(), 1);
}

#[test]
fn a_malformed_request_is_answered_and_a_response_to_nothing_is_dropped() {
    let mut world = World::new(TransportKind::Udp);
    let bad = answer(&mut world, &request("OPTIONS", "Contact: <sip:\n", "")).unwrap();
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let stray = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKno\nFrom: <sip:a@b.c>;tag=1\nTo: <sip:a@b.c>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContent-Length: 0\n\n";
    assert!(world.inject(Side::Alice, stray).is_empty());
    assert!(world.events.is_empty());
}

#[test]
fn the_source_of_a_request_is_noted_where_it_asks_for_it() {
    let mut world = World::new(TransportKind::Udp);
    let mut info = super::info(TransportKind::Udp, "bob");
    info.remote = Some("192.0.2.5:5062".parse().unwrap());
    world.bob.flow_opened(super::FLOW, info);
    let pong = answer(&mut world, &request("OPTIONS", "", "").replace("branch=", "rport;branch=")).unwrap();
    let via = pong.headers.via().unwrap();
    assert_eq!((via.params.value("received"), via.params.value("rport")), (Some("192.0.2.5"), Some("5062")));
}

#[test]
fn a_full_table_is_answered_without_growing() {
    let config = UaConfig { max_transactions: 2, ..UaConfig::default() };
    let mut world = World::with(TransportKind::Udp, UaConfig::default(), config);
    for n in 0..5 {
        let ping = request("OPTIONS", "", "").replace("z9hG4bK", &format!("z9hG4bK{n}"));
        let status = answer(&mut world, &ping.replace("Call-ID: ", &format!("Call-ID: {n}"))).unwrap();
        assert_eq!(status.status.code(), if n < 2 { 200 } else { 503 });
        assert!(status.headers.to().unwrap().tag().is_some());
    }
    assert_eq!(world.bob.servers.len(), 2);
    world.assert_nothing_left();
}

#[test]
fn a_caller_that_could_not_read_the_answer_is_refused() {
    let mut world = World::new(TransportKind::Udp);
    let invite = request("INVITE", "Contact: <sip:a@alice.invalid>\nAccept: text/plain\n", "");
    assert_eq!(answer(&mut world, &invite).unwrap().status, StatusCode::NOT_ACCEPTABLE);
    for (n, range) in ["application/sdp;level=1, text/plain", "*/*", "Application/*"].into_iter().enumerate()
    {
        let invite = invite.replace("text/plain", range).replace("z9hG4bK", &format!("z9hG4bK{n}"));
        assert!(
            answer(&mut world, &invite.replace("Call-ID: ", &format!("Call-ID: {n}"))).is_none(),
            "{range}"
        );
    }
    assert_eq!(world.bob.session_count(), 3);
}

#[test]
fn what_the_user_did_not_ask_for_is_not_handed_up() {
    let mut world = World::new(TransportKind::Udp);
    let refer = request("REFER", "Refer-To: <sip:c@example.com>\n", "");
    assert_eq!(answer(&mut world, &refer).unwrap().status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(world.events.is_empty());
}
