//! A customer calls, and the courier's app is closed, frozen or just losing its connection.

use std::time::Duration;

use doorstep_call::{
    CallHandle, CallState, Command, EndReason, EndpointConfig, PushKind, PushTarget, TransportKind,
};
use doorstep_gateway::core::{PushCommand, WakeOutcome};
use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{EndCause, SessionEvent, SessionId};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::phone::{EndpointPeer, push};
use doorstep_testkit::world::{ACTIVE, HOP, World};

use crate::gateway::Gateway;
use crate::over;

const SECOND: Duration = Duration::from_secs(1);
const T0: u64 = 1_700_000_000_000;

fn config() -> EndpointConfig {
    device(1)
}

fn device(number: u32) -> EndpointConfig {
    EndpointConfig::new("gw.example", "anna", format!("urn:uuid:00000000-0000-4000-8000-{number:012}"))
}

fn target() -> PushTarget {
    PushTarget {
        provider: "apns".to_owned(),
        param: "TEAM.app.voip".to_owned(),
        prid: "token".to_owned().into(),
    }
}

/// An app that can be woken, registered and in the foreground.
fn open() -> World<Gateway> {
    let mut world = World::new([config()], Gateway::new(), TransportKind::Wss, Conditions::stream(HOP), 1);
    world.command(0, Command::SetPush(Some(target())));
    world.command(0, Command::Register);
    world.pass(SECOND);
    assert!(matches!(world.server.pushed[..], [PushCommand::PutDevice { .. }]));
    world
}

/// The same, closed since.
fn closed() -> World<Gateway> {
    let mut world = open();
    world.command(0, Command::Leave);
    world.pass(SECOND);
    world.reset(0);
    world.phones[0] = EndpointPeer::new(config(), [77; 32]);
    // TCP, TLS 1.3, WebSocket.
    world.handshakes = 3;
    world.pass(SECOND);
    assert!(world.server.wake().is_none());
    world
}

/// The push that the gateway has asked for reaches the phone, which starts the app.
fn wakes(world: &mut World<Gateway>) -> CallHandle {
    let (call, expires_at) = world.server.wake().unwrap();
    let left = expires_at.saturating_since(world.now);
    world.command(0, Command::SetPush(Some(target())));
    world.push(0, push(PushKind::Incoming, &call, T0, left), T0);
    world.phones[0].incoming().unwrap()
}

fn customer_calls(world: &mut World<Gateway>) -> SessionId {
    let now = world.now;
    world.server.customer_calls(now)
}

fn has_its_invite(world: &World<Gateway>, call: CallHandle) -> bool {
    world.phones[0].calls().iter().any(|snapshot| snapshot.call == call && !snapshot.awaits_invite)
}

fn customer_hears(world: &mut World<Gateway>, customer: SessionId) -> Vec<SessionEvent> {
    std::iter::from_fn(|| world.server.session_event(customer)).collect()
}

fn rings(events: &[SessionEvent]) -> bool {
    events.iter().any(|event| {
        matches!(event, SessionEvent::Progress { response } if response.status == StatusCode::RINGING)
    })
}

fn is_answered(events: &[SessionEvent]) -> bool {
    events.iter().any(|event| matches!(event, SessionEvent::Answered { .. }))
}

#[test]
fn a_closed_app_has_the_call_four_round_trips_after_the_push() {
    let mut world = closed();
    let customer = customer_calls(&mut world);
    let (call_id, _) = world.server.wake().unwrap();
    let now = world.now;
    world.server.wake_went(now, &call_id, WakeOutcome::Accepted);
    assert!(rings(&customer_hears(&mut world, customer)), "the customer hears that it rings");
    world.pass(SECOND);

    let call = wakes(&mut world);
    let pushed = world.now;
    world.until("the INVITE", SECOND * 10, |world| has_its_invite(world, call));
    assert_eq!(world.now.saturating_since(pushed), HOP * 8, "TCP, TLS, WebSocket, REGISTER and INVITE");
    let snapshot = world.phones[0].only_call().unwrap();
    assert_eq!(snapshot.call_id, Some(call_id));
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    assert!(is_answered(&customer_hears(&mut world, customer)));
    let off = |command: &&PushCommand| matches!(command, PushCommand::CancelWake { .. });
    assert_eq!(world.server.pushed.iter().filter(off).count(), 1);
    world.command(0, Command::HangUp { call });
    over(&mut world);
}

