//! Pushes come late, twice, or after the call they announce; of each it is said what came of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{
    Command, EndReason, Event, MalformedPush, PushFault, PushField, PushKind, PushOutcome, PushPayload,
};
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::phone::push;
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::{ACTIVE, World};

const T0: u64 = 1_700_000_000_000;
const LEFT: Duration = Duration::from_secs(30);

/// What is said of pushes since a test has looked.
fn said(world: &mut World<StandIn>) -> Vec<(Option<String>, PushOutcome)> {
    let pushes = world.phones[0].unread().into_iter().filter_map(|event| match event {
        Event::Push { call_id, outcome } => Some((call_id, outcome)),
        _ => None,
    });
    pushes.collect()
}

/// Hands in a push, and what came of it.
fn pushed(world: &mut World<StandIn>, payload: PushPayload, unix_ms: u64) -> PushOutcome {
    said(world);
    let name = payload.call.clone();
    world.push(0, payload, unix_ms);
    let said = said(world);
    let [(Some(call_id), outcome)] = said.as_slice() else { panic!("one outcome a push, but {said:?}") };
    assert_eq!(*call_id, name);
    *outcome
}

#[test]
fn a_push_past_its_time_rings_nobody() {
    let mut world = World::with_stand_in();
    let outcome = pushed(&mut world, push(PushKind::Incoming, "old", T0, LEFT), T0 + 30_000);
    assert_eq!(outcome, PushOutcome::Expired);
    assert_eq!(outcome.end_reason(), Some(EndReason::Expired));
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_second_push_for_a_call_changes_nothing() {
    let mut world = World::with_stand_in();
    let first = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    let PushOutcome::Rings { call } = first else { panic!("{first:?}") };
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0 + 5);
    let second = PushOutcome::Known { call };
    let only = Event::Push { call_id: Some("one".to_owned()), outcome: second };
    assert_eq!(world.phones[0].unread(), [only], "and nothing else happens");
    assert_eq!(world.phones[0].calls().len(), 1);
    assert_eq!(second.end_reason(), None, "the screen goes on showing it");
}

#[test]
fn a_push_for_a_call_that_rings_already_changes_nothing() {
    let mut world = World::with_stand_in();
    world.ring(0, "one");
    let call = world.until_rings(0);
    let outcome = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::Known { call });
    world.pass(Duration::from_secs(20));
    assert_eq!(world.phones[0].incoming(), Some(call), "it goes on ringing");
}

#[test]
fn a_push_for_a_call_that_is_over_says_how_it_ended() {
    let mut world = World::with_stand_in();
    world.ring(0, "one");
    let call = world.until_rings(0);
    world.command(0, Command::Reject { call, busy: false });
    let outcome = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::Over { reason: EndReason::DeclinedHere });
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_cancel_that_overtakes_its_call_is_remembered() {
    let mut world = World::with_stand_in();
    let cancelled = pushed(&mut world, push(PushKind::Cancel, "one", T0, LEFT), T0);
    assert_eq!(cancelled, PushOutcome::Remembered);
    let again = pushed(&mut world, push(PushKind::Cancel, "one", T0, LEFT), T0);
    assert_eq!(again, PushOutcome::Over { reason: EndReason::Cancelled });
    let announced = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    assert_eq!(announced, PushOutcome::Over { reason: EndReason::Cancelled });
    let session = world.ring(0, "one");
    assert!(matches!(world.until_session(session), SessionEvent::Ended { .. }));
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_cancel_stops_the_ringing() {
    let mut world = World::with_stand_in();
    let rings = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    let call = rings.call().unwrap();
    let outcome = pushed(&mut world, push(PushKind::Cancel, "one", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::CalledOff { call });
    assert_eq!(world.phones[0].ended(call), Some(EndReason::Cancelled));
}

#[test]
fn a_cancel_does_not_end_a_call_that_was_answered() {
    let mut world = World::with_stand_in();
    world.ring(0, "one");
    let call = world.until_rings(0);
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    let outcome = pushed(&mut world, push(PushKind::Cancel, "one", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::GoesOn { call });
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
    said(&mut world);
    let mut payload = push(PushKind::Incoming, "one", T0, LEFT);
    payload.v = 2;
    assert_eq!(pushed(&mut world, payload, T0), PushOutcome::Malformed { fault: PushFault::UnknownVersion });
    for name in ["", "a\r\nb", &"x".repeat(10_000)] {
        world.push(0, push(PushKind::Incoming, name, T0, LEFT), T0);
        let said = said(&mut world);
        let [(Some(call_id), outcome)] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(*outcome, PushOutcome::Malformed { fault: PushFault::Unreadable(PushField::Call) });
        assert!(call_id.len() <= 256);
    }
    assert!(world.phones[0].calls().is_empty());
}

#[test]
fn a_push_that_cannot_be_read_has_a_named_end_too() {
    let mut world = World::with_stand_in();
    said(&mut world);
    let push = PushPayload::from_json(br#"{"v":1,"call":"c9","kind":"surprise"}"#).unwrap_err();
    world.malformed_push(0, push);
    let fault = PushFault::Unreadable(PushField::Kind);
    assert_eq!(said(&mut world), [(Some("c9".to_owned()), PushOutcome::Malformed { fault })]);
    world.malformed_push(0, MalformedPush { call: None, fault: PushFault::NotAnObject });
    let said = said(&mut world);
    assert_eq!(said, [(None, PushOutcome::Malformed { fault: PushFault::NotAnObject })]);
    assert_eq!(said[0].1.end_reason(), Some(EndReason::ProtocolError));
}

#[test]
fn more_calls_than_may_be_are_not_announced() {
    let mut world = World::stand_in_with(|config| config.max_calls = 1);
    world.push(0, push(PushKind::Incoming, "one", T0, LEFT), T0);
    let outcome = pushed(&mut world, push(PushKind::Incoming, "two", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::TooManyCalls);
}

#[test]
fn an_endpoint_that_stops_says_so_of_a_push() {
    let mut world = World::with_stand_in();
    world.cut(0);
    world.command(0, Command::Shutdown);
    let outcome = pushed(&mut world, push(PushKind::Incoming, "one", T0, LEFT), T0);
    assert_eq!(outcome, PushOutcome::Shutdown);
}
