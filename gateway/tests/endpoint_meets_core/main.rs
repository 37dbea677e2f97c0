//! The courier's endpoint and the gateway's core, with nothing between them but a network in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "test code")]

mod closed_app;
mod gateway;

use std::time::Duration;

use doorstep_call::{
    CallHandle, CallState, Command, DownReason, EndReason, EndpointConfig, Event, RegistrationState,
    TransferProgress, TransportKind,
};
use doorstep_sip::msg::Headers;
use doorstep_sip::ua::{SessionEvent, SessionId};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::world::{ACTIVE, HOP, World};
use gateway::{Gateway, RINGING, phone_sdp};

const SECOND: Duration = Duration::from_secs(1);

fn registered() -> World<Gateway> {
    let config = EndpointConfig::new("gw.example", "anna", "urn:uuid:00000000-0000-4000-8000-000000000001");
    let mut world = World::new([config], Gateway::new(), TransportKind::Wss, Conditions::stream(HOP), 1);
    world.command(0, Command::Register);
    world.pass(SECOND);
    let registered =
        |event: &Event| matches!(event, Event::Registration(RegistrationState::Registered { .. }));
    assert!(world.phones[0].events.iter().any(|(_, event)| registered(event)));
    world
}

fn until_rings_at_customer(world: &mut World<Gateway>) -> SessionId {
    let end = world.now + SECOND * 10;
    loop {
        if let Some(session) = world.server.ringing_at_customer() {
            return session;
        }
        assert!(world.step(end), "it never rang at the customer");
    }
}

fn talking(world: &mut World<Gateway>) -> (CallHandle, SessionId) {
    let call = world.contact(0, "4711");
    let customer = until_rings_at_customer(world);
    let now = world.now;
    world
        .server
        .customer(now, |ua| ua.answer(now, customer, Headers::default(), phone_sdp(1, false)))
        .unwrap();
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    world.server.heard.clear();
    (call, customer)
}

fn over(world: &mut World<Gateway>) {
    world.pass(SECOND * 120);
    world.assert_nothing_left();
}

#[test]
fn from_press_to_ringing_is_one_round_trip() {
    let mut world = registered();
    let pressed = world.now;
    let call = world.contact(0, "4711");
    let customer = until_rings_at_customer(&mut world);
    let now = world.now;
    world.server.customer(now, |ua| ua.progress(now, customer, RINGING, Headers::default(), None)).unwrap();
    world.until_state(0, call, CallState::Ringing);
    assert_eq!(world.now.saturating_since(pressed), HOP * 2);
    world.pass(HOP);
    let snapshot = world.phones[0].only_call().unwrap();
    assert!(snapshot.media_connected, "the voice path is up before the answer");
    assert_eq!(snapshot.label.unwrap().expose(), "Order 4711");
    world.command(0, Command::HangUp { call });
    over(&mut world);
}

#[test]
fn both_ways_and_ended_by_either() {
    for courier_ends in [true, false] {
        let mut world = registered();
        let (call, customer) = talking(&mut world);
        if courier_ends {
            world.command(0, Command::HangUp { call });
            world.pass(SECOND);
            assert!(matches!(world.server.session_event(customer), Some(SessionEvent::Ended { .. })));
        } else {
            let now = world.now;
            world.server.customer(now, |ua| ua.end(now, customer, None)).unwrap();
            assert_eq!(world.until_ended(0, call), EndReason::HungUpThere);
        }
        over(&mut world);
    }
}

#[test]
fn the_customer_calls_back_and_the_courier_answers_or_declines() {
    for answers in [true, false] {
        let mut world = registered();
        let now = world.now;
        let customer = world.server.customer_calls(now);
        let call = world.until_rings(0);
        let snapshot = world.phones[0].only_call().unwrap();
        assert_eq!(snapshot.order, Some("4711".into()));
        assert_eq!(snapshot.label.unwrap().expose(), "Order 4711");
        world.pass(SECOND);
        if answers {
            world.command(0, Command::Answer { call });
            world.until_state(0, call, ACTIVE);
            world.pass(SECOND);
            let heard = std::iter::from_fn(|| world.server.session_event(customer)).collect::<Vec<_>>();
            assert!(heard.iter().any(|event| matches!(event, SessionEvent::Answered { .. })), "{heard:?}");
            world.command(0, Command::HangUp { call });
        } else {
            world.command(0, Command::Reject { call, busy: false });
            world.pass(SECOND);
            let heard = std::iter::from_fn(|| world.server.session_event(customer)).collect::<Vec<_>>();
            assert!(matches!(heard.last(), Some(SessionEvent::Ended { .. })), "{heard:?}");
        }
        over(&mut world);
    }
}

