//! Route sets (RFC 3261 sections 12.1 and 12.2.1.1), several forks, and reliable provisional responses by hand.

use std::time::Duration;

use bytes::Bytes;

use super::{Side, World};
use crate::msg::{HeaderName, Headers, Message, Method, Request, Response, StatusCode};
use crate::ua::{EndCause, SessionEvent, TransportKind, UaEvent};

/// Alice has called; what she hears is the test's to write.
fn calling() -> (World, Request) {
    let mut world = World::new(TransportKind::Wss);
    world.fate = Box::new(|_, _| Vec::new());
    world.invite();
    world.pass(Duration::from_millis(1));
    let invite = world.alice.clients.values().next().unwrap().request.clone();
    (world, invite)
}

fn answer(request: &Request, code: u16, tag: &str, lines: &[(HeaderName, &str)]) -> String {
    let mut response = Response::to(request, StatusCode::new(code).unwrap());
    let to = response.headers.to().unwrap();
    let to = if to.tag().is_none() { to.with_tag(tag).unwrap() } else { to };
    response.headers.set(HeaderName::To, to).unwrap();
    for (name, value) in lines {
        response.headers.push(name.clone(), value).unwrap();
    }
    String::from_utf8(response.to_bytes().to_vec()).unwrap().replace("\r\n", "\n")
}

fn requests(sent: Vec<Message>) -> Vec<Request> {
    let only = sent.into_iter().map(|message| match message {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    });
    only.collect()
}

fn way(request: &Request) -> (String, Vec<String>) {
    let routes = request.headers.routes().iter().map(ToString::to_string).collect();
    (request.uri.to_string(), routes)
}

const CONTACT: (HeaderName, &str) = (HeaderName::Contact, "<sip:bob@198.51.100.7:5070>");

#[test]
fn a_caller_goes_back_through_the_proxies_that_recorded_themselves_nearest_first() {
    let (mut world, invite) = calling();
    let recorded = (HeaderName::RecordRoute, "<sip:far.example.com;lr>, <sip:near.example.com;lr>");
    let sent = requests(world.inject(Side::Alice, &answer(&invite, 200, "b", &[CONTACT, recorded])));
    let expected = (
        "sip:bob@198.51.100.7:5070".to_owned(),
        vec!["<sip:near.example.com;lr>".to_owned(), "<sip:far.example.com;lr>".to_owned()],
    );
    assert_eq!(way(&sent[0]), expected);

    // A re-INVITE's answer may move the Contact, but not the way.
    let Some((_, UaEvent::Session { session, .. })) = world.events.pop_back() else { panic!() };
    let now = world.now;
    world.alice.reoffer(now, session, Bytes::from_static(b"hold")).unwrap();
    world.pass(Duration::from_millis(1));
    let reinvite = world.alice.clients.values().last().unwrap().request.clone();
    assert_eq!(way(&reinvite), expected);
    let moved = (HeaderName::Contact, "<sip:bob@203.0.113.1>");
    let other = (HeaderName::RecordRoute, "<sip:other.example.com;lr>");
    let sent = requests(world.inject(Side::Alice, &answer(&reinvite, 200, "b", &[moved, other])));
    assert_eq!(way(&sent[0]), ("sip:bob@203.0.113.1".to_owned(), expected.1));
}

#[test]
fn a_strict_router_finds_itself_in_the_request_uri_and_the_target_at_the_end() {
    let (mut world, invite) = calling();
    let recorded = (HeaderName::RecordRoute, "<sip:far.example.com;lr>, <sip:strict.example.com>");
    let sent = requests(world.inject(Side::Alice, &answer(&invite, 200, "b", &[CONTACT, recorded])));
    let routes = vec!["<sip:far.example.com;lr>".to_owned(), "<sip:bob@198.51.100.7:5070>".to_owned()];
    assert_eq!(way(&sent[0]), ("sip:strict.example.com".to_owned(), routes));
}

#[test]
fn who_is_called_goes_back_in_the_order_of_the_request() {
    let mut world = World::new(TransportKind::Wss);
    let invite = "INVITE sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/WSS p.example.com;branch=z9hG4bKone\nRecord-Route: <sip:near.example.com;lr>\nRecord-Route: <sip:far.example.com;lr>\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>\nCall-ID: routed\nCSeq: 1 INVITE\nContact: <sip:a@198.51.100.8>\nMax-Forwards: 70\nContent-Length: 0\n\n";
    world.inject(Side::Bob, invite);
    let Some((_, UaEvent::IncomingInvite { session, .. })) = world.events.pop_back() else { panic!() };
    let now = world.now;
    world.bob.answer(now, session, Headers::default(), Bytes::from_static(b"offer")).unwrap();
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.bob.poll() else { panic!() };
    let Ok(Message::Response(ok)) = Message::parse(&bytes) else { panic!() };
    let recorded: Vec<_> = ok.headers.record_routes().iter().map(ToString::to_string).collect();
    assert_eq!(recorded, ["<sip:near.example.com;lr>", "<sip:far.example.com;lr>"]);
    let tag = ok.headers.to().unwrap().tag().unwrap().to_owned();
    world.inject(
        Side::Bob,
        &format!("ACK sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/WSS p.example.com;branch=z9hG4bKtwo\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>;tag={tag}\nCall-ID: routed\nCSeq: 1 ACK\nMax-Forwards: 70\nContent-Length: 0\n\n"),
    );
    world.bob.end(now, session, None).unwrap();
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.bob.poll() else { panic!() };
    let Ok(Message::Request(bye)) = Message::parse(&bytes) else { panic!() };
    assert_eq!(way(&bye), ("sip:a@198.51.100.8".to_owned(), recorded));
}

