//! Pings keep a connection open and find out that it is dead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, Output};
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn opened(world: &World<StandIn>) -> usize {
    world.phones[0].outputs.iter().filter(|output| matches!(output, Output::OpenTransport { .. })).count()
}

#[test]
fn one_ping_every_four_minutes_and_an_answer_keeps_the_connection() {
    let mut world = World::with_stand_in();
    world.pass(SECOND * 1000);
    assert_eq!((world.server.pings.len(), opened(&world)), (4, 1));
}

#[test]
fn a_ping_without_an_answer_ends_the_connection_after_ten_seconds() {
    let mut world = World::with_stand_in();
    world.server.ignores_pings = true;
    world.until("a ping", SECOND * 300, |world| !world.server.pings.is_empty());
    let pinged = world.now;
    world.until("another connection", SECOND * 60, |world| opened(world) == 2);
    let waited = world.now.saturating_since(pinged);
    assert!(waited >= Duration::from_millis(9_900) && waited <= Duration::from_millis(10_600), "{waited:?}");
}

#[test]
fn further_pings_give_a_dead_connection_no_more_time() {
    let mut world = World::stand_in_with(|config| config.keep_alive = Some(Duration::from_secs(3)));
    world.pass(SECOND * 10);
    world.cut(0);
    let dead = world.now;
    world.until("another connection", SECOND * 60, |world| opened(world) == 2);
    let waited = world.now.saturating_since(dead);
    assert!(waited <= Duration::from_millis(13_600), "a ping, ten seconds and a first wait, not {waited:?}");
}

#[test]
fn whatever_comes_shows_that_the_connection_lives() {
    let mut world = World::stand_in_with(|config| config.keep_alive = Some(Duration::from_secs(20)));
    world.server.ignores_pings = true;
    for _ in 0..30 {
        world.pass(SECOND * 9);
        // A pong of the transport's own.
        world.server.inject(0, "");
    }
    assert_eq!(opened(&world), 1);
}

#[test]
fn in_the_background_nothing_is_sent_unless_somebody_talks() {
    let mut world = World::with_stand_in();
    world.command(0, Command::Background(true));
    world.pass(SECOND * 1000);
    assert_eq!(world.server.pings.len(), 0);
    world.in_call();
    world.pass(SECOND * 500);
    assert_eq!(world.server.pings.len(), 2);
}

#[test]
fn the_servers_ping_is_answered() {
    let mut world = World::with_stand_in();
    let pongs = |world: &World<StandIn>| {
        world.phones[0]
            .outputs
            .iter()
            .filter(|output| matches!(output, Output::Send { bytes, .. } if &bytes[..] == b"\r\n"))
            .count()
    };
    world.server.inject(0, "\r\n\r\n");
    world.pass(SECOND);
    assert_eq!(pongs(&world), 1);
}
