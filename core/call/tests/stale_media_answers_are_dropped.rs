//! What the voice engine says about a question that no longer stands changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, Input, LegId, MediaCommand, MediaEvent, MediaFailure, OpId};
use doorstep_testkit::fake_media::sdp;
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);

fn says_nothing_new(world: &mut World<StandIn>, event: MediaEvent) {
    let before = world.phones[0].outputs.len();
    let now = world.now;
    world.phones[0].input(now, Input::Media(event.clone()));
    assert_eq!(world.phones[0].outputs.len(), before, "{event:?}");
}

fn first_offer(world: &World<StandIn>) -> (LegId, OpId) {
    let found = world.phones[0].media.commands.iter().find_map(|command| match command {
        MediaCommand::CreateOffer { leg, op, .. } => Some((*leg, *op)),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn an_offer_for_a_call_that_is_over() {
    let mut world = World::with_stand_in();
    world.phones[0].media.knobs.delay = SECOND;
    let call = world.contact(0, "4711");
    let (leg, op) = first_offer(&world);
    world.command(0, Command::HangUp { call });
    says_nothing_new(&mut world, MediaEvent::LocalDescription { leg, op, sdp: sdp(1, 1, 0, false, true) });
    says_nothing_new(&mut world, MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport });
    says_nothing_new(&mut world, MediaEvent::Connected { leg });
    world.pass(SECOND * 10);
    assert_eq!(world.server.count(0, "INVITE"), 0);
}

#[test]
fn a_second_answer_to_one_question_an_unknown_question_and_another_calls_leg() {
    let mut world = World::with_stand_in();
    let (call, _) = world.in_call();
    let (leg, op) = first_offer(&world);
    says_nothing_new(&mut world, MediaEvent::LocalDescription { leg, op, sdp: sdp(1, 1, 0, false, true) });
    says_nothing_new(&mut world, MediaEvent::Failed { leg, op: Some(op), reason: MediaFailure::Device });
    says_nothing_new(&mut world, MediaEvent::Done { leg, op: OpId(987_654) });
    says_nothing_new(&mut world, MediaEvent::Disconnected { leg: LegId(987_654) });
    world.phones[0].media.knobs.delay = SECOND;
    world.command(0, Command::Hold { call });
    let Some(MediaCommand::CreateOffer { op, .. }) = world.phones[0].media.commands.last().cloned() else {
        panic!()
    };
    says_nothing_new(
        &mut world,
        MediaEvent::LocalDescription { leg: LegId(1), op, sdp: sdp(1, 1, 0, false, true) },
    );
    world.command(0, Command::Resume { call });
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
}

#[test]
fn an_offer_that_was_being_made_when_the_far_side_offered() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.phones[0].media.knobs.delay = SECOND;
    world.command(0, Command::Hold { call });
    world.server.ua.reoffer(world.now, session, doorstep_testkit::stand_in::far_hold(2)).unwrap();
    world.pass(Duration::from_millis(1500));
    assert!(world.server.session_event(session).is_some(), "the far side's turn is first");
    world.pass(SECOND * 5);
    assert!(world.server.session_event(session).is_some(), "this side's hold follows");
}
