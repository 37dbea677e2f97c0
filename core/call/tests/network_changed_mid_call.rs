//! The phone goes from one network to another while people talk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command, Event, MediaCommand, Output};
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::stand_in::far_sdp;
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_call_moves_to_a_connection_over_the_new_network_with_a_fresh_voice_path() {
    let mut world = World::pair();
    let (a, b) = world.talking();
    world.network_changed(0);
    world.pass(SECOND * 2);
    assert_eq!(world.phones[0].media.leg().restarts, 1);
    assert_eq!(world.server.count(0, "INVITE"), 2, "one re-INVITE tells where the phone is now");
    assert_eq!((world.phones[0].state(a), world.phones[1].state(b)), (Some(ACTIVE), Some(ACTIVE)));
    let reconnecting = world.phones[0].events.iter().any(|(_, event)| {
        matches!(event, Event::CallChanged(snapshot) if snapshot.state == CallState::Reconnecting)
    });
    assert!(!reconnecting, "the old connection was there until the new one stood");
    let restarted = world.phones[0]
        .media
        .commands
        .iter()
        .any(|command| matches!(command, MediaCommand::RestartIce { .. }));
    assert!(restarted);
    world.command(1, Command::HangUp { call: b });
    world.until_ended(0, a);
    world.pass(SECOND * 60);
    world.assert_nothing_left();
}

#[test]
fn the_old_connection_is_closed_once_the_new_one_stands() {
    let mut world = World::with_stand_in();
    let (_, session) = world.in_call();
    let before = world.server.ua.session_flow(session).unwrap();
    world.network_changed(0);
    let SessionEvent::Offer { sdp: Some(_) } = world.until_session(session) else { panic!() };
    world.server.ua.accept_offer(world.now, session, far_sdp(2)).unwrap();
    world.pass(SECOND);
    assert_ne!(world.server.ua.session_flow(session), Some(before), "the gateway follows");
    let order: Vec<_> = world.phones[0]
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::OpenTransport { .. } => Some("open"),
            Output::CloseTransport { .. } => Some("close"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["open", "open", "close"]);
}

#[test]
fn a_call_that_rings_finishes_on_the_old_connection() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let now = world.now;
    world
        .server
        .ua
        .progress(now, session, doorstep_sip::msg::StatusCode::RINGING, Default::default(), None)
        .unwrap();
    world.until_state(0, call, CallState::Ringing);
    world.network_changed(0);
    world.pass(SECOND);
    let now = world.now;
    world.server.ua.answer(now, session, Default::default(), far_sdp(1)).unwrap();
    world.until_state(0, call, ACTIVE);
    loop {
        if let SessionEvent::Offer { .. } = world.until_session(session) {
            break;
        }
    }
    world.server.ua.accept_offer(world.now, session, far_sdp(2)).unwrap();
    world.pass(SECOND);
    let closed = world.phones[0]
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::CloseTransport { .. }))
        .count();
    assert_eq!(closed, 1, "the old connection goes when nobody needs it");
}

#[test]
fn an_old_connection_that_is_dead_holds_nobody_up() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let now = world.now;
    world
        .server
        .ua
        .progress(now, session, doorstep_sip::msg::StatusCode::RINGING, Default::default(), None)
        .unwrap();
    world.until_state(0, call, CallState::Ringing);
    world.server.ignores_pings = true;
    world.network_changed(0);
    let changed = world.now;
    world.until_ended(0, call);
    assert!(world.now.saturating_since(changed) <= SECOND * 11);
}

#[test]
fn a_voice_path_that_breaks_is_restarted_and_at_last_given_up() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.phones[0].media.knobs.connects_after = None;
    let now = world.now;
    world.phones[0].media.break_paths(now);
    loop {
        let end = world.now + SECOND * 60;
        if world.phones[0].ended(call).is_some() || !world.step(end) {
            break;
        }
        if let Some(SessionEvent::Offer { .. }) = world.server.session_event(session) {
            let now = world.now;
            world.server.ua.accept_offer(now, session, far_sdp(2)).unwrap();
        }
    }
    assert_eq!(world.phones[0].ended(call), Some(doorstep_call::EndReason::MediaFailed));
    let restarts = world.phones[0]
        .media
        .commands
        .iter()
        .filter(|command| matches!(command, MediaCommand::RestartIce { .. }));
    assert_eq!(restarts.count(), 2);
}
