use std::time::Duration;

use bytes::Bytes;

use super::{FLOW, Side, World};
use crate::msg::{HeaderName, Headers, Message, Method, StatusCode};
use crate::ua::{EndCause, Reply, SessionEvent, TransportKind, UaConfig, UaError, UaEvent};

fn method(bytes: &[u8]) -> Option<Method> {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => Some(request.method),
        Message::Response(_) => None,
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    match Message::parse(bytes).unwrap() {
        Message::Response(response) => Some(response.status.code()),
        Message::Request(_) => None,
    }
}

const HOP: Duration = Duration::from_millis(20);

#[test]
fn a_call_rings_is_answered_and_ends_for_both() {
    for kind in [TransportKind::Udp, TransportKind::Wss] {
        let mut world = World::new(kind);
        let a = world.invite();
        let b = world.incoming(Side::Bob);
        let now = world.now;
        world.bob.progress(now, b, StatusCode::RINGING, Headers::default(), None).unwrap();
        let SessionEvent::Progress { response } = world.session_event(Side::Alice) else { panic!() };
        assert_eq!(response.status, StatusCode::RINGING);
        let now = world.now;
        world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
        let SessionEvent::Answered { response } = world.session_event(Side::Alice) else { panic!() };
        assert_eq!(&response.body[..], b"answer");
        assert_eq!(world.session_event(Side::Bob), SessionEvent::Confirmed { sdp: None });
        let now = world.now;
        world.alice.end(now, a, Some("Q.850;cause=16".into())).unwrap();
        assert_eq!(world.ended(Side::Alice), EndCause::Local);
        assert_eq!(world.ended(Side::Bob), EndCause::Remote { reasons: vec!["Q.850;cause=16".into()] });
        assert_eq!(world.alice.end(now, a, None), Err(UaError::NoSuchSession));
        world.assert_nothing_left();
    }
}

#[test]
fn hanging_up_before_anything_was_heard_waits_and_then_cancels() {
    let mut world = World::new(TransportKind::Udp);
    let a = world.invite();
    let now = world.now;
    world.alice.end(now, a, Some("SIP;cause=200".into())).unwrap();
    world.incoming(Side::Bob);
    assert_eq!(world.ended(Side::Bob), EndCause::Remote { reasons: vec!["SIP;cause=200".into()] });
    assert_eq!(world.ended(Side::Alice), EndCause::Local);
    assert_eq!(world.count("Alice: CANCEL"), 1);
    world.assert_nothing_left();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut world = World::new(TransportKind::Wss);
    let a = world.invite();
    let b = world.incoming(Side::Bob);
    world.pass(HOP);
    let now = world.now;
    world.alice.end(now, a, None).unwrap();
    world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
    assert_eq!(world.ended(Side::Alice), EndCause::Local);
    assert!(matches!(world.ended(Side::Bob), EndCause::Remote { .. }));
    assert_eq!((world.count("Alice: ACK"), world.count("Alice: BYE")), (1, 1));
    world.assert_nothing_left();
}

#[test]
fn a_far_side_that_answers_no_cancel_is_given_up() {
    let mut world = World::new(TransportKind::Udp);
    let a = world.invite();
    world.incoming(Side::Bob);
    world.pass(HOP);
    world.fate = Box::new(|_, _| Vec::new());
    let now = world.now;
    world.alice.end(now, a, None).unwrap();
    assert_eq!(world.ended(Side::Alice), EndCause::Local);
}

#[test]
fn nobody_there_is_a_timeout_after_seven_invites() {
    let mut world = World::new(TransportKind::Udp);
    world.fate = Box::new(|_, _| Vec::new());
    world.invite();
    assert_eq!(world.ended(Side::Alice), EndCause::Timeout);
    assert_eq!(world.now.since_epoch(), Duration::from_secs(32));
    assert_eq!(world.count("Alice: INVITE"), 7);
    world.assert_nothing_left();
}

