//! Pushes come late, twice, or after the call they announce.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, EndReason, Event, PushKind};
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::phone::push;
use doorstep_testkit::world::{ACTIVE, World};

const T0: u64 = 1_700_000_000_000;
const LEFT: Duration = Duration::from_secs(30);

fn dropped(event: &Event) -> Option<(&str, EndReason)> {
    match event {
        Event::PushDropped { call_id, reason } => Some((call_id, *reason)),
        _ => None,
    }
}

#[test]
fn a_push_past_its_time_rings_nobody_and_is_told() {
    let mut world = World::with_stand_in();
    world.push(0, push(PushKind::Incoming, "old", T0, LEFT), T0 + 30_000);
    let events = world.phones[0].unread();
    assert!(events.iter().any(|event| dropped(event) == Some(("old", EndReason::Expired))), "{events:?}");
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_second_push_for_a_call_changes_nothing() {
    let mut world = World::with_stand_in();
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0);
    world.phones[0].unread();
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0 + 5);
    assert!(world.phones[0].unread().is_empty());
    assert_eq!(world.phones[0].calls().len(), 1);
}

#[test]
fn a_push_for_a_call_that_rings_already_changes_nothing() {
    let mut world = World::with_stand_in();
    world.ring(0, "one");
    let call = world.until_rings(0);
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.phones[0].incoming(), Some(call), "it goes on ringing");
}

#[test]
fn a_cancel_that_overtakes_its_call_is_remembered() {
    let mut world = World::with_stand_in();
    world.push(0, push(PushKind::Cancel, "one", T0, LEFT), T0);
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0);
    let events = world.phones[0].unread();
    assert!(events.iter().any(|event| dropped(event) == Some(("one", EndReason::Cancelled))), "{events:?}");
    let session = world.ring(0, "one");
    assert!(matches!(world.until_session(session), SessionEvent::Ended { .. }));
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_cancel_stops_the_ringing() {
    let mut world = World::with_stand_in();
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0);
    let call = world.phones[0].incoming().unwrap();
    world.push(0, push(PushKind::Cancel, "one", T0, LEFT), T0);
    assert_eq!(world.phones[0].ended(call), Some(EndReason::Cancelled));
}

#[test]
fn a_cancel_does_not_end_a_call_that_was_answered() {
    let mut world = World::with_stand_in();
    world.ring(0, "one");
    let call = world.until_rings(0);
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.push(0, push(PushKind::Cancel, "one", T0, LEFT), T0);
    world.pass(Duration::from_secs(5));
    assert!(world.phones[0].ended(call).is_none());
}

#[test]
fn only_so_many_ended_calls_are_remembered_the_newest_of_them() {
    let mut world = World::stand_in_with(|config| config.max_tombstones = 3);
    for call in ["a", "b", "c", "d"] {
        world.push(0, push(PushKind::Cancel, call, T0, LEFT), T0);
    }
    world.push(0, push(PushKind::Incoming, "d", T0, LEFT), T0);
    assert!(world.phones[0].calls().is_empty());
    world.push(0, push(PushKind::Incoming, "a", T0, LEFT), T0);
    assert_eq!(world.phones[0].calls().len(), 1, "the oldest is forgotten");
}

#[test]
fn a_push_of_another_version_or_without_a_readable_name_is_dropped() {
    let mut world = World::with_stand_in();
    let mut payload = push(PushKind::Incoming, "one", T0, LEFT);
    payload.v = 2;
    world.push(0, payload, T0);
    world.push(0, push(PushKind::Incoming, "", T0, LEFT), T0);
    world.push(0, push(PushKind::Incoming, "a\r\nb", T0, LEFT), T0);
    world.push(0, push(PushKind::Incoming, &"x".repeat(10_000), T0, LEFT), T0);
    assert!(world.phones[0].calls().is_empty());
    assert_eq!(world.phones[0].unread().iter().filter_map(dropped).count(), 4);
}
