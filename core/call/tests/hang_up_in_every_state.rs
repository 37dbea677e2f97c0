//! Hanging up works whatever the call is doing, ends it at once here and soon there, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallHandle, CallState, Command, EndReason, TransportKind};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::server::Switchboard;
use doorstep_testkit::world::{ACTIVE, HOP, World};

fn hangs_up(world: &mut World<Switchboard>, phone: usize, call: CallHandle, reason: EndReason) {
    world.command(phone, Command::HangUp { call });
    assert_eq!(world.phones[phone].ended(call), Some(reason), "at once");
    world.pass(Duration::from_secs(200));
    world.assert_nothing_left();
    for phone in 0..2 {
        assert_eq!(world.phones[phone].calls().len(), 0);
    }
}

#[test]
fn at_every_moment_of_a_call_from_either_side() {
    for kind in [TransportKind::Wss, TransportKind::Udp] {
        // From before anything was sent to well after the answer, in steps finer than the network's.
        for step in 0..60 {
            for phone in 0..2 {
                let conditions = Conditions { reliable: kind.is_reliable(), ..Conditions::stream(HOP) };
                let mut world = World::pair_over(kind, conditions, 1);
                world.phones[0].media.knobs.delay = Duration::from_millis(7);
                world.phones[1].media.knobs.delay = Duration::from_millis(7);
                let a = world.contact(0, "4711");
                let mut answered = false;
                for _ in 0..step {
                    world.pass(Duration::from_millis(5));
                    if let Some(call) = world.phones[1].incoming().filter(|_| !answered) {
                        answered = true;
                        world.command(1, Command::Answer { call });
                    }
                }
                let own =
                    if phone == 0 { Some(a) } else { world.phones[1].only_call().map(|call| call.call) };
                let Some(own) = own else { continue };
                let rings = matches!(
                    world.phones[phone].state(own),
                    Some(CallState::Incoming | CallState::Answering)
                );
                let reason = if rings { EndReason::DeclinedHere } else { EndReason::HungUpHere };
                hangs_up(&mut world, phone, own, reason);
            }
        }
    }
}

#[test]
fn before_there_is_a_connection() {
    let mut world = World::idle_pair_over(TransportKind::Wss, Conditions::stream(HOP), 1);
    world.cut(0);
    let a = world.contact(0, "4711");
    world.pass(Duration::from_secs(3));
    hangs_up(&mut world, 0, a, EndReason::HungUpHere);
}

#[test]
fn while_the_voice_engine_says_nothing() {
    let mut world = World::pair();
    world.phones[0].media.knobs.silent = true;
    let a = world.contact(0, "4711");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.server.count(0, "INVITE"), 0);
    hangs_up(&mut world, 0, a, EndReason::HungUpHere);
}

#[test]
fn while_on_hold_and_while_the_hold_is_under_way() {
    for wait in [0, 10, 30, 50, 2000] {
        for phone in 0..2 {
            let mut world = World::pair();
            let (a, b) = world.talking();
            world.command(0, Command::Hold { call: a });
            world.pass(Duration::from_millis(wait));
            let own = [a, b][phone];
            hangs_up(&mut world, phone, own, EndReason::HungUpHere);
        }
    }
}

#[test]
fn while_the_connection_is_lost_the_far_side_hears_of_it_when_it_is_back() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.refuses = Some(doorstep_call::DownReason::Unreachable);
    world.reset(0);
    assert_eq!(world.phones[0].state(a), Some(CallState::Reconnecting));
    world.command(0, Command::HangUp { call: a });
    assert_eq!(world.phones[0].ended(a), Some(EndReason::HungUpHere));
    world.pass(Duration::from_secs(3));
    assert_eq!(world.phones[1].state(b), Some(ACTIVE));
    world.refuses = None;
    assert_eq!(world.until_ended(1, b), EndReason::HungUpThere);
    world.pass(Duration::from_secs(60));
    world.assert_nothing_left();
}

#[test]
fn of_both_sides_at_once() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.command(0, Command::HangUp { call: a });
    world.command(1, Command::HangUp { call: b });
    assert_eq!(world.phones[0].ended(a), Some(EndReason::HungUpHere));
    assert_eq!(world.phones[1].ended(b), Some(EndReason::HungUpHere));
    world.pass(Duration::from_secs(60));
    world.assert_nothing_left();
}

#[test]
fn a_call_that_is_over_cannot_be_ended_again() {
    let mut world = World::pair();
    let (a, _) = world.talking();
    world.command(0, Command::HangUp { call: a });
    world.command(0, Command::HangUp { call: a });
    let refused = world.phones[0].events.iter().filter(|(_, event)| {
        matches!(
            event,
            doorstep_call::Event::CommandRefused { error: doorstep_call::CommandError::NoSuchCall, .. }
        )
    });
    assert_eq!(refused.count(), 1);
}
