use std::collections::BTreeSet;
use std::time::Duration;

use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{
    APP_ANSWER, CENTRE, COMPANY, COURIER, CUSTOMER, EDGE_HOST, LABEL, ORDER, PHONE_ANSWER, PHONE_OFFER, Who,
    World, config,
};
use crate::core::{Direction, EndReason, ErrorCode, LegProfile};

#[test]
fn a_customer_calls_back_and_the_courier_answers() {
    let mut world = World::new();
    let app = world.ready_app();
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, invite) = world.invited(Who::App(app));
    let from = invite.headers.from().unwrap();
    assert_eq!(from.display_name.as_deref(), Some(LABEL));
    assert_eq!(from.uri.to_string(), format!("sip:order.{ORDER}@{EDGE_HOST}"));
    assert_eq!(invite.headers.get(&"X-Doorstep-Label".parse().unwrap()), Some(LABEL));
    assert_eq!(invite.headers.to().unwrap().uri.to_string(), format!("sip:{COURIER}@{EDGE_HOST}"));
    world.early(Who::App(app), a, APP_ANSWER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard.len(), 0, "nothing rings yet");
    world.ring(Who::App(app), a);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    assert_eq!(world.media.talking(), []);
    world.answer(Who::App(app), a, APP_ANSWER);
    let answered = world.answered(Who::Carrier);
    assert!(String::from_utf8_lossy(&answered.body).contains("s=answer"));
    assert!(matches!(world.session_event(Who::App(app)), SessionEvent::Confirmed { .. }));
    assert_eq!(world.media.talking().len(), 1);
    world.end(Who::Carrier, b);
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    world.assert_nothing_left();
    let record = world.record();
    assert_eq!(
        (record.direction, record.end),
        (Direction::CustomerToCourier, Some(EndReason::CustomerHungUp))
    );
    assert_eq!(invite.headers.call_id(), Some(record.id.0.as_str()), "the call's id is the apps' Call-ID");
}

#[test]
fn all_apps_ring_at_once_and_the_first_answer_wins() {
    let mut world = World::new();
    let apps = [world.ready_app(), world.ready_app(), world.ready_app()];
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let invites = apps.map(|app| (app, world.invited(Who::App(app))));
    let call_ids: BTreeSet<_> = invites.iter().map(|(_, (_, invite))| invite.headers.call_id()).collect();
    assert_eq!(call_ids.len(), 1, "one call, one Call-ID");
    let sessions = invites.map(|(app, (session, _))| (app, session));
    for (app, session) in sessions {
        world.early(Who::App(app), session, APP_ANSWER);
        world.ring(Who::App(app), session);
    }
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    let (winner, session) = sessions[1];
    world.answer(Who::App(winner), session, APP_ANSWER);
    world.answered(Who::Carrier);
    for (app, _) in [sessions[0], sessions[2]] {
        let EndCause::Remote { reasons } = world.ended(Who::App(app)) else { panic!() };
        assert_eq!(reasons, ["SIP;cause=200;text=\"Call completed elsewhere\""]);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    world.end(Who::App(winner), session);
    world.ended(Who::Carrier);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::CourierHungUp));
}

#[test]
fn two_apps_that_answer_at_once_do_not_both_get_the_call() {
    let mut world = World::new();
    let apps = [world.ready_app(), world.ready_app()];
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    for app in apps {
        let (session, _) = world.invited(Who::App(app));
        world.answer(Who::App(app), session, APP_ANSWER);
    }
    world.answered(Who::Carrier);
    world.pass(Duration::from_secs(1));
    let left: usize = apps.iter().map(|app| world.apps[app].session_count()).sum();
    assert_eq!((left, world.media.open()), (1, 2));
}

#[test]
fn without_an_app_the_customer_hears_480_or_the_contact_centre() {
    let mut world = World::new();
    let off = world.ready_app();
    world.cut(off);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(world.record().end, Some(EndReason::Refused(ErrorCode::CourierUnreachable)));
    assert_eq!(world.media.legs.len(), 0, "no media for a call that is refused at once");

    world.store.otherwise = world.centre();
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (c, invite) = world.invited(Who::Carrier);
    assert_eq!(invite.uri.as_sip().unwrap().user().as_deref(), Some(CENTRE));
    assert_eq!(invite.headers.from().unwrap().uri.as_sip().unwrap().user().as_deref(), Some(COMPANY));
    world.ring(Who::Carrier, c);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    world.answered(Who::Carrier);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1);
    world.end(Who::Carrier, b);
    world.assert_nothing_left();
    assert_eq!(world.carrier.session_count(), 0);
}

#[test]
fn strangers_and_callers_without_a_number_get_the_policy() {
    for caller in ["anonymous", "+4930555555", "nonsense"] {
        let mut world = World::new();
        world.ready_app();
        world.phone_calls(caller, COMPANY, PHONE_OFFER);
        assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE, "{caller}");
        assert_eq!(world.count("Edge: INVITE"), 0);
        assert_eq!(world.record().order, None);
    }
    let mut world = World::new();
    world.phone_calls(CUSTOMER, "doorstep", PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::NOT_FOUND, "no number was called");
    world.assert_nothing_left();
}

#[test]
fn numbers_in_national_form_and_asserted_identities_find_the_order() {
    let mut config = config();
    config.carriers[0].trust_asserted_identity = true;
    let mut world = World::with(config, 1);
    let app = world.ready_app();
    world.phone_calls("030901820", "03022220000", PHONE_OFFER);
    world.invited(Who::App(app));
    let mut headers = Headers::default();
    headers.push(HeaderName::PAssertedIdentity, format!("<tel:{CUSTOMER}>")).unwrap();
    headers.push(HeaderName::Privacy, "id").unwrap();
    world.phone_calls_with("anonymous", COMPANY, PHONE_OFFER, headers);
    world.invited(Who::App(app));
}

