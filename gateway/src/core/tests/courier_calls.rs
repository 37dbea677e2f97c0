use std::time::Duration;

use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{
    APP_OFFER, CARRIER_HOST, COMPANY, COURIER, CUSTOMER, EDGE_HOST, ORDER, PHONE_ANSWER, PHONE_OFFER,
    TRUNK_HOST, Who, World, config, error_header,
};
use crate::core::{CallEventKind, EndReason, GatewayEvent, LegProfile};

#[test]
fn a_courier_talks_with_the_customer_and_hangs_up() {
    let mut world = World::new();
    let app = world.ready_app();
    let a = world.app_calls(app, ORDER);
    let early = world.progress(Who::App(app));
    assert_eq!(early.status, StatusCode::SESSION_PROGRESS);
    assert!(String::from_utf8_lossy(&early.body).contains("s=answer"), "the early bearer");

    let (b, invite) = world.invited(Who::Carrier);
    assert_eq!(invite.uri.to_string(), format!("sip:{CUSTOMER}@{CARRIER_HOST}"));
    let from = invite.headers.from().unwrap();
    assert_eq!(from.uri.to_string(), format!("sip:{COMPANY}@{TRUNK_HOST}"));
    assert_eq!(from.display_name, None);
    assert_eq!(invite.headers.get(&HeaderName::PAssertedIdentity), None);
    world.ring(Who::Carrier, b);
    assert_eq!(world.progress(Who::App(app)).status, StatusCode::RINGING);
    assert_eq!(world.media.talking(), [], "the courier is not heard while it rings");

    world.answer(Who::Carrier, b, PHONE_ANSWER);
    let answered = world.answered(Who::App(app));
    assert_eq!(answered.body, early.body, "the 200 repeats the answer of the 183");
    world.pass(Duration::from_secs(5));
    assert_eq!(world.media.talking().len(), 1);

    world.end(Who::App(app), a);
    let EndCause::Remote { reasons } = world.ended(Who::Carrier) else { panic!() };
    assert_eq!(reasons, ["Q.850;cause=16;text=\"Normal call clearing\""]);
    world.assert_nothing_left();
    let kinds: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            GatewayEvent::Call { kind, .. } => Some(*kind),
            GatewayEvent::Counted { .. } | GatewayEvent::Trunk { .. } => None,
        })
        .collect();
    use CallEventKind::{Answered, Ended, Ringing, Started};
    assert_eq!(kinds, [Started, Ringing, Answered, Ended]);
    let record = world.record();
    assert_eq!(record.end, Some(EndReason::CourierHungUp));
    assert_eq!(record.order.as_ref().map(|order| order.0.as_str()), Some(ORDER));
    assert!(record.started_at < record.ringing_at.unwrap());
    assert!(record.ringing_at < record.answered_at && record.answered_at < record.ended_at);
}

#[test]
fn the_customer_hangs_up() {
    let mut world = World::new();
    let (app, _, b) = world.courier_talks();
    world.end(Who::Carrier, b);
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
}

#[test]
fn early_media_of_the_carrier_is_heard_and_rings() {
    let mut world = World::new();
    let app = world.ready_app();
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.early(Who::Carrier, b, PHONE_ANSWER);
    assert_eq!(world.progress(Who::App(app)).status, StatusCode::SESSION_PROGRESS);
    assert_eq!(world.progress(Who::App(app)).status, StatusCode::RINGING);
    world.pass(Duration::from_secs(1));
    let forwarding: Vec<_> = world.media.legs.values().filter(|leg| leg.forward).collect();
    assert_eq!(forwarding.len(), 1, "the customer's side alone");
    world.answer(Who::Carrier, b, PHONE_ANSWER);
    world.answered(Who::App(app));
    assert!(matches!(world.session_event(Who::Carrier), SessionEvent::Confirmed { .. }));
    assert_eq!(world.media.talking().len(), 1);
}

