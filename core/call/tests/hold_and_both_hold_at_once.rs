//! Hold and resume, from either side and from both at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallHandle, CallState, Command, TransportKind};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::server::Switchboard;
use doorstep_testkit::world::{ACTIVE, HOP, World};

fn held(locally: bool, remotely: bool) -> CallState {
    CallState::Active { muted: false, held_locally: locally, held_remotely: remotely }
}

fn states(world: &World<Switchboard>, a: CallHandle, b: CallHandle) -> (CallState, CallState) {
    (world.phones[0].state(a).unwrap(), world.phones[1].state(b).unwrap())
}

#[test]
fn one_side_holds_and_goes_on() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.command(0, Command::Hold { call: a });
    assert_eq!(world.phones[0].state(a), Some(held(true, false)), "at once");
    assert!(world.phones[0].media.leg().held, "no sample leaves from now on");
    world.pass(Duration::from_secs(1));
    assert_eq!(states(&world, a, b), (held(true, false), held(false, true)));
    assert!(world.phones[0].media.leg().holds, "the SDP says so, too");
    world.command(0, Command::Resume { call: a });
    assert!(!world.phones[0].media.leg().held);
    world.pass(Duration::from_secs(1));
    assert_eq!(states(&world, a, b), (ACTIVE, ACTIVE));
}

#[test]
fn both_hold_at_once_and_come_to_agree() {
    for (kind, seed) in
        [(TransportKind::Wss, 1), (TransportKind::Udp, 2), (TransportKind::Wss, 3), (TransportKind::Wss, 4)]
    {
        let conditions = Conditions { reliable: kind.is_reliable(), ..Conditions::stream(HOP) };
        let mut world = World::pair_over(kind, conditions, seed);
        let (a, b) = world.talking();
        world.command(0, Command::Hold { call: a });
        world.command(1, Command::Hold { call: b });
        world.pass(Duration::from_secs(20));
        assert!(world.server.count(0, "SIP/2.0 491") + world.server.count(1, "SIP/2.0 491") >= 1, "they met");
        assert_eq!(states(&world, a, b), (held(true, true), held(true, true)));
        world.command(1, Command::Resume { call: b });
        world.pass(Duration::from_secs(20));
        assert_eq!(states(&world, a, b), (held(true, false), held(false, true)));
        world.command(0, Command::Resume { call: a });
        world.pass(Duration::from_secs(20));
        assert_eq!(states(&world, a, b), (ACTIVE, ACTIVE));
    }
}

#[test]
fn both_resume_at_once() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.command(0, Command::Hold { call: a });
    world.pass(Duration::from_secs(5));
    world.command(1, Command::Hold { call: b });
    world.pass(Duration::from_secs(5));
    world.command(0, Command::Resume { call: a });
    world.command(1, Command::Resume { call: b });
    world.pass(Duration::from_secs(20));
    assert_eq!(states(&world, a, b), (ACTIVE, ACTIVE));
}

#[test]
fn hold_and_resume_faster_than_the_network_end_where_the_user_ended() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    for _ in 0..5 {
        world.command(0, Command::Hold { call: a });
        world.pass(Duration::from_millis(3));
        world.command(0, Command::Resume { call: a });
        world.pass(Duration::from_millis(3));
    }
    world.command(0, Command::Hold { call: a });
    world.pass(Duration::from_secs(20));
    assert_eq!(states(&world, a, b), (held(true, false), held(false, true)));
    assert!(world.server.count(0, "INVITE") <= 4, "changes that nobody heard of are not sent one by one");
}

#[test]
fn holding_right_after_the_answer_works_too() {
    let mut world = World::pair();
    let a = world.contact(0, "4711");
    let b = world.until_rings(1);
    world.pass(HOP);
    world.command(1, Command::Answer { call: b });
    world.command(1, Command::Hold { call: b });
    world.pass(Duration::from_secs(10));
    assert_eq!(states(&world, a, b), (held(false, true), held(true, false)));
}
