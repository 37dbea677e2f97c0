//! Whatever rings stops ringing, with a name for why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::EndReason;
use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent};
use doorstep_testkit::stand_in::far_sdp;
use doorstep_testkit::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_phone_that_rings_for_two_minutes_is_not_answered() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    world.server.ua.progress(world.now, session, StatusCode::RINGING, Headers::default(), None).unwrap();
    let began = world.now;
    assert_eq!(world.until_ended(0, call), EndReason::NoAnswer);
    let rang = world.now.saturating_since(began);
    assert!(rang <= SECOND * 120 && rang > SECOND * 119);
    let SessionEvent::Ended { cause: EndCause::Remote { .. } } = world.until_session(session) else {
        panic!()
    };
    assert_eq!(world.server.count(0, "CANCEL"), 1);
}

#[test]
fn a_gateway_that_says_nothing_is_a_time_out() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    world.until_invite();
    assert_eq!(world.until_ended(0, call), EndReason::TimedOut);
}

#[test]
fn a_call_here_rings_no_longer_than_its_caller_wants_or_two_minutes() {
    for (expires, most) in [(Some(20), 20), (Some(9999), 120), (None, 120)] {
        let mut world = World::with_stand_in();
        let mut headers = Headers::default();
        if let Some(expires) = expires {
            headers.push(HeaderName::Expires, expires).unwrap();
        }
        let session = world.ring_with(0, "call-1", headers, far_sdp(1));
        let call = world.until_rings(0);
        let began = world.now;
        assert_eq!(world.until_ended(0, call), EndReason::NoAnswer);
        assert_eq!(world.now.saturating_since(began), SECOND * most);
        loop {
            if let SessionEvent::Ended { cause: EndCause::Refused { response } } =
                world.until_session(session)
            {
                assert_eq!(response.status.code(), 480);
                break;
            }
        }
    }
}

#[test]
fn a_caller_that_gives_up_and_another_device_that_answers_are_told_apart() {
    for (reason, expected) in [
        (None, EndReason::Cancelled),
        (Some("SIP;cause=200;text=\"Call completed elsewhere\""), EndReason::AnsweredElsewhere),
        (Some("SIP;cause=603;text=\"Declined\""), EndReason::DeclinedElsewhere),
    ] {
        let mut world = World::with_stand_in();
        let session = world.ring(0, "call-1");
        let call = world.until_rings(0);
        world.pass(SECOND);
        world.server.ua.end(world.now, session, reason.map(str::to_owned)).unwrap();
        assert_eq!(world.until_ended(0, call), expected);
    }
}