#[test]
fn every_refusal_of_the_store_reaches_the_app_as_code_text_and_word() {
    let refusal = |prepare: fn(&mut World), courier: &str, order: &str| {
        let mut world = World::new();
        prepare(&mut world);
        let app = world.connect(courier);
        world.app_calls(app, order);
        let response = world.refused(Who::App(app));
        assert_eq!(world.count("Trunk: INVITE"), 0);
        world.assert_nothing_left();
        assert_eq!(world.store.records.len(), 0, "what was not allowed is no call");
        response
    };
    let nothing: fn(&mut World) = |_| {};
    let cases = [
        (refusal(nothing, "bert", ORDER), 403, "not_your_order"),
        (refusal(nothing, COURIER, "4712"), 404, "no_such_order"),
        (refusal(|world| world.store.open = false, COURIER, ORDER), 410, "order_closed"),
        (refusal(|world| world.store.up = false, COURIER, ORDER), 503, "unavailable"),
    ];
    for (response, status, word) in cases {
        assert_eq!(response.status.code(), status);
        assert_eq!(response.headers.get(&error_header()), Some(word));
        let reason = response.headers.get(&HeaderName::Reason).unwrap();
        assert!(reason.starts_with(&format!("SIP;cause={status};text=\"")), "{reason}");
        assert!(reason.len() > 25, "a person can read it: {reason}");
    }
}

#[test]
fn what_is_no_order_or_has_no_offer_is_refused_without_a_question() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.app_calls_with(app, ORDER, "");
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::NOT_ACCEPTABLE_HERE);
    world.invite_uri(app, &format!("sip:%2b4930901820@{EDGE_HOST}"), APP_OFFER);
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::NOT_FOUND);
    world.invite_uri(app, &format!("sip:order.@{EDGE_HOST}"), APP_OFFER);
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::NOT_FOUND);
    assert_eq!(world.asked, 0);
    world.assert_nothing_left();
}

#[test]
fn an_offer_without_a_known_codec_is_refused_with_488() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.slow_media = Some(LegProfile::WebRtc);
    world.app_calls_with(app, ORDER, "v=0\r\ns=unknown\r\n");
    let response = world.refused(Who::App(app));
    assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE_HERE);
    assert_eq!(response.headers.get(&error_header()), Some("no_common_codec"));
    world.assert_nothing_left();
    assert_eq!(world.count("Trunk: INVITE"), 0, "no phone rings");
}

#[test]
fn a_carriers_refusal_reaches_the_courier_as_our_own() {
    for (status, told, word) in [
        (486, 486, "customer_busy"),
        (600, 486, "customer_busy"),
        (404, 480, "customer_unreachable"),
        (480, 480, "customer_unreachable"),
        (603, 480, "customer_unreachable"),
        (488, 488, "no_common_codec"),
        (503, 503, "trunk_down"),
        (403, 503, "trunk_down"),
        (302, 480, "customer_unreachable"),
    ] {
        let mut world = World::new();
        let app = world.connect(COURIER);
        world.app_calls(app, ORDER);
        let (b, _) = world.invited(Who::Carrier);
        world.reject(Who::Carrier, b, status);
        let response = world.refused(Who::App(app));
        assert_eq!(response.status.code(), told, "{status}");
        assert_eq!(response.headers.get(&error_header()), Some(word), "{status}");
        world.assert_nothing_left();
        let code = world.record().end;
        assert!(matches!(code, Some(EndReason::Refused(code)) if code.as_str() == word), "{code:?}");
    }
}

#[test]
fn a_customer_who_does_not_answer_is_unreachable_after_the_ring_time() {
    let mut world = World::new();
    world.store.ring_time = Some(Duration::from_secs(10));
    let app = world.connect(COURIER);
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, b);
    let start = world.now;
    let response = world.refused(Who::App(app));
    assert_eq!(response.status, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert!(world.now.saturating_since(start) < Duration::from_secs(11));
    let EndCause::Remote { reasons } = world.ended(Who::Carrier) else { panic!("not cancelled") };
    assert_eq!(reasons, ["Q.850;cause=19;text=\"No answer\""]);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::NoAnswer));
}

#[test]
fn a_phone_that_answers_with_nothing_known_ends_the_call() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.answer(Who::Carrier, b, "v=0\r\ns=unknown\r\n");
    world.ended(Who::Carrier);
    world.ended(Who::App(app));
    world.assert_nothing_left();
}

#[test]
fn a_courier_who_gives_up_cancels_the_phone() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    let a = world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, b);
    while world.progress(Who::App(app)).status != StatusCode::RINGING {}
    world.end(Who::App(app), a);
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    assert_eq!(world.count("Trunk: CANCEL"), 1);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::CourierHungUp));
}