#[test]
fn a_refusal_says_what_the_courier_should_read() {
    let mut world = registered();
    world.server.taken = true;
    let call = world.contact(0, "4711");
    assert_eq!(world.until_ended(0, call), EndReason::NotYourOrder);
    world.server.taken = false;
    let call = world.contact(0, "9");
    assert_eq!(world.until_ended(0, call), EndReason::NoSuchOrder);
    over(&mut world);
}

#[test]
fn a_lost_connection_comes_back_to_the_same_call() {
    let mut world = registered();
    let (call, customer) = talking(&mut world);
    world.reset(0);
    assert_eq!(world.phones[0].state(call), Some(CallState::Reconnecting));
    world.until_state(0, call, ACTIVE);
    world.pass(SECOND);
    let now = world.now;
    world.server.customer(now, |ua| ua.end(now, customer, None)).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::HungUpThere, "over the new connection");
    over(&mut world);
}

#[test]
fn a_connection_that_stays_away_ends_the_call_on_both_sides() {
    let mut world = registered();
    let (call, customer) = talking(&mut world);
    world.refuses = Some(DownReason::Unreachable);
    world.reset(0);
    assert_eq!(world.until_ended(0, call), EndReason::ConnectionLost);
    world.pass(SECOND * 35);
    assert!(matches!(world.server.session_event(customer), Some(SessionEvent::Ended { .. })));
    world.refuses = None;
    over(&mut world);
}

#[test]
fn a_changed_network_moves_the_call_without_anybody_noticing() {
    let mut world = registered();
    let (call, customer) = talking(&mut world);
    world.network_changed(0);
    world.pass(SECOND * 3);
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
    assert_eq!(world.phones[0].media.leg().restarts, 1);
    world.command(0, Command::HangUp { call });
    world.pass(SECOND);
    let heard = std::iter::from_fn(|| world.server.session_event(customer)).collect::<Vec<_>>();
    assert!(
        matches!(heard[..], [SessionEvent::Ended { .. }]),
        "the customer heard of nothing else: {heard:?}"
    );
    over(&mut world);
}

#[test]
fn hold_crosses_to_the_customer_and_back() {
    let mut world = registered();
    let (call, customer) = talking(&mut world);
    world.command(0, Command::Hold { call });
    world.pass(SECOND);
    assert!(matches!(world.phones[0].state(call), Some(CallState::Active { held_locally: true, .. })));
    let Some(SessionEvent::Offer { sdp: Some(offer) }) = world.server.session_event(customer) else {
        panic!("the customer is put on hold");
    };
    assert!(std::str::from_utf8(&offer).unwrap().contains("a=sendonly"));
    let now = world.now;
    world.server.customer(now, |ua| ua.accept_offer(now, customer, phone_sdp(2, false))).unwrap();
    world.pass(SECOND);
    world.command(0, Command::Resume { call });
    world.pass(SECOND);
    assert!(matches!(world.server.session_event(customer), Some(SessionEvent::Offer { .. })));
    let now = world.now;
    world.server.customer(now, |ua| ua.accept_offer(now, customer, phone_sdp(3, false))).unwrap();
    world.pass(SECOND);
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
    world.command(0, Command::HangUp { call });
    over(&mut world);
}

#[test]
fn two_customers_are_never_joined_with_each_other() {
    let mut world = registered();
    let (first, _) = talking(&mut world);
    let (second, _) = talking(&mut world);
    world.phones[0].unread();
    world.command(0, Command::TransferTo { call: first, other: second });
    world.pass(SECOND * 2);
    let refused = world.phones[0].unread().into_iter().any(|event| {
        matches!(event, Event::Transfer { progress: TransferProgress::Failed { status: 403 }, .. })
    });
    assert!(refused);
    assert_eq!(world.phones[0].calls().len(), 2, "both calls go on");
    for call in [first, second] {
        world.command(0, Command::HangUp { call });
    }
    over(&mut world);
}
