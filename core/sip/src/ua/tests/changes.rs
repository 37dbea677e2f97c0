use std::time::Duration;

use bytes::Bytes;

use super::{FLOW, Side, World};
use crate::msg::{HeaderName, Headers, NameAddr, SipUri, StatusCode};
use crate::ua::{EndCause, Invite, Reply, SessionEvent, SessionId, TransportKind, UaError, UaEvent};

const HOLD: Bytes = Bytes::from_static(b"hold");

#[test]
fn media_change_by_a_reinvite_that_the_far_side_takes_or_refuses() {
    let mut world = World::new(TransportKind::Udp);
    let (a, b) = world.connected();
    let now = world.now;
    world.alice.reoffer(now, a, HOLD).unwrap();
    assert_eq!(world.alice.reoffer(now, a, HOLD), Err(UaError::OfferPending));
    assert_eq!(world.session_event(Side::Bob), SessionEvent::Offer { sdp: Some(HOLD) });
    let now = world.now;
    world.bob.accept_offer(now, b, Bytes::from_static(b"held")).unwrap();
    assert_eq!(
        world.session_event(Side::Alice),
        SessionEvent::OfferAnswered { sdp: Some(Bytes::from_static(b"held")) }
    );
    world.pass(Duration::from_secs(1));

    let now = world.now;
    world.bob.reoffer(now, b, HOLD).unwrap();
    assert!(matches!(world.session_event(Side::Alice), SessionEvent::Offer { .. }));
    let now = world.now;
    world.alice.reject_offer(now, a, StatusCode::NOT_ACCEPTABLE_HERE).unwrap();
    assert_eq!(
        world.session_event(Side::Bob),
        SessionEvent::OfferRejected { status: StatusCode::NOT_ACCEPTABLE_HERE }
    );
    let now = world.now;
    world.bob.end(now, b, None).unwrap();
    world.ended(Side::Alice);
    world.assert_nothing_left();
}

#[test]
fn offers_that_cross_are_both_refused_and_settle_by_themselves() {
    let mut world = World::new(TransportKind::Udp);
    let (a, b) = world.connected();
    world.pass(Duration::from_secs(1));
    let now = world.now;
    world.alice.reoffer(now, a, Bytes::from_static(b"from alice")).unwrap();
    world.bob.reoffer(now, b, Bytes::from_static(b"from bob")).unwrap();
    // Whoever is asked says yes; both offers must come through in the end.
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let Some((side, event)) = world.next_event(Duration::from_secs(30)) else {
            panic!("{:#?}", world.log)
        };
        let UaEvent::Session { session, event } = event else { continue };
        let now = world.now;
        match event {
            SessionEvent::Offer { .. } => {
                world.ua(side).accept_offer(now, session, Bytes::from_static(b"yes")).unwrap()
            }
            SessionEvent::OfferAnswered { .. } => answered.push(side),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.count("Bob: SIP/2.0 491") + world.count("Alice: SIP/2.0 491"), 2);
}

#[test]
fn a_far_side_that_has_forgotten_the_session_ends_it() {
    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    world.bob.sessions.remove(&b);
    let now = world.now;
    world.alice.reoffer(now, a, HOLD).unwrap();
    assert_eq!(world.ended(Side::Alice), EndCause::Timeout);
}