#[test]
fn a_courier_who_gives_up_at_any_moment_leaves_nothing_behind() {
    for ms in 0..120 {
        let mut world = World::new();
        let app = world.connect(COURIER);
        let a = world.app_calls(app, ORDER);
        world.answers_at_once = true;
        world.pass(Duration::from_millis(ms));
        // The 200 of the phone may be anywhere on its way.
        world.end(Who::App(app), a);
        world.assert_nothing_left();
        assert_eq!(world.carrier.session_count(), 0, "{ms}");
        assert_eq!(world.app(app).session_count(), 0, "{ms}");
        for record in &world.store.records {
            assert_eq!(record.end, Some(EndReason::CourierHungUp), "{ms}");
        }
    }
}

#[test]
fn an_app_that_loses_its_connection_while_it_rings_ends_its_call() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, b);
    world.pass(Duration::from_secs(1));
    world.cut(app);
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn calls_are_limited_per_courier_and_in_all() {
    let mut config = config();
    config.limits.calls_per_courier = 1;
    config.limits.calls = 2;
    let mut world = World::with(config, 1);
    let app = world.connect(COURIER);
    // The first waits for the store when the second comes.
    world.app_calls(app, ORDER);
    world.app_calls(app, ORDER);
    let response = world.refused(Who::App(app));
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers.get(&error_header()), Some("too_many_calls"));
    world.invited(Who::Carrier);
    // A customer's call counts as well, though the courier has no call left for it.
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    world.phone_calls("030555555", COMPANY, PHONE_OFFER);
    world.phone_calls("030555555", COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::SERVICE_UNAVAILABLE, "the gateway is full");
}

#[test]
fn a_full_media_plane_is_503_and_leaves_nothing() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.media.exhausted = true;
    world.app_calls(app, ORDER);
    let response = world.refused(Who::App(app));
    assert_eq!(response.headers.get(&error_header()), Some("unavailable"));
    world.assert_nothing_left();
}

#[test]
fn an_app_cannot_take_over_another_couriers_call() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    let replaces = world.app(app).replaces_value(a).unwrap();
    let other = world.connect("bert");
    let mut headers = Headers::default();
    headers.push(HeaderName::Replaces, replaces).unwrap();
    world.invite_with(other, &format!("sip:order.{ORDER}@{EDGE_HOST}"), APP_OFFER, headers);
    assert_eq!(world.refused(Who::App(other)).status, StatusCode::FORBIDDEN);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1, "the call goes on");
}

#[test]
fn a_slow_description_for_the_courier_only_delays_the_call() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.slow_media = Some(LegProfile::WebRtc);
    world.app_calls(app, ORDER);
    world.pass(Duration::from_millis(500));
    assert_eq!(
        (world.count("Edge: SIP/2.0 1"), world.count("Trunk: INVITE")),
        (1, 0),
        "100 and nothing else"
    );
    let (b, _) = world.invited(Who::Carrier);
    world.answer(Who::Carrier, b, PHONE_ANSWER);
    let answered = world.answered(Who::App(app));
    assert!(String::from_utf8_lossy(&answered.body).contains("s=answer"));
    assert_eq!(world.media.talking().len(), 1);
}

#[test]
fn a_courier_takes_a_call_over_to_another_app() {
    for (offer, taken) in [(APP_OFFER, true), ("v=0\r\ns=unknown\r\n", false), ("", false)] {
        let mut world = World::new();
        let (app, a, b) = world.courier_talks();
        let other = world.connect(COURIER);
        let mut headers = Headers::default();
        let replaces = world.app(app).replaces_value(a).unwrap();
        headers.push(HeaderName::Replaces, replaces).unwrap();
        let o = world.invite_with(other, &format!("sip:order.{ORDER}@{EDGE_HOST}"), offer, headers);
        if taken {
            world.answered(Who::App(other));
            let EndCause::Remote { reasons } = world.ended(Who::App(app)) else { panic!() };
            assert_eq!(reasons, ["SIP;cause=200;text=\"Call completed elsewhere\""]);
        } else {
            assert_eq!(world.refused(Who::App(other)).status, StatusCode::NOT_ACCEPTABLE_HERE);
        }
        world.pass(Duration::from_secs(1));
        assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
        assert_eq!(world.asked, 1, "it is the same call");
        if taken {
            world.end(Who::App(other), o)
        } else {
            world.end(Who::Carrier, b)
        }
        world.assert_nothing_left();
        let by = if taken { EndReason::CourierHungUp } else { EndReason::CustomerHungUp };
        assert_eq!(world.record().end, Some(by));
    }
}