#[test]
fn an_answer_pressed_before_the_app_was_connected_answers_at_once() {
    let mut world = closed();
    let customer = customer_calls(&mut world);
    let call = wakes(&mut world);
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    assert!(is_answered(&customer_hears(&mut world, customer)));
    let now = world.now;
    world.server.customer(now, |ua| ua.end(now, customer, None)).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::HungUpThere);
    over(&mut world);
}

#[test]
fn a_woken_courier_may_decline() {
    let mut world = closed();
    let customer = customer_calls(&mut world);
    let call = wakes(&mut world);
    world.command(0, Command::Reject { call, busy: false });
    world.pass(SECOND * 2);
    let heard = customer_hears(&mut world, customer);
    let refused = matches!(heard.last(), Some(SessionEvent::Ended { cause: EndCause::Refused { .. } }));
    assert!(refused, "{heard:?}");
    over(&mut world);
}

#[test]
fn a_customer_who_gave_up_before_the_app_came_rings_nobody_for_long() {
    let mut world = closed();
    let customer = customer_calls(&mut world);
    let call = wakes(&mut world);
    let now = world.now;
    world.server.customer(now, |ua| ua.end(now, customer, None)).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::Expired, "the gateway has no call for who registers");
    assert!(world.now.saturating_since(now) < SECOND * 15);
    over(&mut world);
}

#[test]
fn an_app_that_loses_its_connection_while_it_rings_rings_on() {
    let mut world = open();
    let customer = customer_calls(&mut world);
    let call = world.until_rings(0);
    world.pass(SECOND);
    world.reset(0);
    assert_eq!(world.phones[0].state(call), Some(CallState::Incoming));
    world.until("the INVITE again", SECOND * 20, |world| has_its_invite(world, call));
    assert_eq!(world.phones[0].calls().len(), 1);
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    assert!(is_answered(&customer_hears(&mut world, customer)));
    world.command(0, Command::HangUp { call });
    over(&mut world);
}

#[test]
fn a_frozen_app_is_woken_and_has_the_call_on_a_new_connection() {
    let mut world = open();
    world.command(0, Command::Background(true));
    // The system keeps the connection, but nothing of it reaches the app.
    world.cut(0);
    let customer = customer_calls(&mut world);
    world.pass(Duration::from_millis(1900));
    assert!(world.server.wake().is_none());
    world.pass(Duration::from_millis(200));
    assert!(world.server.wake().is_some());
    world.heal(0);
    let call = wakes(&mut world);
    world.until("the INVITE", SECOND * 20, |world| has_its_invite(world, call));
    world.command(0, Command::Answer { call });
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    assert!(is_answered(&customer_hears(&mut world, customer)));
    world.command(0, Command::HangUp { call });
    over(&mut world);
}

#[test]
fn a_connected_and_a_closed_device_ring_together_and_the_loser_is_told() {
    for closed_one_answers in [true, false] {
        let (one, other) = (device(1), device(2));
        let conditions = Conditions::stream(HOP);
        let mut world = World::new([one, other.clone()], Gateway::new(), TransportKind::Wss, conditions, 1);
        world.command(0, Command::Register);
        world.command(1, Command::SetPush(Some(target())));
        world.command(1, Command::Register);
        world.pass(SECOND);
        world.command(1, Command::Leave);
        world.pass(SECOND);
        world.reset(1);
        world.phones[1] = EndpointPeer::new(other, [78; 32]);

        let customer = customer_calls(&mut world);
        let connected = world.until_rings(0);
        let (call_id, _) = world.server.wake().unwrap();
        world.command(1, Command::SetPush(Some(target())));
        world.push(1, push(PushKind::Incoming, &call_id, T0, SECOND * 50), T0);
        let woken = world.phones[1].incoming().unwrap();
        world.pass(SECOND * 2);
        let (winner, loser) =
            if closed_one_answers { ((1, woken), (0, connected)) } else { ((0, connected), (1, woken)) };
        world.command(winner.0, Command::Answer { call: winner.1 });
        assert_eq!(world.until_ended(loser.0, loser.1), EndReason::AnsweredElsewhere);
        world.until_state(winner.0, winner.1, ACTIVE);
        world.pass(SECOND);
        assert!(is_answered(&customer_hears(&mut world, customer)));
        world.command(winner.0, Command::HangUp { call: winner.1 });
        over(&mut world);
    }
}
