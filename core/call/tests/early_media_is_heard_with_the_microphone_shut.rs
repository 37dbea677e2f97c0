//! Before the answer the courier hears what the carrier has to say, and nobody hears the courier.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command};
use doorstep_sip::msg::{Headers, StatusCode};
use doorstep_testkit::stand_in::far_sdp;
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_announcement_before_the_answer_is_heard() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    assert!(!world.phones[0].media.leg().speaker, "nothing is agreed yet");
    let sdp = Some(far_sdp(1));
    world
        .server
        .ua
        .progress(world.now, session, StatusCode::SESSION_PROGRESS, Headers::default(), sdp)
        .unwrap();
    world.pass(SECOND);
    assert_eq!(world.phones[0].state(call), Some(CallState::Connecting), "early media alone does not ring");
    let leg = world.phones[0].media.leg();
    assert!(leg.connected && leg.speaker && !leg.microphone);
    world.server.ua.answer(world.now, session, Headers::default(), far_sdp(1)).unwrap();
    world.until_state(0, call, ACTIVE);
    assert!(world.phones[0].media.leg().microphone);
    world.command(0, Command::HangUp { call });
    world.pass(SECOND * 60);
    world.assert_nothing_left();
}

#[test]
fn a_caller_is_not_heard_before_the_courier_answers() {
    let mut world = World::with_stand_in();
    world.ring(0, "call-1");
    let call = world.until_rings(0);
    world.pass(SECOND);
    let leg = world.phones[0].media.leg();
    assert!(leg.connected && !leg.speaker && !leg.microphone);
    world.command(0, Command::Answer { call });
    let leg = world.phones[0].media.leg();
    assert!(leg.speaker && leg.microphone);
}