#[test]
fn forks_without_number_cost_no_memory() {
    let (mut world, invite) = calling();
    for n in 0..200 {
        world.inject(Side::Alice, &answer(&invite, 180, &format!("fork{n}"), &[CONTACT]));
    }
    assert_eq!(world.events.len(), 32);
    // One that was not told apart may answer all the same.
    let sent = requests(world.inject(Side::Alice, &answer(&invite, 200, "fork150", &[CONTACT])));
    assert_eq!(sent[0].method, Method::Ack);
    assert!(matches!(
        world.events.back(),
        Some((_, UaEvent::Session { event: SessionEvent::Answered { .. }, .. }))
    ));
}

#[test]
fn each_fork_is_acknowledged_reliably_in_its_own_dialog() {
    let (mut world, invite) = calling();
    let reliable = |rseq| [(HeaderName::Require, "100rel"), (HeaderName::RSeq, rseq), CONTACT];
    let prack = |sent: Vec<Message>| {
        let sent = requests(sent);
        let [prack] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(prack.method, Method::Prack);
        let tag = prack.headers.to().unwrap().tag().unwrap().to_owned();
        (tag, prack.headers.get(&HeaderName::RAck).unwrap().to_owned(), prack.headers.cseq().unwrap().number)
    };
    let one = prack(world.inject(Side::Alice, &answer(&invite, 180, "one", &reliable("7"))));
    assert_eq!(one, ("one".into(), "7 1 INVITE".into(), 2));
    let two = prack(world.inject(Side::Alice, &answer(&invite, 183, "two", &reliable("90"))));
    assert_eq!(two, ("two".into(), "90 1 INVITE".into(), 2));
    // Again, and out of order: neither is told or acknowledged.
    assert!(world.inject(Side::Alice, &answer(&invite, 180, "one", &reliable("7"))).is_empty());
    assert!(world.inject(Side::Alice, &answer(&invite, 183, "one", &reliable("9"))).is_empty());
    assert_eq!(world.events.len(), 2);
    let next = prack(world.inject(Side::Alice, &answer(&invite, 183, "one", &reliable("8"))));
    assert_eq!(next, ("one".into(), "8 1 INVITE".into(), 3));
    // The number of the dialog that is answered goes on from there.
    world.inject(Side::Alice, &answer(&invite, 200, "one", &[CONTACT]));
    let Some((_, UaEvent::Session { session, .. })) = world.events.pop_back() else { panic!() };
    let now = world.now;
    world.alice.end(now, session, None).unwrap();
    world.pass(Duration::from_millis(1));
    let bye = world.alice.clients.values().last().unwrap().request.clone();
    assert_eq!((bye.method, bye.headers.cseq().unwrap().number), (Method::Bye, 4));
}

#[test]
fn an_offer_within_prack_is_refused_and_the_call_rings_on() {
    let mut world = World::new(TransportKind::Wss);
    let head = |method: &str, branch: &str, number: u32, to: &str, more: &str, body: &str| {
        format!(
            "{method} sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK{branch}\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>{to}\nCall-ID: p\nCSeq: {number} {method}\nContact: <sip:a@a.invalid>\nMax-Forwards: 70\n{more}Content-Type: application/sdp\nContent-Length: {}\n\n{body}",
            body.len()
        )
    };
    world.inject(Side::Bob, &head("INVITE", "1", 1, "", "Require: 100rel\n", "offer"));
    let Some((_, UaEvent::IncomingInvite { session, .. })) = world.events.pop_back() else { panic!() };
    let now = world.now;
    world.bob.progress(now, session, StatusCode::RINGING, Headers::default(), None).unwrap();
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.bob.poll() else { panic!() };
    let Ok(Message::Response(ringing)) = Message::parse(&bytes) else { panic!() };
    let tag = format!(";tag={}", ringing.headers.to().unwrap().tag().unwrap());
    let rack = format!("RAck: {} 1 INVITE\n", ringing.headers.get(&HeaderName::RSeq).unwrap());
    let mut status = |text: &str| match &world.inject(Side::Bob, text)[..] {
        [Message::Response(response)] => response.status.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(status(&head("PRACK", "2", 2, &tag, &rack, "another offer")), 488);
    assert_eq!(status(&head("PRACK", "3", 3, &tag, "RAck: 99 1 INVITE\n", "")), 481);
    assert_eq!(status(&head("PRACK", "4", 4, &tag, &rack, "")), 200);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.bob.session_count(), 1);
}

#[test]
fn a_caller_that_requires_and_never_acknowledges_progress_is_given_up() {
    let mut world = World::new(TransportKind::Udp);
    let invite = "INVITE sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/UDP a.invalid;branch=z9hG4bKone\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>\nCall-ID: p\nCSeq: 1 INVITE\nRequire: 100rel\nContact: <sip:a@a.invalid>\nMax-Forwards: 70\nContent-Length: 0\n\n";
    world.fate = Box::new(|_, _| Vec::new());
    world.inject(Side::Bob, invite);
    let Some((_, UaEvent::IncomingInvite { session, .. })) = world.events.pop_back() else { panic!() };
    let now = world.now;
    world.bob.progress(now, session, StatusCode::RINGING, Headers::default(), None).unwrap();
    assert_eq!(world.ended(Side::Bob), EndCause::Timeout);
    assert_eq!(world.count("Bob: SIP/2.0 504"), 1);
    assert_eq!(world.bob.session_flow(session), None);
}
