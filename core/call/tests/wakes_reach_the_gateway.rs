//! A push starts the closed app: it connects, registers, and gets the INVITE that waits for it; and whatever fails on the
//! way, the ringing has an end with a name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallHandle, CallState, Command, DownReason, EndReason, Event, PushKind, TokenFailure};
use doorstep_sip::msg::Headers;
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::phone::push;
use doorstep_testkit::stand_in::{StandIn, far_sdp};
use doorstep_testkit::world::{ACTIVE, HOP, World};

const T0: u64 = 1_700_000_000_000;
const LEFT: Duration = Duration::from_secs(30);
const ROUND_TRIP: Duration = Duration::from_millis(40);

/// A phone whose app is closed, and a call that waits for it at the gateway.
fn asleep(calls: &[&str]) -> World<StandIn> {
    let mut world = World::idle_stand_in_with(|_| {});
    // TCP, TLS 1.3, WebSocket.
    world.handshakes = 3;
    world.server.waiting = calls.iter().map(|call| (*call).to_owned()).collect();
    world
}

fn wake(world: &mut World<StandIn>, call_id: &str) -> CallHandle {
    world.push(0, push(PushKind::Incoming, call_id, T0, LEFT), T0);
    let calls = world.phones[0].calls();
    calls.into_iter().find(|call| call.call_id.as_deref() == Some(call_id)).unwrap().call
}

fn has_its_invite(world: &World<StandIn>, call: CallHandle) -> bool {
    world.phones[0].calls().iter().any(|snapshot| snapshot.call == call && !snapshot.awaits_invite)
}

#[test]
fn from_the_push_to_the_invite_are_four_round_trips() {
    assert_eq!(HOP * 2, ROUND_TRIP);
    let mut world = asleep(&["call-1"]);
    let call = wake(&mut world, "call-1");
    assert_eq!(
        world.phones[0].state(call),
        Some(CallState::Incoming),
        "it rings before there is any connection"
    );
    let pushed = world.now;
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
    assert_eq!(world.now.saturating_since(pushed), ROUND_TRIP * 4);
    assert_eq!(world.server.count(0, "REGISTER"), 1);
}

#[test]
fn the_answer_that_was_pressed_goes_out_with_the_invite() {
    let mut world = asleep(&["call-1"]);
    let call = wake(&mut world, "call-1");
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    let session = world.server.called[0];
    while !matches!(world.until_session(session), SessionEvent::Answered { .. }) {}
    assert_eq!(
        world.now.since_epoch(),
        ROUND_TRIP * 4 + HOP,
        "at once, and half a round trip to the gateway"
    );
}

#[test]
fn two_pushes_for_two_calls_ring_twice_over_one_connection() {
    let mut world = asleep(&["call-1", "call-2"]);
    let first = wake(&mut world, "call-1");
    let second = wake(&mut world, "call-2");
    assert_ne!(first, second);
    world.until("both INVITEs", LEFT, |world| has_its_invite(world, first) && has_its_invite(world, second));
    assert_eq!(world.phones[0].calls().len(), 2);
    world.command(0, Command::Reject { call: first, busy: true });
    world.command(0, Command::Answer { call: second });
    world.until_state(0, second, ACTIVE);
    assert_eq!(world.phones[0].ended(first), Some(EndReason::DeclinedHere));
    assert_eq!(world.server.count(0, "REGISTER"), 1);
}

#[test]
fn a_connection_that_fails_meanwhile_is_tried_again_while_it_rings() {
    let mut world = asleep(&["call-1"]);
    world.refuses = Some(DownReason::Unreachable);
    let call = wake(&mut world, "call-1");
    world.pass(Duration::from_secs(3));
    assert_eq!(world.phones[0].state(call), Some(CallState::Incoming));
    world.refuses = None;
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
}

#[test]
fn a_connection_that_never_comes_is_the_end_when_the_push_expires() {
    let mut world = asleep(&["call-1"]);
    world.refuses = Some(DownReason::TimedOut);
    let call = wake(&mut world, "call-1");
    assert_eq!(world.until_ended(0, call), EndReason::Expired);
    assert_eq!(world.now.since_epoch(), LEFT);
}