#[test]
fn a_courier_who_declines_on_one_app_declines_on_all() {
    let mut world = World::new();
    world.store.otherwise = world.centre();
    let apps = [world.ready_app(), world.ready_app()];
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let [one, other] = apps.map(|app| (app, world.invited(Who::App(app)).0));
    world.ring(Who::App(other.0), other.1);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    world.reject(Who::App(one.0), one.1, 603);
    let EndCause::Remote { reasons } = world.ended(Who::App(other.0)) else { panic!() };
    assert_eq!(reasons, ["SIP;cause=603;text=\"Declined\""]);
    let (c, _) = world.invited(Who::Carrier);
    world.reject(Who::Carrier, c, 486);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    world.assert_nothing_left();
}

#[test]
fn an_app_that_is_busy_leaves_the_call_to_the_others() {
    let mut world = World::new();
    let apps = [world.ready_app(), world.ready_app()];
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let [one, other] = apps.map(|app| (app, world.invited(Who::App(app)).0));
    world.reject(Who::App(one.0), one.1, 486);
    world.pass(Duration::from_secs(1));
    world.answer(Who::App(other.0), other.1, APP_ANSWER);
    world.answered(Who::Carrier);
}

#[test]
fn nobody_answers_in_the_ring_time() {
    let mut world = World::new();
    world.store.ring_time = Some(Duration::from_secs(10));
    let app = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(app));
    world.ring(Who::App(app), a);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::NoAnswer));
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing_everywhere() {
    let mut world = World::new();
    let apps = [world.ready_app(), world.ready_app()];
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    for app in apps {
        let (session, _) = world.invited(Who::App(app));
        world.ring(Who::App(app), session);
    }
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    world.end(Who::Carrier, b);
    for app in apps {
        assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    }
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
}

#[test]
fn a_caller_who_gives_up_at_any_moment_leaves_nothing_behind() {
    for ms in 0..120 {
        let mut world = World::new();
        let app = world.ready_app();
        world.apps_answer_at_once = true;
        let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        world.pass(Duration::from_millis(ms));
        world.end(Who::Carrier, b);
        world.assert_nothing_left();
        assert_eq!((world.carrier.session_count(), world.app(app).session_count()), (0, 0), "{ms}");
    }
}

#[test]
fn an_invite_without_an_offer_gets_ours_in_the_200() {
    let mut world = World::new();
    let app = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, "");
    let (a, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), a, APP_ANSWER);
    // This user agent acknowledges at once and without an answer: that is no call.
    let answered = world.answered(Who::Carrier);
    assert!(String::from_utf8_lossy(&answered.body).contains("s=offer"));
    world.ended(Who::Carrier);
    world.ended(Who::App(app));
    world.assert_nothing_left();

    let mut world = World::new();
    let app = world.ready_app();
    let phone = world.raw_offerless_invite();
    let (a, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), a, APP_ANSWER);
    world.raw_acknowledge(&phone, PHONE_ANSWER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1);
    assert!(world.media.legs.values().all(|leg| leg.answered), "both answers were applied");
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}

#[test]
fn a_caller_whose_codecs_nobody_knows_gets_488_and_nobody_rings() {
    let unknown = "v=0\r\ns=unknown\r\n";
    let mut world = World::new();
    let app = world.ready_app();
    world.slow_media = Some(LegProfile::Rtp);
    world.phone_calls(CUSTOMER, COMPANY, unknown);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::NOT_ACCEPTABLE_HERE);
    world.assert_nothing_left();
    assert_eq!(world.count("Edge: INVITE"), 0);
    assert_eq!(world.app(app).session_count(), 0);

    let mut world = World::new();
    world.closed_app(1);
    world.phone_calls(CUSTOMER, COMPANY, unknown);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::NOT_ACCEPTABLE_HERE);
    world.assert_nothing_left();
    assert!(world.wakes().is_empty() && world.wakes_cancelled() == 0, "nobody is woken, nor called off");

    let mut world = World::new();
    world.store.otherwise = world.centre();
    world.phone_calls(CUSTOMER, COMPANY, unknown);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::NOT_ACCEPTABLE_HERE);
    world.assert_nothing_left();
    assert_eq!(world.count("Trunk: INVITE"), 0, "nor is the contact centre called");
}

#[test]
fn a_caller_who_gives_up_before_our_own_description_is_there_rings_nobody() {
    let mut world = World::new();
    world.ready_app();
    world.slow_media = Some(LegProfile::Rtp);
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(Duration::from_millis(500));
    world.end(Who::Carrier, b);
    world.assert_nothing_left();
    assert_eq!(world.count("Edge: INVITE"), 0);
}

#[test]
fn a_store_without_an_answer_is_503_to_the_carrier_and_ends_no_running_call() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    world.store.up = false;
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::SERVICE_UNAVAILABLE);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.media.talking().len(), 1);
    world.end(Who::App(app), a);
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.pass(Duration::from_secs(60));
    assert_eq!((world.core.call_count(), world.media.open()), (0, 0));
}

#[test]
fn a_slow_description_for_the_caller_only_delays_the_ringing() {
    let mut world = World::new();
    let app = world.ready_app();
    world.slow_media = Some(LegProfile::Rtp);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(Duration::from_millis(500));
    assert_eq!(world.count("Edge: INVITE"), 0);
    let (a, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), a, APP_ANSWER);
    world.answered(Who::Carrier);
    assert_eq!(world.media.talking().len(), 1);
}
