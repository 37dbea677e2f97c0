//! Whatever the far side sends, the call ends with a name, and the endpoint goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{CallState, EndReason, MediaFailure};
use doorstep_sip::msg::{Headers, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent};
use doorstep_testkit::stand_in::{StandIn, far_hold, far_sdp};
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);
const G729: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n";

/// How a call ends whose 200 has that body.
fn answered_with(body: &'static [u8]) -> EndReason {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    world.server.ua.answer(world.now, session, Headers::default(), Bytes::from_static(body)).unwrap();
    let reason = world.until_ended(0, call);
    loop {
        if let SessionEvent::Ended { cause } = world.until_session(session) {
            assert!(matches!(cause, EndCause::Remote { .. }), "the far side hears of it");
            break;
        }
    }
    world.pass(SECOND * 60);
    world.assert_nothing_left();
    reason
}

#[test]
fn an_answer_that_cannot_be_used_ends_the_call() {
    assert_eq!(answered_with(b""), EndReason::ProtocolError);
    assert_eq!(answered_with(b"hello"), EndReason::ProtocolError);
    assert_eq!(answered_with(b"v=0\r\n\xff\xfe"), EndReason::ProtocolError);
    assert_eq!(answered_with(G729), EndReason::NoCommonCodec);
}

/// The status that an INVITE with that body gets.
fn offered(body: &'static [u8]) -> u16 {
    let mut world = World::with_stand_in();
    let session = world.ring_with(0, "call-1", Headers::default(), Bytes::from_static(body));
    loop {
        match world.until_session(session) {
            SessionEvent::Ended { cause: EndCause::Refused { response } } => {
                assert!(world.phones[0].calls().is_empty());
                return response.status.code();
            }
            SessionEvent::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_offer_that_cannot_be_used_is_refused() {
    assert_eq!(offered(b"hello"), 400);
    assert_eq!(offered(b"v=0\r\n\xff\xfe"), 400);
    assert_eq!(offered(G729), 488);
}

#[test]
fn a_change_that_cannot_be_used_is_refused_and_the_call_goes_on() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    for (body, status) in [(G729, 488), (&b"v=0\r\n\xff"[..], 400)] {
        world.server.ua.reoffer(world.now, session, Bytes::from_static(body)).unwrap();
        assert_eq!(
            world.until_session(session),
            SessionEvent::OfferRejected { status: StatusCode::new(status).unwrap() }
        );
    }
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
}

#[test]
fn changes_of_the_far_side_are_followed() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.server.ua.reoffer(world.now, session, far_hold(2)).unwrap();
    assert!(matches!(world.until_session(session), SessionEvent::OfferAnswered { sdp: Some(_) }));
    assert!(matches!(world.phones[0].state(call), Some(CallState::Active { held_remotely: true, .. })));
    world.pass(SECOND);
    // Without a description it asks this side for one.
    world.server.ua.reoffer(world.now, session, Bytes::new()).unwrap();
    loop {
        if let SessionEvent::OfferAnswered { .. } = world.until_session(session) {
            break;
        }
    }
    world.pass(SECOND);
    world.server.ua.reoffer(world.now, session, far_sdp(3)).unwrap();
    world.pass(SECOND);
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
}

#[test]
fn an_invite_without_an_offer_is_answered_with_one() {
    let mut world = World::with_stand_in();
    let session = world.ring_with(0, "call-1", Headers::default(), Bytes::new());
    let call = world.until_rings(0);
    world.pass(SECOND);
    world.command(0, doorstep_call::Command::Answer { call });
    loop {
        if let SessionEvent::Answered { response } = world.until_session(session) {
            assert!(response.body.starts_with(b"v=0"));
            break;
        }
    }
    // The stand-in's user agent acknowledges without an answer: the call cannot stand.
    assert_eq!(world.until_ended(0, call), EndReason::ProtocolError);
}

#[test]
fn a_voice_engine_that_fails_ends_the_call_by_name() {
    for (failure, reason) in [
        (MediaFailure::Device, EndReason::MediaFailed),
        (MediaFailure::NoResources, EndReason::MediaFailed),
        (MediaFailure::NoCommonCodec, EndReason::NoCommonCodec),
    ] {
        let mut world = World::with_stand_in();
        world.phones[0].media.knobs.fails = Some(failure);
        let call = world.contact(0, "4711");
        assert_eq!(world.until_ended(0, call), reason);
    }
    let mut world = World::with_stand_in();
    world.phones[0].media.knobs.silent = true;
    let call = world.contact(0, "4711");
    assert_eq!(world.until_ended(0, call), EndReason::MediaFailed, "or that never answers");
}

#[test]
fn frames_that_are_no_sip_disturb_nobody() {
    let mut world: World<StandIn> = World::with_stand_in();
    let (call, _) = world.in_call();
    for frame in [
        &b"\xff\xfe\x00"[..],
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE",
        b"\r\n\r\n\r\n\r\n",
        b"BYE sip:x SIP/2.0\r\n\r\n",
    ] {
        world.server.inject(0, Bytes::from_static(frame));
        world.pass(SECOND);
    }
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
}