#[test]
fn a_connection_that_is_lost_before_the_answer_is_made_anew_for_the_same_call() {
    let mut world = asleep(&["call-1"]);
    let call = wake(&mut world, "call-1");
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
    world.server.waiting = vec!["call-1".to_owned()];
    world.reset(0);
    assert!(!has_its_invite(&world, call));
    assert_eq!(world.phones[0].state(call), Some(CallState::Incoming), "it goes on ringing");
    world.until("the INVITE again", LEFT, |world| has_its_invite(world, call));
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
}

#[test]
fn a_courier_who_is_signed_out_reads_so_at_once() {
    let mut world = asleep(&["call-1"]);
    world.phones[0].tokens.fails = Some(TokenFailure::Denied);
    let call = wake(&mut world, "call-1");
    assert_eq!(world.until_ended(0, call), EndReason::Unauthorized);
    assert_eq!(world.now.since_epoch(), Duration::ZERO);
    assert_eq!(world.server.count(0, "REGISTER"), 0);
}

#[test]
fn a_token_provider_that_fails_for_a_while_is_asked_again_while_it_rings() {
    let mut world = asleep(&["call-1"]);
    world.phones[0].tokens.fails = Some(TokenFailure::Unavailable);
    let call = wake(&mut world, "call-1");
    world.pass(Duration::from_secs(2));
    assert!(world.phones[0].tokens.asked > 1);
    world.phones[0].tokens.fails = None;
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
}

#[test]
fn a_token_provider_that_never_answers_is_the_end_when_the_push_expires() {
    let mut world = asleep(&["call-1"]);
    world.phones[0].tokens.delay = None;
    let call = wake(&mut world, "call-1");
    assert_eq!(world.until_ended(0, call), EndReason::Expired);
    assert_eq!(world.now.since_epoch(), LEFT);
}

#[test]
fn a_connection_that_has_died_in_its_sleep_is_not_waited_for() {
    let mut world = World::with_stand_in();
    world.pass(Duration::from_secs(60));
    // The network has forgotten the connection; neither side was told.
    world.cut(0);
    world.pass(Duration::from_secs(1));
    world.heal(0);
    world.server.waiting = vec!["call-1".to_owned()];
    let before = world.server.flow(0).unwrap();
    let began = world.now;
    let call = wake(&mut world, "call-1");
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
    assert_ne!(world.server.flow(0).unwrap(), before);
    assert_eq!(world.now.saturating_since(began), ROUND_TRIP * 2, "of which one is the connection");
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
}

#[test]
fn a_connection_that_has_just_spoken_is_used() {
    let mut world = World::with_stand_in();
    let before = world.server.flow(0).unwrap();
    let call = wake(&mut world, "call-1");
    world.ring(0, "call-1");
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.server.flow(0).unwrap(), before);
    assert_eq!(world.phones[0].incoming(), Some(call));
}

#[test]
fn an_invite_is_known_by_either_of_its_names() {
    let mut world = asleep(&[]);
    let call = wake(&mut world, "call-1");
    world.pass(Duration::from_secs(1));
    let mut headers = Headers::default();
    headers.push("X-Doorstep-Call".parse().unwrap(), "the-gateways-own").unwrap();
    world.ring_with(0, "call-1", headers, far_sdp(1));
    world.until("the INVITE", LEFT, |world| has_its_invite(world, call));
    assert_eq!(world.phones[0].calls().len(), 1);
}

#[test]
fn an_app_that_leaves_stays_registered_for_the_next_push() {
    let mut world = World::with_stand_in();
    world.ring(0, "call-1");
    let call = world.until_rings(0);
    let registers = world.server.registers.len();
    world.command(0, Command::Leave);
    assert_eq!(world.phones[0].ended(call), Some(EndReason::Shutdown));
    world.pass(Duration::from_secs(3));
    assert!(matches!(world.phones[0].events.last(), Some((_, Event::Idle))));
    assert_eq!(world.server.registers.len(), registers, "nothing takes the binding away");
    assert_eq!(world.server.flow(0), None, "the connection is closed");
}
