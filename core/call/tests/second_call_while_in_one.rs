//! Call waiting: a second call, switching between two, and the limit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command, EndReason, Event};
use doorstep_sip::ua::{EndCause, SessionEvent};
use doorstep_testkit::world::{ACTIVE, World};

const HELD: CallState = CallState::Active { muted: false, held_locally: true, held_remotely: false };

#[test]
fn answering_a_second_call_holds_the_first_and_resuming_switches() {
    let mut world = World::with_stand_in();
    let (first, _) = world.in_call();
    world.ring(0, "second");
    let second = world.until_rings(0);
    assert_eq!(world.phones[0].state(first), Some(ACTIVE), "ringing disturbs nobody");
    world.command(0, Command::Answer { call: second });
    assert_eq!(world.phones[0].state(first), Some(HELD), "before the second can be heard");
    world.until_state(0, second, ACTIVE);
    world.command(0, Command::Resume { call: first });
    assert_eq!(world.phones[0].state(second), Some(HELD));
    assert_eq!(world.phones[0].state(first), Some(ACTIVE));
    let talking = world.phones[0].media.legs().filter(|(_, leg)| leg.microphone && !leg.held).count();
    assert_eq!(talking, 1, "one far side hears the courier");
}

#[test]
fn the_end_of_one_leaves_the_other_as_it_is() {
    let mut world = World::with_stand_in();
    let (first, session) = world.in_call();
    world.ring(0, "second");
    let second = world.until_rings(0);
    world.command(0, Command::Answer { call: second });
    world.pass(Duration::from_secs(1));
    world.command(0, Command::HangUp { call: second });
    assert_eq!(world.phones[0].state(first), Some(HELD), "the courier decides when to go on");
    assert!(world.server.ua.end(world.now, session, None).is_ok());
    assert_eq!(world.until_ended(0, first), EndReason::HungUpThere);
}

#[test]
fn calling_somebody_holds_the_call_that_runs() {
    let mut world = World::with_stand_in();
    let (first, _) = world.in_call();
    world.contact(0, "4712");
    assert_eq!(world.phones[0].state(first), Some(HELD));
}

#[test]
fn declining_the_second_leaves_the_first_alone() {
    let mut world = World::with_stand_in();
    let (first, _) = world.in_call();
    let session = world.ring(0, "second");
    let second = world.until_rings(0);
    world.command(0, Command::Reject { call: second, busy: true });
    while let Some(event) = Some(world.until_session(session)) {
        if let SessionEvent::Ended { cause: EndCause::Refused { response } } = event {
            assert_eq!(response.status.code(), 486);
            break;
        }
    }
    assert_eq!(world.phones[0].state(first), Some(ACTIVE));
}

#[test]
fn beyond_the_limit_callers_hear_busy_and_own_calls_end_at_once() {
    let mut world = World::stand_in_with(|config| config.max_calls = 2);
    world.in_call();
    world.ring(0, "second");
    world.until_rings(0);
    let third = world.ring(0, "third");
    let SessionEvent::Ended { cause: EndCause::Refused { response } } = world.until_session(third) else {
        panic!()
    };
    assert_eq!(response.status.code(), 486);
    let own = world.contact(0, "4713");
    assert_eq!(world.phones[0].ended(own), Some(EndReason::TooManyCalls));
    let rang = world.phones[0].events.iter().filter(|(_, event)| matches!(event, Event::Incoming(_))).count();
    assert_eq!(rang, 1);
}
