//! A recording gives the same outputs again, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, PushKind, Record, Target, TransportKind, replay};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::phone::{EndpointPeer, push};
use doorstep_testkit::world::{HOP, World};

fn replays(phone: &EndpointPeer) {
    let (config, seed) = phone.made.clone();
    let again = replay(&phone.recording, config.clone(), seed).unwrap();
    assert!(again.len() > 20);
    let line = |output| serde_json::to_string(output).unwrap();
    let (before, after): (Vec<_>, Vec<_>) =
        (phone.outputs.iter().map(line).collect(), again.iter().map(line).collect());
    assert_eq!(before, after);
    let other = replay(&phone.recording, config, [77; 32]).unwrap();
    assert_ne!(other.iter().map(line).collect::<Vec<_>>(), before, "another seed is another endpoint");
}

#[test]
fn a_day_with_everything_in_it() {
    for kind in [TransportKind::Wss, TransportKind::Udp] {
        let conditions = Conditions { reliable: kind.is_reliable(), ..Conditions::stream(HOP).bad() };
        let mut world = World::pair_over(kind, conditions, 42);
        world.phones[0].tokens.lifetime = Some(Duration::from_secs(400));
        let (a, b) = world.talking();
        world.push(1, push(PushKind::Incoming, "one", 5, Duration::from_secs(9)), 5);
        world.command(0, Command::Hold { call: a });
        world.command(1, Command::Hold { call: b });
        world.pass(Duration::from_secs(10));
        world.command(0, Command::SendDtmf { call: a, digits: "123".into() });
        world.network_changed(0);
        world.pass(Duration::from_secs(3));
        world.reset(1);
        world.pass(Duration::from_secs(20));
        world.command(0, Command::Transfer { call: a, target: Target::Order("4712".into()) });
        world.pass(Duration::from_secs(700));
        world.command(0, Command::HangUp { call: a });
        world.pass(Duration::from_secs(40));
        world.command(0, Command::Shutdown);
        world.command(1, Command::Shutdown);
        world.pass(Duration::from_secs(40));
        for phone in &world.phones {
            replays(phone);
        }
    }
}

#[test]
fn frames_that_are_no_text_survive_and_bad_lines_are_named() {
    let mut world = World::with_stand_in();
    world.server.inject(0, bytes::Bytes::from_static(b"\xff\x00\xfe"));
    world.pass(Duration::from_secs(1));
    let phone = &world.phones[0];
    assert!(phone.recording.contains("ff00fe"));
    let mut lines = phone.recording.lines();
    let all = phone.recording.lines().map(|line| Record::from_line(line).unwrap().to_line().unwrap());
    assert!(all.eq(phone.recording.lines()));
    let broken = format!("{}\n\n{{\n", lines.next().unwrap());
    let error = replay(&broken, phone.made.0.clone(), phone.made.1).unwrap_err();
    assert_eq!(error.line, 3);
}

#[test]
fn no_token_is_in_a_recording() {
    let mut world = World::with_stand_in();
    world.in_call();
    let asked =
        world.phones[0].recording.lines().filter(|line| line.contains("\"Token\"")).collect::<Vec<_>>();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("expires_in"), "when it ends is all that is said of it: {}", asked[0]);
}
