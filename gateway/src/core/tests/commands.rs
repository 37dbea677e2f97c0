use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::EndCause;

use super::world::{
    APP_ANSWER, COMPANY, COURIER, CUSTOMER, LABEL, ORDER, PHONE_ANSWER, PHONE_OFFER, Who, World, config,
    error_header,
};
use crate::core::{Command, Direction, EndReason, ErrorCode, Input, OpId, OrderId, Side};

fn connect(world: &mut World, order: &str, first: Side) {
    let order = OrderId(order.into());
    world.input(Input::Command(Command::Connect { op: OpId(1), order, first }));
    world.pass(Duration::from_millis(500));
}

#[test]
fn the_company_connects_the_courier_first() {
    let mut world = World::new();
    let app = world.ready_app();
    connect(&mut world, ORDER, Side::Edge);
    let id = world.done[0].1.clone().unwrap();
    let (a, invite) = world.invited(Who::App(app));
    assert_eq!(invite.headers.from().unwrap().display_name.as_deref(), Some(LABEL));
    assert_eq!(world.count("Trunk: INVITE"), 0);
    world.ring(Who::App(app), a);
    world.answer(Who::App(app), a, APP_ANSWER);
    let (b, invite) = world.invited(Who::Carrier);
    assert_eq!(invite.uri.as_sip().unwrap().user().as_deref(), Some(CUSTOMER));
    assert_eq!(invite.headers.from().unwrap().uri.as_sip().unwrap().user().as_deref(), Some(COMPANY));
    world.answer(Who::Carrier, b, PHONE_ANSWER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1);
    world.input(Input::Command(Command::HangUp { op: OpId(2), call: id.clone() }));
    assert_eq!(world.done[1], (OpId(2), Ok(id)));
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.assert_nothing_left();
    let record = world.record();
    assert_eq!((record.direction, record.end), (Direction::ClickToCall, Some(EndReason::CompanyHungUp)));
}

#[test]
fn the_company_connects_the_customer_first() {
    let mut world = World::new();
    let apps = [world.ready_app(), world.ready_app()];
    connect(&mut world, ORDER, Side::Trunk);
    let (b, _) = world.invited(Who::Carrier);
    assert_eq!(world.count("Edge: INVITE"), 0);
    world.answer(Who::Carrier, b, PHONE_ANSWER);
    let [one, other] = apps.map(|app| (app, world.invited(Who::App(app)).0));
    world.answer(Who::App(one.0), one.1, APP_ANSWER);
    assert!(matches!(world.ended(Who::App(other.0)), EndCause::Remote { .. }));
    world.pass(Duration::from_secs(1));
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    world.end(Who::App(one.0), one.1);
    world.assert_nothing_left();
}

#[test]
fn a_connection_that_one_side_does_not_take_ends_the_other() {
    for first in [Side::Edge, Side::Trunk] {
        for status in [486, 603] {
            let mut world = World::new();
            let app = world.ready_app();
            connect(&mut world, ORDER, first);
            if first == Side::Edge {
                let (a, _) = world.invited(Who::App(app));
                world.answer(Who::App(app), a, APP_ANSWER);
                let (b, _) = world.invited(Who::Carrier);
                world.reject(Who::Carrier, b, status);
            } else {
                let (b, _) = world.invited(Who::Carrier);
                world.answer(Who::Carrier, b, PHONE_ANSWER);
                let (a, _) = world.invited(Who::App(app));
                world.reject(Who::App(app), a, status);
            }
            world.pass(Duration::from_secs(1));
            assert_eq!(world.core.call_count(), 0);
            world.assert_nothing_left();
            assert_eq!((world.app(app).session_count(), world.carrier.session_count()), (0, 0));
        }
    }
}

