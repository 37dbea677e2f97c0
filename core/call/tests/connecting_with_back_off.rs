//! When the endpoint connects, how long it waits in between, and when it stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, ConnectionState, DownReason, EndReason, Event, Output, Timestamp};
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn offline() -> World<StandIn> {
    let mut world = World::idle_stand_in_with(|_| {});
    world.refuses = Some(DownReason::Unreachable);
    world
}

/// From each failure to the next attempt, as it was told.
fn waits(world: &World<StandIn>) -> Vec<Duration> {
    let told = world.phones[0].events.iter().filter_map(|(at, event)| match event {
        Event::Connection(ConnectionState::Waiting { until }) => Some(until.saturating_since(*at)),
        _ => None,
    });
    told.collect()
}

fn attempts(world: &World<StandIn>) -> usize {
    world.phones[0].outputs.iter().filter(|output| matches!(output, Output::OpenTransport { .. })).count()
}

#[test]
fn waits_grow_to_half_a_minute_and_are_spread_at_random() {
    let mut world = offline();
    world.command(0, Command::Register);
    world.pass(SECOND * 3600);
    let waits = waits(&world);
    for (at, wait) in waits.iter().enumerate() {
        let most = Duration::from_millis(500 << at.min(16)).min(SECOND * 30);
        assert!(*wait <= most, "wait {at} of {wait:?}");
    }
    let late: Vec<_> = waits.iter().skip(10).collect();
    let mean = late.iter().copied().sum::<Duration>() / u32::try_from(late.len()).unwrap();
    assert!(mean > SECOND * 12 && mean < SECOND * 18, "full jitter has its mean in the middle: {mean:?}");
    assert!(late.iter().min().unwrap() < &&(SECOND * 3) && late.iter().max().unwrap() > &&(SECOND * 27));
}

#[test]
fn a_changed_network_is_tried_at_once() {
    let mut world = offline();
    world.command(0, Command::Register);
    world.pass(SECOND * 300);
    let before = attempts(&world);
    world.network_changed(0);
    assert_eq!(attempts(&world), before + 1);
    world.network_changed(0);
    assert_eq!(attempts(&world), before + 2, "the attempt over the old network is given up");
}

#[test]
fn a_press_of_the_button_does_not_wait_for_the_next_attempt() {
    let mut world = offline();
    world.command(0, Command::Register);
    world.pass(SECOND * 300);
    world.refuses = None;
    world.contact(0, "4711");
    world.pass(Duration::from_millis(100));
    assert_eq!(world.server.count(0, "INVITE"), 1);
}

#[test]
fn a_connection_that_stood_long_makes_the_next_wait_short_and_one_that_did_not_leaves_it() {
    let mut world = offline();
    world.command(0, Command::Register);
    world.pass(SECOND * 600);
    world.refuses = None;
    world.until("a connection", SECOND * 60, |world| !world.server.registers.is_empty());
    for (stood, most) in [(SECOND * 40, Duration::from_millis(500)), (SECOND, SECOND)] {
        world.pass(stood);
        world.phones[0].unread();
        world.server.close(0);
        world.pass(Duration::from_millis(100));
        let wait = *waits(&world).last().unwrap();
        assert!(wait <= most, "{wait:?}");
        world.pass(most);
    }
}

#[test]
fn an_attempt_that_never_ends_is_given_up() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.cut(0);
    world.command(0, Command::Register);
    world.pass(SECOND * 17);
    assert!(attempts(&world) >= 2);
    let closed = world.phones[0]
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::CloseTransport { .. }))
        .count();
    assert_eq!(closed, attempts(&world) - 1, "each is closed before the next");
}

#[test]
fn a_call_that_gets_no_connection_ends_with_a_name() {
    let mut world = offline();
    let call = world.contact(0, "4711");
    assert_eq!(world.until_ended(0, call), EndReason::NoNetwork);
    assert_eq!(world.now, Timestamp::from_epoch(SECOND * 30));
    world.pass(SECOND * 60);
    let before = attempts(&world);
    world.pass(SECOND * 600);
    assert_eq!(attempts(&world), before, "nobody wants a connection any more");
}

#[test]
fn without_a_registration_the_connection_is_closed_some_time_after_the_last_call() {
    let mut world = World::idle_stand_in_with(|_| {});
    let (call, _) = world.in_call();
    world.command(0, Command::HangUp { call });
    world.pass(SECOND * 4);
    let closed = |world: &World<StandIn>| {
        world.phones[0].outputs.iter().any(|output| matches!(output, Output::CloseTransport { .. }))
    };
    assert!(!closed(&world), "the next call would be warm");
    world.pass(SECOND * 2);
    assert!(closed(&world));
    assert_eq!(world.server.count(0, "BYE"), 1);
    assert_eq!(world.phones[0].endpoint.next_deadline(), None);
}

#[test]
fn a_connection_that_nobody_asked_for_is_closed() {
    let mut world = World::with_stand_in();
    let now = world.now;
    world.phones[0].up(now, doorstep_call::FlowId(12345), doorstep_call::TransportKind::Wss);
    assert_eq!(
        world.phones[0].outputs.last(),
        Some(&Output::CloseTransport { flow: doorstep_call::FlowId(12345) })
    );
}