#[test]
fn a_refusal_is_acknowledged_each_time_it_comes_and_told_once() {
    let mut world = World::new(TransportKind::Udp);
    let mut acks = 0;
    world.fate = Box::new(move |_, bytes| {
        acks += usize::from(method(bytes) == Some(Method::Ack));
        // The first two ACKs get lost.
        if method(bytes) == Some(Method::Ack) && acks <= 2 { Vec::new() } else { vec![HOP] }
    });
    world.invite();
    let b = world.incoming(Side::Bob);
    let now = world.now;
    world.bob.reject(now, b, Reply::new(StatusCode::BUSY_HERE)).unwrap();
    let EndCause::Refused { response } = world.ended(Side::Alice) else { panic!() };
    assert_eq!(response.status, StatusCode::BUSY_HERE);
    world.pass(Duration::from_secs(40));
    assert_eq!((world.count("Bob: SIP/2.0 486"), world.count("Alice: ACK")), (3, 3));
    assert_eq!(world.events.iter().filter(|(side, _)| *side == Side::Alice).count(), 0);
    world.assert_nothing_left();
}

#[test]
fn an_answer_is_repeated_until_its_ack_over_reliable_transports_too() {
    let mut world = World::new(TransportKind::Wss);
    let mut acks = 0;
    world.fate = Box::new(move |_, bytes| {
        acks += usize::from(method(bytes) == Some(Method::Ack));
        if method(bytes) == Some(Method::Ack) && acks <= 3 { Vec::new() } else { vec![HOP] }
    });
    world.connected();
    assert_eq!(world.count("Bob: SIP/2.0 200"), 4);
    assert_eq!(world.count("Alice: ACK"), 4);
}

