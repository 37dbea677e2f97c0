//! A call rings, is answered and ends, whoever ends it, and both sides know why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command, Direction, EndReason, TransportKind};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::world::{ACTIVE, HOP, World};

#[test]
fn a_call_rings_is_answered_and_ended_by_either_side() {
    for kind in [TransportKind::Wss, TransportKind::Udp] {
        for ended_by in [0, 1] {
            let conditions = Conditions { reliable: kind.is_reliable(), ..Conditions::stream(HOP) };
            let mut world = World::pair_over(kind, conditions, 1);
            let a = world.contact(0, "4711");
            assert_eq!(world.phones[0].state(a), Some(CallState::Connecting));
            world.until_state(0, a, CallState::Ringing);
            let b = world.phones[1].incoming().unwrap();
            let seen = world.phones[1].only_call().unwrap();
            assert_eq!((seen.direction, seen.state), (Direction::Incoming, CallState::Incoming));
            assert!(!world.phones[1].media.leg().microphone, "no sample leaves before the answer");
            world.command(1, Command::Answer { call: b });
            world.until_state(0, a, ACTIVE);
            world.until_state(1, b, ACTIVE);
            for phone in 0..2 {
                assert!(world.phones[phone].media.leg().microphone);
                assert!(world.phones[phone].only_call().unwrap().media_connected);
            }
            world.pass(Duration::from_secs(10));
            let (own, far) = if ended_by == 0 { (a, b) } else { (b, a) };
            world.command(ended_by, Command::HangUp { call: own });
            assert_eq!(world.phones[ended_by].ended(own), Some(EndReason::HungUpHere), "at once");
            assert_eq!(world.until_ended(1 - ended_by, far), EndReason::HungUpThere);
            world.pass(Duration::from_secs(60));
            world.assert_nothing_left();
        }
    }
}

#[test]
fn the_voice_path_is_up_while_it_rings() {
    let mut world = World::pair();
    let a = world.contact(0, "4711");
    world.until_state(0, a, CallState::Ringing);
    world.pass(HOP);
    for phone in 0..2 {
        assert!(world.phones[phone].only_call().unwrap().media_connected);
        assert!(!world.phones[phone].media.leg().microphone);
    }
}

#[test]
fn from_press_to_ringing_is_one_round_trip_on_a_warm_connection() {
    let mut world = World::pair();
    let pressed = world.now;
    let a = world.contact(0, "4711");
    world.until_state(0, a, CallState::Ringing);
    // Caller → switchboard → callee and back: two hops each way, of which the switchboard stands for the gateway.
    assert_eq!(world.now.saturating_since(pressed), HOP * 4);
    assert_eq!(world.server.count(0, "INVITE"), 1);
    let flights: Vec<_> = world.server.passed.iter().map(|(at, from, _)| (*at, *from)).collect();
    assert_eq!(
        flights.iter().filter(|(_, from)| *from == 0).count(),
        1,
        "one message from the caller is enough"
    );
}
