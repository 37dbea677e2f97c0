use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::EndCause;

use super::world::{
    APP_ANSWER, CENTRE, COMPANY, COURIER, CUSTOMER, LABEL, ORDER, PHONE_ANSWER, PHONE_OFFER, Who, World,
};
use crate::core::{
    Command, CourierId, EndReason, ErrorCode, Hidden, Input, OpId, OrderId, PushCommand, Side, WakeOutcome,
};

const SECOND: Duration = Duration::from_secs(1);
const RING: Duration = Duration::from_secs(60);

#[test]
fn a_closed_app_is_woken_and_gets_the_call_as_soon_as_it_registers() {
    let mut world = World::new();
    world.closed_app(1);
    let called = world.now;
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(SECOND);
    let PushCommand::Wake { call, courier, order, label, expires_at } = world.pushed.last().unwrap().clone()
    else {
        panic!("{:?}", world.pushed)
    };
    assert_eq!((courier, order), (CourierId::new(COURIER), Some(OrderId(ORDER.into()))));
    assert_eq!(label, Some(Hidden::new(LABEL.into())));
    let longest = expires_at.saturating_since(called);
    assert!((RING..RING + SECOND).contains(&longest), "the wake ends with the ring time: {longest:?}");
    assert!(world.heard.is_empty(), "nothing rings yet");
    world.wake_went(WakeOutcome::Accepted);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING, "a push is on its way");

    let app = world.connect(COURIER);
    world.send_register_wakeable(app, 1);
    let sent = world.now;
    let (a, invite) = world.invited(Who::App(app));
    // There and back on the wire, and the store's 3 ms: the offer lay ready.
    assert_eq!(world.now.saturating_since(sent), Duration::from_millis(43), "no round trip more");
    assert_eq!(invite.headers.call_id(), Some(call.0.as_str()), "the push named this call");
    world.early(Who::App(app), a, APP_ANSWER);
    world.ring(Who::App(app), a);
    world.answer(Who::App(app), a, APP_ANSWER);
    world.answered(Who::Carrier);
    world.pass(SECOND);
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    assert_eq!((world.wakes().len(), world.wakes_cancelled()), (1, 1), "no device need wake any more");
    world.end(Who::Carrier, b);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
}

#[test]
fn nobody_to_be_woken_falls_back_at_once() {
    for outcome in [WakeOutcome::Unavailable, WakeOutcome::NoDevice, WakeOutcome::Failed] {
        for accepted in [false, true] {
            let mut world = World::new();
            world.closed_app(1);
            let called = world.now;
            world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
            world.pass(SECOND);
            if accepted {
                world.wake_went(WakeOutcome::Accepted);
            }
            world.wake_went(outcome);
            assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
            assert!(world.now.saturating_since(called) < SECOND * 2, "{outcome:?}");
            assert_eq!(world.record().end, Some(EndReason::Refused(ErrorCode::CourierUnreachable)));
            // One that gave no answer may have taken it all the same.
            let cancelled = usize::from(outcome == WakeOutcome::Unavailable);
            assert_eq!(world.wakes_cancelled(), cancelled, "{outcome:?}");
            world.assert_nothing_left();
        }
    }
    let mut world = World::new();
    world.store.otherwise = world.centre();
    world.closed_app(1);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(SECOND);
    world.wake_went(WakeOutcome::Unavailable);
    let (c, invite) = world.invited(Who::Carrier);
    assert_eq!(invite.uri.as_sip().unwrap().user().as_deref(), Some(CENTRE));
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    world.answered(Who::Carrier);
    world.end(Who::Carrier, c);
    world.assert_nothing_left();
}

#[test]
fn a_woken_app_that_never_comes_ends_with_the_ring_time() {
    let mut world = World::new();
    world.store.ring_time = Some(Duration::from_secs(10));
    world.closed_app(1);
    let called = world.now;
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(SECOND);
    world.wake_went(WakeOutcome::Sent);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    let rang = world.now.saturating_since(called);
    assert!((SECOND * 10..SECOND * 11).contains(&rang), "{rang:?}");
    assert_eq!((world.record().end, world.wakes_cancelled()), (Some(EndReason::NoAnswer), 1));
    // Who comes too late gets nothing.
    let app = world.connect(COURIER);
    world.register_wakeable(app, 1);
    world.pass(SECOND);
    assert_eq!(world.count("Edge: INVITE"), 0);
    world.assert_nothing_left();
}