#[test]
fn a_caller_that_never_acknowledges_is_ended_with_bye() {
    let mut world = World::new(TransportKind::Udp);
    world.fate = Box::new(|_, bytes| if method(bytes) == Some(Method::Ack) { Vec::new() } else { vec![HOP] });
    world.invite();
    let b = world.incoming(Side::Bob);
    let now = world.now;
    world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
    assert_eq!(world.ended(Side::Bob), EndCause::Timeout);
    assert!(matches!(world.ended(Side::Alice), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn hanging_up_right_after_answering_waits_for_the_ack() {
    let mut world = World::new(TransportKind::Udp);
    world.invite();
    let b = world.incoming(Side::Bob);
    let now = world.now;
    world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
    world.bob.end(now, b, None).unwrap();
    assert!(matches!(world.session_event(Side::Alice), SessionEvent::Answered { .. }));
    assert_eq!(world.ended(Side::Bob), EndCause::Local);
    assert!(matches!(world.ended(Side::Alice), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn a_closed_flow_ends_what_rings_and_leaves_what_is_answered_for_another_flow() {
    let mut world = World::new(TransportKind::Wss);
    world.invite();
    let now = world.now;
    world.alice.flow_closed(now, FLOW);
    assert_eq!(world.ended(Side::Alice), EndCause::FlowClosed);

    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    let now = world.now;
    world.bob.flow_closed(now, FLOW);
    assert_eq!(world.session_event(Side::Bob), SessionEvent::FlowLost);
    world.bob.flow_opened(FLOW, super::info(TransportKind::Wss, "bob2"));
    world.bob.move_session(b, FLOW).unwrap();
    world.bob.reoffer(now, b, Bytes::from_static(b"again")).unwrap();
    let SessionEvent::Offer { sdp } = world.session_event(Side::Alice) else { panic!() };
    assert_eq!(sdp.as_deref(), Some(&b"again"[..]));
    let now = world.now;
    world.alice.accept_offer(now, a, Bytes::from_static(b"fine")).unwrap();
    assert!(matches!(world.session_event(Side::Bob), SessionEvent::OfferAnswered { .. }));
    world.alice.end(now, a, None).unwrap();
    assert!(matches!(world.ended(Side::Bob), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn a_forked_call_keeps_the_first_answer_and_ends_the_other() {
    let mut world = World::new(TransportKind::Udp);
    world.fate = Box::new(|_, _| Vec::new());
    world.invite();
    world.pass(Duration::from_millis(1));
    let invite = {
        let tx = world.alice.clients.values().next().unwrap();
        tx.request.clone()
    };
    let answer = |tag: &str, code: u16| {
        let mut response = crate::msg::Response::to(&invite, StatusCode::new(code).unwrap());
        let to = response.headers.to().unwrap().with_tag(tag).unwrap();
        response.headers.set(HeaderName::To, to).unwrap();
        response.headers.push(HeaderName::Contact, format!("<sip:{tag}@192.0.2.1>")).unwrap();
        String::from_utf8(response.to_bytes().to_vec()).unwrap().replace("\r\n", "\n")
    };
    world.inject(Side::Alice, &answer("one", 180));
    world.inject(Side::Alice, &answer("two", 183));
    let acked = world.inject(Side::Alice, &answer("two", 200));
    assert!(
        matches!(&acked[..], [Message::Request(ack)] if ack.method == Method::Ack && ack.uri.to_string() == "sip:two@192.0.2.1")
    );
    let again = world.inject(Side::Alice, &answer("two", 200));
    assert_eq!(again, acked, "the same ACK for the same answer");
    let late = world.inject(Side::Alice, &answer("one", 200));
    let methods: Vec<_> = late
        .iter()
        .map(|m| match m {
            Message::Request(request) => (request.method.clone(), request.uri.to_string()),
            Message::Response(_) => panic!(),
        })
        .collect();
    assert_eq!(
        methods,
        [(Method::Ack, "sip:one@192.0.2.1".into()), (Method::Bye, "sip:one@192.0.2.1".into())]
    );
    let answered = world
        .events
        .iter()
        .filter(|(_, e)| matches!(e, UaEvent::Session { event: SessionEvent::Answered { .. }, .. }))
        .count();
    assert_eq!(answered, 1);
}

#[test]
fn provisional_responses_are_reliable_where_the_caller_requires_it() {
    let mut world = World::new(TransportKind::Udp);
    let mut pracks = 0;
    world.fate = Box::new(move |_, bytes| {
        pracks += usize::from(method(bytes) == Some(Method::Prack));
        if method(bytes) == Some(Method::Prack) && pracks == 1 { Vec::new() } else { vec![HOP] }
    });
    let now = world.now;
    let mut headers = Headers::default();
    headers.push(HeaderName::Require, "100rel").unwrap();
    let uri: crate::msg::SipUri = "sip:bob@bob.invalid".parse().unwrap();
    let party = crate::msg::NameAddr::new(uri.clone());
    let what = crate::ua::Invite {
        uri: uri.into(),
        from: party.clone(),
        to: party,
        call_id: None,
        headers,
        sdp: Bytes::from_static(b"offer"),
    };
    world.alice.invite(now, FLOW, what).unwrap();
    let b = world.incoming(Side::Bob);
    let now = world.now;
    world.bob.progress(now, b, StatusCode::RINGING, Headers::default(), None).unwrap();
    world
        .bob
        .progress(
            now,
            b,
            StatusCode::SESSION_PROGRESS,
            Headers::default(),
            Some(Bytes::from_static(b"early")),
        )
        .unwrap();
    world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
    let mut seen = Vec::new();
    loop {
        match world.session_event(Side::Alice) {
            SessionEvent::Progress { response } => seen.push(response.status.code()),
            SessionEvent::Answered { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [180, 183]);
    assert_eq!(world.count("Alice: PRACK"), 3, "one was lost and sent again");
}

#[test]
fn a_session_whose_far_side_vanished_expires() {
    let short = UaConfig { session_expires: Some(Duration::from_secs(90)), ..UaConfig::default() };
    for vanishing in [Side::Alice, Side::Bob] {
        let mut world = World::with(TransportKind::Wss, short.clone(), short.clone());
        world.connected();
        world.pass(Duration::from_secs(600));
        assert!(
            world
                .events
                .iter()
                .all(|(_, e)| !matches!(e, UaEvent::Session { event: SessionEvent::Ended { .. }, .. })),
            "refreshed"
        );
        world.events.clear();
        let before = world.now;
        world.fate = Box::new(move |side, _| if side == vanishing { Vec::new() } else { vec![HOP] });
        let cause = world.ended(if vanishing == Side::Alice { Side::Bob } else { Side::Alice });
        assert!(matches!(cause, EndCause::Expired | EndCause::Timeout), "{cause:?}");
        assert!(world.now.saturating_since(before) <= Duration::from_secs(90));
    }
}

#[test]
fn a_proposed_interval_below_the_minimum_is_raised_by_422() {
    let eager = UaConfig { session_expires: Some(Duration::from_secs(90)), ..UaConfig::default() };
    let calm = UaConfig { min_session_expires: Duration::from_secs(300), ..UaConfig::default() };
    let mut world = World::with(TransportKind::Udp, eager, calm);
    world.invite();
    let b = world.incoming(Side::Bob);
    let now = world.now;
    world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer")).unwrap();
    let SessionEvent::Answered { response } = world.session_event(Side::Alice) else { panic!() };
    assert_eq!(response.headers.get(&HeaderName::SessionExpires), Some("300;refresher=uac"));
    assert_eq!(world.count("Bob: SIP/2.0 422"), 1);
}

#[test]
fn the_second_copy_of_a_request_gets_the_same_answer() {
    let mut world = World::new(TransportKind::Udp);
    world.fate = Box::new(|_, bytes| {
        // Everything comes twice.
        let _ = status(bytes);
        vec![HOP, HOP * 2]
    });
    let (a, _) = world.connected();
    let now = world.now;
    world.alice.end(now, a, None).unwrap();
    assert!(matches!(world.ended(Side::Bob), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

/// Alice refreshes every 45 s; Bob's answers to her UPDATEs are what the test says.
fn refreshing(answer: impl Fn(usize) -> Option<u16> + 'static) -> (World, crate::ua::SessionId) {
    let short = UaConfig { session_expires: Some(Duration::from_secs(90)), ..UaConfig::default() };
    let mut world = World::with(TransportKind::Wss, short.clone(), short);
    let (a, _) = world.connected();
    let mut updates = 0;
    world.fate = Box::new(move |_, bytes| {
        updates += usize::from(method(bytes) == Some(Method::Update));
        let refused = answer(updates).is_some();
        // What the test answers by hand gets no other answer.
        if method(bytes) == Some(Method::Update) && refused { Vec::new() } else { vec![HOP] }
    });
    (world, a)
}

fn answer_update(world: &mut World, code: u16, lines: &str) -> Vec<Message> {
    let updates = world.alice.clients.values().filter(|tx| tx.request.method == Method::Update);
    let request = updates.last().unwrap().request.clone();
    let response = crate::msg::Response::to(&request, StatusCode::new(code).unwrap());
    let text = String::from_utf8(response.to_bytes().to_vec()).unwrap().replace("\r\n", "\n");
    world.inject(Side::Alice, &text.replace("Content-Length", &format!("{lines}Content-Length")))
}

#[test]
fn a_refresh_that_meets_a_change_is_tried_again_before_the_session_expires() {
    let (mut world, _) = refreshing(|turn| (turn == 1).then_some(491));
    world.pass(Duration::from_secs(46));
    assert_eq!(world.count("Alice: UPDATE"), 1);
    answer_update(&mut world, 491, "");
    world.pass(Duration::from_secs(20));
    assert_eq!(world.count("Alice: UPDATE"), 2);
    world.pass(Duration::from_secs(600));
    assert_eq!((world.alice.session_count(), world.bob.session_count()), (1, 1));
}

#[test]
fn refreshes_that_are_never_taken_end_the_session_when_it_expires() {
    let (mut world, _) = refreshing(|_| Some(500));
    let start = world.now;
    for _ in 0..40 {
        if world.alice.session_count() == 0 {
            break;
        }
        world.pass(Duration::from_secs(4));
        let open = world.alice.clients.values().any(|tx| tx.request.method == Method::Update);
        if open {
            answer_update(&mut world, 500, "");
        }
    }
    assert_eq!(world.alice.session_count(), 0);
    let lasted = world.now.saturating_since(start);
    assert!(lasted >= Duration::from_secs(60) && lasted <= Duration::from_secs(100), "{lasted:?}");
    assert_eq!(world.count("Alice: BYE") + world.count("Bob: BYE"), 1);
}

#[test]
fn a_refresh_takes_the_longer_interval_that_the_far_side_wants_once() {
    let (mut world, a) = refreshing(|turn| (turn <= 2).then_some(422));
    world.pass(Duration::from_secs(46));
    let sent = answer_update(&mut world, 422, "Min-SE: 200\n");
    let [Message::Request(update)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(update.headers.get(&HeaderName::SessionExpires), Some("200;refresher=uac"));
    assert_eq!(update.headers.get(&HeaderName::MinSe), Some("200"));
    assert!(answer_update(&mut world, 422, "Min-SE: 300\n").is_empty(), "no loop");
    let now = world.now;
    world.alice.end(now, a, None).unwrap();
}
