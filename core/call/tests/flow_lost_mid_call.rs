//! The connection to the gateway is lost while people talk: the voice goes on, the call comes back, or ends with a name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command, DownReason, EndReason};
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::stand_in::far_sdp;
use doorstep_testkit::world::{ACTIVE, World};

#[test]
fn the_call_comes_back_over_the_next_connection() {
    for phone in 0..2 {
        let mut world = World::pair();
        let (a, b) = world.talking();
        let (own, far) = if phone == 0 { (a, b) } else { (b, a) };
        world.reset(phone);
        assert_eq!(world.phones[phone].state(own), Some(CallState::Reconnecting));
        assert_eq!(world.phones[phone].media.legs().count(), 1, "the voice goes on");
        world.until_state(phone, own, ACTIVE);
        assert_eq!(world.phones[1 - phone].state(far), Some(ACTIVE));
        world.command(1 - phone, Command::HangUp { call: far });
        assert_eq!(
            world.until_ended(phone, own),
            EndReason::HungUpThere,
            "it is heard on the new connection"
        );
        world.pass(Duration::from_secs(60));
        world.assert_nothing_left();
    }
}

#[test]
fn without_another_connection_it_ends_at_its_deadline() {
    let mut world = World::pair();
    let (a, _) = world.talking();
    world.refuses = Some(DownReason::Unreachable);
    world.reset(0);
    let lost = world.now;
    assert_eq!(world.until_ended(0, a), EndReason::ConnectionLost);
    assert_eq!(world.now.saturating_since(lost), Duration::from_secs(30));
}

#[test]
fn a_gateway_that_has_forgotten_the_call_ends_it() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.reset(0);
    // The gateway restarts.
    world.server.ua.end(world.now, session, None).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::FarSideLost);
}

#[test]
fn what_was_pressed_meanwhile_is_done_when_it_is_back() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.refuses = Some(DownReason::Unreachable);
    world.reset(0);
    world.command(0, Command::Hold { call });
    world.command(0, Command::SendDtmf { call, digits: "12".into() });
    world.pass(Duration::from_secs(2));
    assert_eq!(world.phones[0].media.leg().digits, "");
    world.refuses = None;
    while let Some(event) = Some(world.until_session(session)) {
        if let SessionEvent::Offer { sdp: Some(sdp) } = event {
            assert!(std::str::from_utf8(&sdp).unwrap().contains("a=sendonly"));
            break;
        }
    }
    world.server.ua.accept_offer(world.now, session, far_sdp(2)).unwrap();
    world.pass(Duration::from_secs(5));
    assert_eq!(world.phones[0].media.leg().digits, "12");
    assert!(matches!(world.phones[0].state(call), Some(CallState::Active { held_locally: true, .. })));
}

#[test]
fn a_call_that_rings_here_rings_on_over_the_next_connection() {
    let mut world = World::with_stand_in();
    world.ring(0, "call-1");
    let call = world.until_rings(0);
    world.pass(Duration::from_secs(1));
    world.reset(0);
    assert_eq!(world.phones[0].state(call), Some(CallState::Incoming));
    let before = world.server.registers.len();
    world.until("another REGISTER", Duration::from_secs(5), |world| world.server.registers.len() > before);
    world.ring(0, "call-1");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.phones[0].only_call().unwrap().call, call, "the same call");
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    assert_eq!(world.phones[0].media.closed(), 1, "the first leg");
}

#[test]
fn an_invite_that_nobody_heard_goes_out_again_and_one_that_rang_does_not() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    world.reset(0);
    let (session, _, _) = world.until_invite();
    assert_eq!(world.phones[0].state(call), Some(CallState::Connecting));
    let now = world.now;
    world
        .server
        .ua
        .progress(now, session, doorstep_sip::msg::StatusCode::RINGING, Default::default(), None)
        .unwrap();
    world.until_state(0, call, CallState::Ringing);
    world.reset(0);
    assert_eq!(world.phones[0].ended(call), Some(EndReason::ConnectionLost));
}
