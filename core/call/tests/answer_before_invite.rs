//! The courier answers (or declines) on the lock screen before the call itself has reached the app.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{CallState, Command, EndReason, Event, PushKind};
use doorstep_sip::msg::Headers;
use doorstep_sip::ua::{EndCause, SessionEvent};
use doorstep_testkit::phone::push;
use doorstep_testkit::stand_in::{StandIn, far_sdp};
use doorstep_testkit::world::{ACTIVE, World};

const T0: u64 = 1_700_000_000_000;

fn woken() -> (World<StandIn>, doorstep_call::CallHandle) {
    let mut world = World::idle_stand_in_with(|_| {});
    world.push(0, push(PushKind::Incoming, "call-1", T0, Duration::from_secs(30)), T0);
    let call = world.phones[0].incoming().unwrap();
    let snapshot = world.phones[0].only_call().unwrap();
    assert_eq!(snapshot.call_id.as_deref(), Some("call-1"));
    assert_eq!(snapshot.order, Some("4711".into()));
    assert_eq!(snapshot.label.unwrap().expose(), "Order 4711");
    (world, call)
}

#[test]
fn the_answer_is_kept_and_given_as_soon_as_the_invite_comes() {
    let (mut world, call) = woken();
    world.command(0, Command::Answer { call });
    assert_eq!(world.phones[0].state(call), Some(CallState::Answering));
    world.until("REGISTER", Duration::from_secs(5), |world| !world.server.registers.is_empty());
    let session = world.ring(0, "call-1");
    world.until_state(0, call, ACTIVE);
    assert!(matches!(world.until_session(session), SessionEvent::Answered { .. }));
    assert!(world.phones[0].media.leg().microphone);
    let rang = world.phones[0].events.iter().filter(|(_, event)| matches!(event, Event::Incoming(_))).count();
    assert_eq!(rang, 1, "the push and the INVITE are one call");
}

#[test]
fn the_invite_of_a_call_that_was_announced_rings_no_second_time() {
    let (mut world, call) = woken();
    world.pass(Duration::from_secs(1));
    let session = world.ring(0, "call-1");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.phones[0].calls().len(), 1);
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.command(0, Command::HangUp { call });
    while !matches!(world.until_session(session), SessionEvent::Ended { .. }) {}
    world.pass(Duration::from_secs(60));
    world.assert_nothing_left();
}

#[test]
fn an_answer_that_no_invite_follows_ends_with_a_name() {
    let (mut world, call) = woken();
    world.command(0, Command::Answer { call });
    assert_eq!(world.until_ended(0, call), EndReason::Expired);
    assert!(world.now.since_epoch() <= Duration::from_secs(12), "not longer than the gateway needs");
}

#[test]
fn without_any_connection_it_ends_when_the_push_expires() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.cut(0);
    world.push(0, push(PushKind::Incoming, "call-1", T0, Duration::from_secs(30)), T0);
    let call = world.phones[0].incoming().unwrap();
    world.command(0, Command::Answer { call });
    assert_eq!(world.until_ended(0, call), EndReason::Expired);
    assert_eq!(world.now.since_epoch(), Duration::from_secs(30));
}

#[test]
fn declining_before_the_invite_declines_it_when_it_comes() {
    let (mut world, call) = woken();
    world.command(0, Command::Reject { call, busy: false });
    assert_eq!(world.phones[0].ended(call), Some(EndReason::DeclinedHere));
    world.until("REGISTER", Duration::from_secs(5), |world| !world.server.registers.is_empty());
    let session = world.ring(0, "call-1");
    let SessionEvent::Ended { cause: EndCause::Refused { response } } = world.until_session(session) else {
        panic!()
    };
    assert_eq!(response.status.code(), 603);
    assert!(world.phones[0].calls().is_empty(), "it does not ring again");
}

#[test]
fn the_gateways_own_name_for_the_call_binds_before_the_call_id_does() {
    let (mut world, call) = woken();
    world.pass(Duration::from_secs(1));
    let mut headers = Headers::default();
    headers.push("X-Doorstep-Call".parse().unwrap(), "call-1").unwrap();
    headers.push("X-Doorstep-Label".parse().unwrap(), "Bakery, back door").unwrap();
    world.ring_with(0, "quite-another", headers, far_sdp(1));
    world.pass(Duration::from_secs(1));
    let only = world.phones[0].only_call().unwrap();
    assert_eq!((only.call, only.label.unwrap().into_exposed()), (call, "Bakery, back door".to_owned()));
}
