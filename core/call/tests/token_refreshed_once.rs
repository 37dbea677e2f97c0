//! The courier's token: one question at a time, before it is needed and before it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{
    Auth, Command, EndReason, Event, Input, Output, RegistrationState, TokenFailure, TokenGrant,
};
use doorstep_sip::msg::StatusCode;
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn several_wishes_ask_for_one_token() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.phones[0].tokens.delay = Some(SECOND);
    world.command(0, Command::Register);
    world.contact(0, "1");
    world.contact(0, "2");
    world.pass(SECOND * 3);
    assert_eq!(world.phones[0].tokens.asked, 1);
    assert_eq!(world.server.count(0, "INVITE"), 2);
}

#[test]
fn a_token_is_renewed_once_before_it_ends_and_shown_on_a_new_connection_before_the_old_one_is_left() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.checks_tokens = true;
    world.phones[0].tokens.lifetime = Some(SECOND * 600);
    world.command(0, Command::Register);
    world.pass(SECOND * 539);
    assert_eq!(world.phones[0].tokens.asked, 1);
    world.pass(SECOND * 3);
    assert_eq!(world.phones[0].tokens.asked, 2, "a minute before its end");
    let opened: Vec<_> = world.phones[0]
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::OpenTransport { flow, .. } => Some((true, *flow)),
            Output::CloseTransport { flow } => Some((false, *flow)),
            _ => None,
        })
        .collect();
    let [(true, first), (true, second), (false, closed)] = opened[..] else { panic!("{opened:?}") };
    assert!(first != second && closed == first, "no moment without a connection");
    assert_eq!(world.server.registers.len(), 2);
    assert!(!world.phones[0].events.iter().any(|(_, event)| {
        matches!(
            event,
            Event::Registration(RegistrationState::Failed { .. })
                | Event::Connection(doorstep_call::ConnectionState::Waiting { .. })
        )
    }));
}

#[test]
fn a_token_that_ends_during_a_call_does_not_touch_the_call() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.phones[0].tokens.lifetime = Some(SECOND * 100);
    world.command(0, Command::Register);
    world.pass(SECOND);
    let (call, _) = world.in_call();
    world.pass(SECOND * 300);
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
    let opened = |world: &World<_>| {
        world.phones[0].outputs.iter().filter(|output| matches!(output, Output::OpenTransport { .. })).count()
    };
    assert_eq!(opened(&world), 1, "the connection stays while somebody talks on it");
    world.command(0, Command::HangUp { call });
    world.pass(SECOND);
    assert_eq!(opened(&world), 2, "the new token is shown afterwards");
}

#[test]
fn an_upgrade_refused_for_its_token_is_tried_once_with_a_fresh_one() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.refuses = Some(doorstep_call::DownReason::Unauthorized);
    let call = world.contact(0, "4711");
    assert_eq!(world.until_ended(0, call), EndReason::Unauthorized);
    assert_eq!(world.phones[0].tokens.asked, 2);
    world.pass(SECOND * 600);
    assert_eq!(world.phones[0].tokens.asked, 2, "nobody is asked in vain for ever");
    world.refuses = None;
    let call = world.contact(0, "4711");
    world.until_invite();
    assert!(world.phones[0].ended(call).is_none(), "the next press of the button tries anew");
}

#[test]
fn a_courier_that_is_signed_out_hears_so_at_once() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.phones[0].tokens.fails = Some(TokenFailure::Denied);
    world.command(0, Command::Register);
    let call = world.contact(0, "4711");
    world.pass(SECOND);
    assert_eq!(world.phones[0].ended(call), Some(EndReason::Unauthorized));
    assert!(world.phones[0].events.iter().any(|(_, event)| {
        *event == Event::Registration(RegistrationState::Failed { reason: EndReason::Unauthorized })
    }));
    assert_eq!(world.phones[0].endpoint.next_deadline(), None, "it waits for the user, not for a timer");
}

#[test]
fn a_provider_that_fails_is_asked_again_after_growing_waits() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.phones[0].tokens.fails = Some(TokenFailure::Unavailable);
    world.command(0, Command::Register);
    world.pass(SECOND * 600);
    let asked = world.phones[0].tokens.asked;
    assert!((20..=120).contains(&asked), "{asked}");
    world.phones[0].tokens.fails = None;
    world.pass(SECOND * 31);
    assert_eq!(world.server.registers.len(), 1);
}

#[test]
fn a_token_that_comes_late_is_taken_rather_than_asked_for_again() {
    let mut world = World::idle_stand_in_with(|config| config.backoff_base = SECOND * 60);
    world.phones[0].tokens.delay = None;
    world.command(0, Command::Register);
    let first = *world.phones[0].tokens.open.keys().next().unwrap();
    world.pass(SECOND * 31);
    assert_eq!(world.phones[0].tokens.asked, 1, "it was given up and is not asked for again yet");
    let now = world.now;
    world.phones[0].input(now, Input::Token { op: first, result: Ok(TokenGrant { expires_in: None }) });
    assert!(world.phones[0].outputs.iter().any(|output| matches!(output, Output::OpenTransport { .. })));
    world.pass(SECOND * 200);
    assert_eq!((world.phones[0].tokens.asked, world.server.registers.len()), (1, 1));
}

#[test]
fn a_provider_that_never_answers_is_given_up_and_its_late_answer_dropped() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.phones[0].tokens.delay = None;
    world.command(0, Command::Register);
    let first = *world.phones[0].tokens.open.keys().next().unwrap();
    world.phones[0].tokens.open.clear();
    world.phones[0].tokens.delay = Some(SECOND);
    world.until("a second question", SECOND * 40, |world| world.phones[0].tokens.asked == 2);
    let now = world.now;
    let late = Input::Token { op: first, result: Ok(TokenGrant { expires_in: None }) };
    world.phones[0].input(now, late);
    assert!(!world.phones[0].outputs.iter().any(|output| matches!(output, Output::OpenTransport { .. })));
    world.pass(SECOND * 2);
    assert_eq!(world.server.registers.len(), 1);
}

#[test]
fn a_register_refused_for_an_ended_token_takes_a_fresh_one_over_a_new_connection() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.server.register_status = StatusCode::UNAUTHORIZED;
    world.command(0, Command::Register);
    world.until("REGISTER", SECOND * 5, |world| !world.server.registers.is_empty());
    world.server.register_status = StatusCode::OK;
    world.until("another token", SECOND * 5, |world| world.phones[0].tokens.asked == 2);
    world.pass(SECOND);
    assert!(
        world.phones[0]
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::Registration(RegistrationState::Registered { .. })))
    );
}

#[test]
fn a_call_refused_for_an_ended_token_goes_out_once_more_with_a_fresh_one() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let now = world.now;
    let refusal = || doorstep_sip::ua::Reply::new(StatusCode::UNAUTHORIZED);
    world.server.ua.reject(now, session, refusal()).unwrap();
    let (again, _, _) = world.until_invite();
    assert_eq!(world.phones[0].tokens.asked, 2);
    assert!(world.phones[0].ended(call).is_none());
    let now = world.now;
    world.server.ua.reject(now, again, refusal()).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::Unauthorized, "once, not for ever");
}

#[test]
fn a_server_that_wants_no_token_is_never_kept_waiting_for_one() {
    let mut world = World::idle_stand_in_with(|config| config.auth = Auth::None);
    world.command(0, Command::Register);
    world.pass(SECOND);
    assert_eq!((world.phones[0].tokens.asked, world.server.registers.len()), (0, 1));
}