#[test]
fn connected_and_closed_apps_ring_together_and_the_first_answer_wins() {
    let mut world = World::new();
    world.closed_app(1);
    world.closed_app(2);
    let here = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (h, invite) = world.invited(Who::App(here));
    assert_eq!(world.wakes().len(), 1, "one wake for all devices");
    let woken = world.connect(COURIER);
    world.send_register_wakeable(woken, 1);
    let (w, woken_invite) = world.invited(Who::App(woken));
    assert_eq!(invite.headers.call_id(), woken_invite.headers.call_id());
    world.ring(Who::App(here), h);
    world.answer(Who::App(woken), w, APP_ANSWER);
    world.answered(Who::Carrier);
    let EndCause::Remote { reasons } = world.ended(Who::App(here)) else { panic!() };
    assert_eq!(reasons, ["SIP;cause=200;text=\"Call completed elsewhere\""]);
    assert_eq!(world.wakes_cancelled(), 1);
    let late = world.connect(COURIER);
    world.register_wakeable(late, 2);
    world.pass(SECOND);
    assert_eq!((world.count("Edge: INVITE"), world.media.open()), (2, 2));
    world.end(Who::App(woken), w);
    world.assert_nothing_left();
}

#[test]
fn a_woken_courier_who_declines_or_is_busy_ends_the_ringing() {
    for (status, end) in
        [(603, EndReason::Declined), (486, EndReason::Refused(ErrorCode::CourierUnreachable))]
    {
        let mut world = World::new();
        world.closed_app(1);
        world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        world.pass(SECOND);
        world.wake_went(WakeOutcome::Sent);
        let app = world.connect(COURIER);
        world.send_register_wakeable(app, 1);
        let (a, _) = world.invited(Who::App(app));
        world.reject(Who::App(app), a, status);
        assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
        assert_eq!(world.record().end, Some(end));
        assert_eq!(world.wakes_cancelled(), 1);
        world.assert_nothing_left();
    }
}

#[test]
fn a_caller_who_gives_up_calls_the_wake_off() {
    for connected in [false, true] {
        let mut world = World::new();
        world.closed_app(1);
        let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        world.pass(SECOND);
        world.wake_went(WakeOutcome::Accepted);
        let app = world.connect(COURIER);
        if connected {
            world.send_register_wakeable(app, 1);
            world.invited(Who::App(app));
        }
        world.end(Who::Carrier, b);
        if connected {
            assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
        }
        world.pass(SECOND);
        assert_eq!(world.wakes_cancelled(), 1);
        // What push-service says afterwards matters to nobody.
        world.wake_went(WakeOutcome::Failed);
        world.assert_nothing_left();
        assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
    }
}

#[test]
fn click_to_call_wakes_the_courier_whoever_is_rung_first() {
    for first in [Side::Edge, Side::Trunk] {
        let mut world = World::new();
        world.closed_app(1);
        world.input(Input::Command(Command::Connect { op: OpId(7), order: OrderId(ORDER.into()), first }));
        world.pass(SECOND);
        assert!(matches!(world.done[..], [(OpId(7), Ok(_))]));
        if first == Side::Trunk {
            let (b, _) = world.invited(Who::Carrier);
            assert_eq!(world.wakes(), [], "the phone first");
            world.answer(Who::Carrier, b, PHONE_ANSWER);
            world.pass(SECOND);
        }
        let (_, expires_at) = world.wakes()[0].clone();
        assert!(expires_at.saturating_since(world.now) > RING - SECOND * 2);
        let app = world.connect(COURIER);
        world.send_register_wakeable(app, 1);
        let (a, _) = world.invited(Who::App(app));
        world.answer(Who::App(app), a, APP_ANSWER);
        if first == Side::Edge {
            let (b, _) = world.invited(Who::Carrier);
            world.answer(Who::Carrier, b, PHONE_ANSWER);
        }
        world.pass(SECOND);
        assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
        world.end(Who::App(app), a);
        world.assert_nothing_left();
    }
}

#[test]
fn a_store_that_cannot_say_who_else_there_is_leaves_those_who_are_connected() {
    let mut world = World::new();
    world.closed_app(1);
    let here = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    // The route is answered; the bindings are not.
    while world.asked < 1 {
        let end = world.now + SECOND;
        assert!(world.step(end));
    }
    world.store.up = false;
    let (a, _) = world.invited(Who::App(here));
    world.store.up = true;
    assert_eq!(world.wakes(), []);
    world.answer(Who::App(here), a, APP_ANSWER);
    world.answered(Who::Carrier);
    world.end(Who::App(here), a);
    world.assert_nothing_left();
}