#[test]
fn a_digit_a_transfer_and_its_outcome_travel_within_the_session() {
    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    let now = world.now;
    let mut headers = Headers::default();
    headers.push(HeaderName::ContentType, "application/dtmf-relay").unwrap();
    world.alice.info(now, a, headers, Bytes::from_static(b"Signal=5\r\nDuration=160\r\n")).unwrap();
    let SessionEvent::Info { request } = world.session_event(Side::Bob) else { panic!() };
    assert!(request.body.starts_with(b"Signal=5"));

    let target = NameAddr::new("sip:desk@example.com".parse::<SipUri>().unwrap());
    let now = world.now;
    world.alice.refer(now, a, &target).unwrap();
    let SessionEvent::Refer { incoming, request } = world.session_event(Side::Bob) else { panic!() };
    assert_eq!(request.headers.get(&HeaderName::ReferTo), Some("<sip:desk@example.com>"));
    let now = world.now;
    world.bob.respond(now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    assert_eq!(world.bob.respond(now, incoming, Reply::new(StatusCode::OK)), Err(UaError::NoSuchRequest));
    assert_eq!(
        world.session_event(Side::Alice),
        SessionEvent::ReferAnswered { status: StatusCode::ACCEPTED }
    );
    let now = world.now;
    world.bob.notify(now, b, "SIP/2.0 200 OK", true).unwrap();
    let SessionEvent::Notify { request } = world.session_event(Side::Alice) else { panic!() };
    assert_eq!(&request.body[..], b"SIP/2.0 200 OK\r\n");
    assert!(request.headers.get(&HeaderName::SubscriptionState).unwrap().starts_with("terminated"));
}

fn invite_with(world: &mut World, headers: Headers) -> SessionId {
    let uri: SipUri = "sip:bob@bob.invalid".parse().unwrap();
    let party = NameAddr::new(uri.clone());
    let now = world.now;
    let sdp = Bytes::from_static(b"offer");
    let what = Invite { uri: uri.into(), from: party.clone(), to: party, call_id: None, headers, sdp };
    world.alice.invite(now, FLOW, what).unwrap()
}

#[test]
fn a_call_that_replaces_another_names_it_and_one_that_names_none_is_refused() {
    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    let mut headers = Headers::default();
    headers.push(HeaderName::Replaces, world.alice.replaces_value(a).unwrap()).unwrap();
    invite_with(&mut world, headers);
    loop {
        match world.next_event(Duration::from_secs(10)) {
            Some((Side::Bob, UaEvent::IncomingInvite { replaces, .. })) => {
                assert_eq!(replaces, Some(b));
                break;
            }
            Some(_) => {}
            None => panic!(),
        }
    }
    let mut headers = Headers::default();
    headers.push(HeaderName::Replaces, "nosuch;to-tag=1;from-tag=2").unwrap();
    invite_with(&mut world, headers);
    let EndCause::Refused { response } = world.ended(Side::Alice) else { panic!() };
    assert_eq!(response.status, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
}

#[test]
fn a_call_without_an_offer_is_offered_to_in_the_answer_and_answered_in_the_ack() {
    let mut world = World::new(TransportKind::Udp);
    let invite = "INVITE sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/UDP alice.invalid;branch=z9hG4bKone\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>\nCall-ID: late\nCSeq: 1 INVITE\nContact: <sip:a@alice.invalid>\nMax-Forwards: 70\nContent-Length: 0\n\n";
    world.inject(Side::Bob, invite);
    let Some((_, UaEvent::IncomingInvite { session, request, .. })) = world.events.pop_back() else {
        panic!()
    };
    assert!(request.body.is_empty());
    let now = world.now;
    world.bob.answer(now, session, Headers::default(), Bytes::from_static(b"our offer")).unwrap();
    let tag = world.bob.dialogs.keys().next().unwrap().1.clone();
    let ack = format!(
        "ACK sip:bob@bob.invalid SIP/2.0\nVia: SIP/2.0/UDP alice.invalid;branch=z9hG4bKtwo\nFrom: <sip:a@alice.invalid>;tag=a\nTo: <sip:b@bob.invalid>;tag={tag}\nCall-ID: late\nCSeq: 1 ACK\nMax-Forwards: 70\nContent-Type: application/sdp\nContent-Length: 12\n\ntheir answer"
    );
    world.inject(Side::Bob, &ack);
    let Some((_, UaEvent::Session { event, .. })) = world.events.pop_back() else { panic!() };
    assert_eq!(event, SessionEvent::Confirmed { sdp: Some(Bytes::from_static(b"their answer")) });
}

#[test]
fn a_far_side_that_comes_back_over_another_flow_is_followed_there() {
    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    let other = crate::ua::FlowId(8);
    world.bob.flow_opened(other, super::info(TransportKind::Wss, "bob"));
    let now = world.now;
    world.alice.reoffer(now, a, HOLD).unwrap();
    // The wire brings it in on the other flow.
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.alice.poll() else { panic!() };
    world.bob.handle_message(now, other, &bytes);
    assert_eq!(world.bob.session_flow(b), Some(other));
    world.bob.flow_closed(now, FLOW);
    assert_eq!(world.session_event(Side::Bob), SessionEvent::Offer { sdp: Some(HOLD) });
    world.bob.accept_offer(now, b, HOLD).unwrap();
    assert!(matches!(world.bob.poll(), Some(crate::ua::UaOutput::Send { flow, .. }) if flow == other));
}

#[test]
fn notifications_about_anything_but_a_transfer_are_refused() {
    let mut world = World::new(TransportKind::Wss);
    let (a, _) = world.connected();
    let mut headers = Headers::default();
    headers.push(HeaderName::Event, "presence").unwrap();
    let now = world.now;
    let user = crate::ua::client_tx::ClientUser::Refer(a);
    let method = crate::msg::Method::Notify;
    world.alice.request_in_session(now, a, method, headers, Bytes::new(), user).unwrap();
    assert_eq!(
        world.session_event(Side::Alice),
        SessionEvent::ReferAnswered { status: StatusCode::BAD_EVENT }
    );
}

#[test]
fn a_call_that_may_only_replace_a_ringing_one_is_busy_where_it_was_answered() {
    let mut world = World::new(TransportKind::Wss);
    let (a, _) = world.connected();
    let mut headers = Headers::default();
    let value = format!("{};early-only", world.alice.replaces_value(a).unwrap());
    headers.push(HeaderName::Replaces, value).unwrap();
    invite_with(&mut world, headers);
    let EndCause::Refused { response } = world.ended(Side::Alice) else { panic!() };
    assert_eq!(response.status, StatusCode::BUSY_HERE);
}

#[test]
fn only_flows_of_the_same_owner_may_speak_in_a_session() {
    let mut world = World::new(TransportKind::Wss);
    let (a, b) = world.connected();
    let [stranger, own] = [crate::ua::FlowId(8), crate::ua::FlowId(9)];
    for (flow, owner) in [(FLOW, 1), (stranger, 2), (own, 1)] {
        world.bob.flow_opened(flow, super::info(TransportKind::Wss, "bob"));
        world.bob.set_flow_owner(flow, owner);
    }
    let now = world.now;
    let sent = |world: &mut World| {
        let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.alice.poll() else { panic!() };
        bytes
    };
    world.alice.info(now, a, Headers::default(), Bytes::new()).unwrap();
    let info = sent(&mut world);
    world.bob.handle_message(now, stranger, &info);
    let Some(crate::ua::UaOutput::Send { flow, bytes }) = world.bob.poll() else { panic!() };
    assert_eq!(flow, stranger);
    assert!(bytes.starts_with(b"SIP/2.0 481"), "for a stranger there is no such session");
    assert!(world.bob.poll().is_none());

    let mut headers = Headers::default();
    headers.push(HeaderName::Replaces, world.alice.replaces_value(a).unwrap()).unwrap();
    invite_with(&mut world, headers);
    let invite = sent(&mut world);
    world.bob.handle_message(now, stranger, &invite);
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.bob.poll() else { panic!() };
    assert!(bytes.starts_with(b"SIP/2.0 403"), "nor does a stranger take its place (RFC 3891)");
    assert!(world.bob.poll().is_none());

    world.alice.end(now, a, None).unwrap();
    let bye = sent(&mut world);
    world.bob.handle_message(now, own, &bye);
    assert!(matches!(world.ended(Side::Bob), EndCause::Remote { .. }));
    assert_eq!(world.bob.session_flow(b), None);
}

#[test]
fn nobody_else_can_cancel_a_call() {
    let mut world = World::new(TransportKind::Wss);
    let stranger = crate::ua::FlowId(8);
    world.bob.flow_opened(stranger, super::info(TransportKind::Wss, "bob"));
    world.bob.set_flow_owner(stranger, 2);
    world.bob.set_flow_owner(FLOW, 1);
    let a = world.invite();
    world.incoming(Side::Bob);
    world.pass(Duration::from_secs(1));
    let now = world.now;
    world.alice.end(now, a, None).unwrap();
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.alice.poll() else { panic!() };
    assert!(bytes.starts_with(b"CANCEL"));
    world.bob.handle_message(now, stranger, &bytes);
    let Some(crate::ua::UaOutput::Send { bytes, .. }) = world.bob.poll() else { panic!() };
    assert!(bytes.starts_with(b"SIP/2.0 481"));
    assert_eq!(world.bob.session_count(), 1);
}
