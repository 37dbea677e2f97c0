use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::EndCause;

use super::world::{
    APP_ANSWER, CENTRE, COMPANY, COURIER, CUSTOMER, LABEL, ORDER, PHONE_ANSWER, PHONE_OFFER, Who, World,
};
use crate::core::{
    Command, CourierId, DeviceId, EndReason, ErrorCode, Hidden, Input, OpId, OrderId, PushCommand,
    PushTarget, Side, WakeOutcome,
};

const SECOND: Duration = Duration::from_secs(1);
const RING: Duration = Duration::from_secs(60);

fn device(app: u32) -> DeviceId {
    DeviceId(format!("app-{app}"))
}

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
fn who_can_be_woken_outlives_its_time_and_who_cannot_does_not() {
    let mut world = World::new();
    world.closed_app(1);
    let gone = world.ready_app();
    world.cut(gone);
    let here = world.connect(COURIER);
    world.register_wakeable(here, 2);
    world.pass(SECOND * 3600);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(here));
    assert_eq!(world.wakes().len(), 1);
    world.answer(Who::App(here), a, APP_ANSWER);
    world.answered(Who::Carrier);
}

#[test]
fn push_service_knows_the_devices_that_can_be_woken() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.register_wakeable(app, 1);
    let target = PushTarget {
        provider: "apns".into(),
        param: "TEAM.app.voip".into(),
        prid: Hidden::new("token1".into()),
    };
    let put = PushCommand::PutDevice { device: device(1), courier: CourierId::new(COURIER), target };
    assert_eq!(world.pushed[0], put);
    world.register_wakeable(app, 1);
    assert_eq!((world.pushed.len(), &world.pushed[1]), (2, &put), "a refresh tells it anew");
    let plain = "<sip:app@one.invalid>;+sip.instance=\"<urn:uuid:app-1>\";reg-id=1";
    world.register_with(app, COURIER, 600, plain);
    assert_eq!(world.pushed[2..], [PushCommand::DeleteDevice { device: device(1) }], "no push data any more");
    world.closed_app(2);
    world.register_wakeable(app, 3);
    world.pushed.clear();
    let contact = format!(
        "<sip:app@app{app}.invalid;transport=ws>;expires=0;+sip.instance=\"<urn:uuid:app-3>\";reg-id=1"
    );
    world.register_with(app, COURIER, 600, &contact);
    world.pass(SECOND);
    world.register_with(app, COURIER, 0, "*");
    let deleted: Vec<_> = [3, 2].map(|app| PushCommand::DeleteDevice { device: device(app) }).into();
    assert_eq!(world.pushed, deleted);
    assert!(!world.printed.iter().any(|line| line.contains("token1")));
}

#[test]
fn a_device_without_an_instance_has_a_name_that_tells_nothing() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    let contact = "<sip:app@one.invalid;pn-provider=fcm;pn-param=p;pn-prid=t>";
    world.register_with(app, COURIER, 600, contact);
    let PushCommand::PutDevice { device, .. } = &world.pushed[0] else { panic!() };
    assert!(device.0.len() == 32 && device.0.bytes().all(|byte| byte.is_ascii_hexdigit()), "{device}");
}

#[test]
fn a_token_that_is_gone_is_not_used_again() {
    let mut world = World::new();
    world.closed_app(1);
    world.closed_app(2);
    world.input(Input::DeviceGone { courier: CourierId::new(COURIER), device: device(1) });
    world.pass(SECOND);
    let wakeable = |world: &World| -> Vec<bool> {
        world.store.bindings.iter().map(|binding| binding.push.is_some()).collect()
    };
    assert_eq!(wakeable(&world), [false, true]);
    world.input(Input::DeviceGone { courier: CourierId::new(COURIER), device: device(2) });
    world.pass(SECOND);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(world.wakes(), []);
    // Until the app says its token anew.
    world.closed_app(1);
    assert!(wakeable(&world).contains(&true));
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

#[test]
fn installations_that_are_never_heard_of_again_do_not_pile_up() {
    let mut world = World::new();
    for app in 0..25 {
        world.closed_app(app);
        world.pass(SECOND);
    }
    world.pass(SECOND);
    assert_eq!(world.store.bindings.len(), 20);
    let deleted = world.pushed.iter().filter_map(|command| match command {
        PushCommand::DeleteDevice { device } => Some(device.clone()),
        PushCommand::PutDevice { .. } | PushCommand::Wake { .. } | PushCommand::CancelWake { .. } => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(device), "the oldest go");
}