#[test]
fn a_connection_ends_with_the_side_that_waits_or_when_nobody_answers() {
    for hang_up in [true, false] {
        for first in [Side::Edge, Side::Trunk] {
            let mut world = World::new();
            let app = world.ready_app();
            connect(&mut world, ORDER, first);
            let waiting = match first {
                Side::Edge => (Who::App(app), world.invited(Who::App(app)).0, APP_ANSWER),
                Side::Trunk => (Who::Carrier, world.invited(Who::Carrier).0, PHONE_ANSWER),
            };
            world.answer(waiting.0, waiting.1, waiting.2);
            let other = if first == Side::Edge { Who::Carrier } else { Who::App(app) };
            let (session, _) = world.invited(other);
            world.ring(other, session);
            world.pass(Duration::from_secs(1));
            if hang_up {
                world.end(waiting.0, waiting.1);
            } else {
                world.pass(Duration::from_secs(60));
            }
            assert!(matches!(world.ended(other), EndCause::Remote { .. }));
            world.assert_nothing_left();
        }
    }
}

#[test]
fn a_connection_that_cannot_be_is_refused() {
    let mut world = World::new();
    connect(&mut world, "4712", Side::Edge);
    connect(&mut world, ORDER, Side::Edge);
    connect(&mut world, ORDER, Side::Trunk);
    world.store.up = false;
    connect(&mut world, ORDER, Side::Edge);
    let call = crate::core::CallId("none".into());
    world.input(Input::Command(Command::HangUp { op: OpId(1), call }));
    let results: Vec<_> = world.done.iter().map(|(_, result)| result.clone().unwrap_err()).collect();
    use ErrorCode::{CourierUnreachable, NoSuchCall, NoSuchOrder, Unavailable};
    assert_eq!(results, [NoSuchOrder, CourierUnreachable, CourierUnreachable, Unavailable, NoSuchCall]);
    world.assert_nothing_left();
}

#[test]
fn a_shutdown_does_not_wait_for_a_carrier_that_says_nothing() {
    let mut config = config();
    config.drain_time = Duration::from_secs(10);
    let mut world = World::with(config, 1);
    let app = world.connect(COURIER);
    world.pass(Duration::from_secs(1));
    world.carrier_is_deaf = true;
    world.app_calls(app, ORDER);
    world.pass(Duration::from_millis(100));
    world.input(Input::Shutdown);
    let response = world.refused(Who::App(app));
    assert_eq!(response.headers.get(&error_header()), Some("unavailable"));
    world.pass(Duration::from_millis(300));
    assert!(!world.drained, "the carrier may still say something");
    world.pass(Duration::from_secs(1));
    assert!(world.drained);
    assert_eq!(world.count("Trunk: CANCEL"), 0, "RFC 3261 section 9.1");
    assert_eq!((world.core.call_count(), world.core.open_count()), (0, 0));
    assert_eq!(world.record().end, Some(EndReason::Shutdown));
}

#[test]
fn a_shutdown_ends_every_call_and_refuses_new_ones() {
    let mut world = World::new();
    let (app, _, _) = world.courier_talks();
    // One more rings at the phone, one at the app, and one waits for the store.
    world.app_calls(app, ORDER);
    let (ringing, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, ringing);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(app));
    world.ring(Who::App(app), a);
    world.pass(Duration::from_secs(1));
    world.heard.clear();
    world.app_calls(app, ORDER);
    world.pass(Duration::from_millis(21));
    world.input(Input::Shutdown);
    assert!(!world.drained, "its BYEs are on their way");
    world.pass(Duration::from_secs(1));
    assert!(world.drained);
    assert_eq!(world.core.call_count(), 0);
    assert_eq!((world.app(app).session_count(), world.carrier.session_count()), (0, 0));
    world.heard.clear();
    world.app_calls(app, ORDER);
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::SERVICE_UNAVAILABLE);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.register(app, COURIER).status, StatusCode::SERVICE_UNAVAILABLE);
    world.assert_nothing_left();
    assert!(world.store.records.iter().all(|record| record.end == Some(EndReason::Shutdown)));
}

#[test]
fn a_shutdown_does_not_wait_for_a_carrier_that_is_gone() {
    let mut world = World::new();
    world.courier_talks();
    world.carrier_is_deaf = true;
    world.input(Input::Shutdown);
    world.pass(Duration::from_secs(4));
    assert!(!world.drained);
    world.pass(Duration::from_secs(2));
    assert!(world.drained);
}
