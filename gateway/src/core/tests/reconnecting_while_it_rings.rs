use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::EndCause;

use super::world::{APP_ANSWER, COMPANY, COURIER, CUSTOMER, PHONE_OFFER, Who, World};
use crate::core::{EndReason, WakeOutcome};

const SECOND: Duration = Duration::from_secs(1);
const RING: Duration = Duration::from_secs(60);

#[test]
fn an_app_without_a_sign_of_life_is_woken_and_called_where_it_comes_back() {
    for sign in [false, true] {
        let mut world = World::new();
        let frozen = world.connect(COURIER);
        world.register_wakeable(frozen, 1);
        world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (old, _) = world.invited(Who::App(frozen));
        if sign {
            world.early(Who::App(frozen), old, APP_ANSWER);
        }
        world.pass(Duration::from_millis(1900));
        assert_eq!(world.wakes(), []);
        world.pass(Duration::from_millis(200));
        assert_eq!(world.wakes().len(), usize::from(!sign));
        if sign {
            continue;
        }
        let again = world.connect(COURIER);
        world.send_register_wakeable(again, 1);
        let (new, _) = world.invited(Who::App(again));
        // An endpoint that is called again leaves the former call.
        world.reject(Who::App(frozen), old, 480);
        world.pass(SECOND);
        world.answer(Who::App(again), new, APP_ANSWER);
        world.answered(Who::Carrier);
        assert_eq!((world.wakes().len(), world.media.open()), (1, 2));
        world.end(Who::App(again), new);
        world.assert_nothing_left();
    }
}

#[test]
fn a_woken_app_may_still_answer_on_the_connection_that_it_had() {
    let mut world = World::new();
    let frozen = world.connect(COURIER);
    world.register_wakeable(frozen, 1);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (old, _) = world.invited(Who::App(frozen));
    world.pass(SECOND * 3);
    let again = world.connect(COURIER);
    world.send_register_wakeable(again, 1);
    world.invited(Who::App(again));
    world.answer(Who::App(frozen), old, APP_ANSWER);
    world.answered(Who::Carrier);
    assert!(matches!(world.ended(Who::App(again)), EndCause::Remote { .. }));
    world.pass(SECOND);
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    world.end(Who::App(frozen), old);
    world.assert_nothing_left();
}

#[test]
fn a_connection_that_ends_while_it_rings_is_no_refusal() {
    for wakeable in [false, true] {
        let mut world = World::new();
        let app = world.connect(COURIER);
        if wakeable {
            world.register_wakeable(app, 1)
        } else {
            world.register(app, COURIER)
        };
        world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (a, invite) = world.invited(Who::App(app));
        world.ring(Who::App(app), a);
        assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
        world.cut(app);
        world.pass(SECOND * 5);
        assert_eq!(world.core.call_count(), 1);
        assert_eq!(world.wakes().len(), usize::from(wakeable), "who can be woken is");
        if wakeable {
            world.wake_went(WakeOutcome::Unavailable);
            assert_eq!(world.core.call_count(), 1, "it may come back by itself");
        }
        let again = world.reconnect(app, COURIER);
        let contact = if wakeable { "urn:uuid:app-1".to_owned() } else { format!("urn:uuid:{app}") };
        let contact = format!("<sip:app@new.invalid;transport=ws>;+sip.instance=\"<{contact}>\";reg-id=1");
        world.register_with(again, COURIER, 600, &contact);
        let (a, same) = world.invited(Who::App(again));
        assert_eq!(invite.headers.call_id(), same.headers.call_id());
        // A refresh on the same connection is no further call.
        world.register_with(again, COURIER, 600, &contact);
        world.pass(SECOND);
        assert_eq!(world.count("Edge: INVITE"), 2);
        world.answer(Who::App(again), a, APP_ANSWER);
        world.answered(Who::Carrier);
        world.end(Who::App(again), a);
        world.assert_nothing_left();
    }
}

#[test]
fn a_connection_that_stays_away_while_it_rings_ends_with_the_ring_time() {
    let mut world = World::new();
    let app = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.invited(Who::App(app));
    world.cut(app);
    world.pass(RING - SECOND);
    assert_eq!(world.core.call_count(), 1);
    world.pass(SECOND * 2);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::NoAnswer));
}

#[test]
fn another_app_that_registers_while_it_rings_rings_too() {
    let mut world = World::new();
    let first = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (f, _) = world.invited(Who::App(first));
    let second = world.ready_app();
    let (s, _) = world.invited(Who::App(second));
    world.register(second, COURIER);
    world.pass(SECOND);
    assert_eq!(world.count("Edge: INVITE"), 2, "each app once");
    world.reject(Who::App(first), f, 486);
    world.register(first, COURIER);
    world.pass(SECOND);
    assert_eq!(world.count("Edge: INVITE"), 2, "who declined is left alone");
    world.answer(Who::App(second), s, APP_ANSWER);
    world.answered(Who::Carrier);
    let third = world.ready_app();
    world.pass(SECOND);
    assert_eq!(world.apps[&third].session_count(), 0);
    world.end(Who::App(second), s);
    world.assert_nothing_left();
}

#[test]
fn an_app_with_two_connections_is_called_on_the_newer_and_may_keep_the_call_on_the_older() {
    let mut world = World::new();
    let contact = |reg_id| {
        format!("<sip:app@one.invalid;transport=ws>;+sip.instance=\"<urn:uuid:both>\";reg-id={reg_id}")
    };
    let flows = [world.connect(COURIER), world.connect(COURIER)];
    for (reg_id, flow) in [(1, flows[0]), (2, flows[1])] {
        world.register_with(flow, COURIER, 600, &contact(reg_id));
    }
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(flows[1]));
    world.pass(SECOND);
    assert_eq!(world.count("Edge: INVITE"), 1, "one app, one INVITE (RFC 5626)");
    world.ring(Who::App(flows[1]), a);
    // It registers anew on the other; what it says there is that it has the call.
    world.register_with(flows[0], COURIER, 600, &contact(1));
    let (again, _) = world.invited(Who::App(flows[0]));
    world.reject(Who::App(flows[0]), again, 482);
    world.pass(SECOND);
    assert_eq!(world.core.call_count(), 1);
    world.answer(Who::App(flows[1]), a, APP_ANSWER);
    world.answered(Who::Carrier);
    world.pass(SECOND);
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    world.end(Who::App(flows[1]), a);
    world.assert_nothing_left();
}

#[test]
fn who_is_busy_on_the_new_connection_is_not_rung_on_the_old_one() {
    let mut world = World::new();
    let old = world.connect(COURIER);
    world.register_wakeable(old, 1);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (o, _) = world.invited(Who::App(old));
    world.ring(Who::App(old), o);
    let new = world.connect(COURIER);
    world.send_register_wakeable(new, 1);
    let (n, _) = world.invited(Who::App(new));
    world.reject(Who::App(new), n, 486);
    assert!(matches!(world.ended(Who::App(old)), EndCause::Remote { .. }));
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    world.assert_nothing_left();
}
