//! The microphone, before, during and across calls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use doorstep_call::{CallState, Command, MediaCommand};
use doorstep_testkit::world::World;

#[test]
fn muting_works_before_the_answer_and_lasts() {
    let mut world = World::pair();
    let a = world.contact(0, "4711");
    world.command(0, Command::Mute { call: a, on: true });
    let b = world.until_rings(1);
    world.command(1, Command::Answer { call: b });
    let muted = CallState::Active { muted: true, held_locally: false, held_remotely: false };
    world.until_state(0, a, muted);
    assert!(world.phones[0].media.leg().muted);
    let commands = &world.phones[0].media.commands;
    let mute = commands
        .iter()
        .rposition(|command| matches!(command, MediaCommand::SetMute { on: true, .. }))
        .unwrap();
    let open =
        commands.iter().position(|command| matches!(command, MediaCommand::OpenMicrophone { .. })).unwrap();
    assert!(mute < open, "not one sample slips out");
    world.command(0, Command::Mute { call: a, on: false });
    assert!(!world.phones[0].media.leg().muted);
    let told = world.phones[0].events.len();
    world.command(0, Command::Mute { call: a, on: false });
    assert_eq!(world.phones[0].events.len(), told, "what changes nothing is not told");
}
