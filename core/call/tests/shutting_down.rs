//! Shutdown ends every call, takes the binding away, disconnects, and says so last.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, EndReason, Event, Input, Output, TransportInput};
use doorstep_testkit::world::{HOP, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn calls_end_with_bye_then_the_binding_goes_then_the_connection_then_idle() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.command(0, Command::Shutdown);
    assert_eq!(world.phones[0].ended(a), Some(EndReason::Shutdown));
    assert_eq!(world.until_ended(1, b), EndReason::HungUpThere);
    world.pass(HOP * 2);
    assert_eq!(
        world.phones[0].events.last().map(|(_, event)| event.clone()),
        Some(Event::Idle),
        "without waiting longer"
    );
    assert_eq!(world.server.registers.last().unwrap().headers.expires(), Some(0));
    assert!(matches!(world.phones[0].outputs.iter().rev().nth(2), Some(Output::CloseTransport { .. })));
    assert_eq!(world.phones[0].endpoint.next_deadline(), None);
}

#[test]
fn a_gateway_that_does_not_answer_holds_it_up_for_two_seconds() {
    let mut world = World::pair();
    world.talking();
    world.cut(0);
    let began = world.now;
    world.command(0, Command::Shutdown);
    world.until("Idle", SECOND * 10, |world| matches!(world.phones[0].events.last(), Some((_, Event::Idle))));
    assert_eq!(world.now.saturating_since(began), SECOND * 2);
}

#[test]
fn without_a_connection_it_is_done_at_once() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.cut(0);
    let call = world.contact(0, "4711");
    world.command(0, Command::Shutdown);
    assert_eq!(world.phones[0].ended(call), Some(EndReason::Shutdown));
    assert!(matches!(world.phones[0].events.last(), Some((_, Event::Idle))));
}

#[test]
fn afterwards_nothing_comes_out_whatever_goes_in() {
    let mut world = World::pair();
    let (a, _) = world.talking();
    world.command(0, Command::Shutdown);
    world.pass(SECOND * 3);
    let before = world.phones[0].outputs.len();
    world.contact(0, "4712");
    world.command(0, Command::HangUp { call: a });
    world.command(0, Command::Register);
    world.command(0, Command::Shutdown);
    world.network_changed(0);
    let now = world.now;
    world.phones[0].input(
        now,
        Input::Transport(TransportInput::Frame { flow: doorstep_call::FlowId(1), bytes: "\r\n\r\n".into() }),
    );
    world.phones[0].input(now, Input::Deadline);
    assert_eq!(world.phones[0].outputs.len(), before);
    world.pass(SECOND * 60);
    assert_eq!(world.phones[0].endpoint.load(), doorstep_call::Load::default());
}
