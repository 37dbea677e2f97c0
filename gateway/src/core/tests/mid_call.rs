use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent, UaConfig};

use super::world::{APP_ANSWER, CARRIER_FLOW, COMPANY, CUSTOMER, PHONE_OFFER, Who, World, config};
use crate::core::{
    CallMedia, EndReason, GatewayEvent, Input, LegProfile, LegStats, MediaEvent, MediaFailure,
};

const HOLD: &str = "v=0\r\ns=held\r\na=sendonly\r\n";
const HOLD_BY_ADDRESS: &str = "v=0\r\ns=held\r\nc=IN IP4 0.0.0.0\r\n";
const RESUME: &str = "v=0\r\ns=back\r\na=sendrecv\r\n";
const UNKNOWN: &str = "v=0\r\ns=unknown\r\n";

/// The far side takes an offer of ours, which is what it expects.
fn takes_offer(world: &mut World, who: Who, session: doorstep_sip::ua::SessionId, has: &str) {
    let SessionEvent::Offer { sdp: Some(offer) } = world.session_event(who) else { panic!("no offer") };
    assert!(String::from_utf8_lossy(&offer).contains(has), "{offer:?}");
    let now = world.now;
    let answer = if has == "sendonly" { "v=0\r\na=recvonly\r\n" } else { RESUME };
    world.ua(who).accept_offer(now, session, Bytes::from_static(answer.as_bytes())).unwrap();
}

fn offers(world: &mut World, who: Who, session: doorstep_sip::ua::SessionId, sdp: &'static str) {
    let now = world.now;
    world.ua(who).reoffer(now, session, Bytes::from_static(sdp.as_bytes())).unwrap();
}

#[test]
fn hold_and_resume_cross_in_both_directions() {
    for (holds_first, sdp) in [(true, HOLD), (false, HOLD), (false, HOLD_BY_ADDRESS)] {
        let mut world = World::new();
        let (app, a, b) = world.courier_talks();
        let (holder, held) = match holds_first {
            true => ((Who::App(app), a), (Who::Carrier, b)),
            false => ((Who::Carrier, b), (Who::App(app), a)),
        };
        offers(&mut world, holder.0, holder.1, sdp);
        let SessionEvent::OfferAnswered { sdp: Some(answer) } = world.session_event(holder.0) else {
            panic!()
        };
        assert!(String::from_utf8_lossy(&answer).contains("s=answer"));
        takes_offer(&mut world, held.0, held.1, "sendonly");
        world.pass(Duration::from_secs(1));
        assert_eq!(world.media.legs.values().filter(|leg| leg.held).count(), 1);

        offers(&mut world, holder.0, holder.1, RESUME);
        takes_offer(&mut world, held.0, held.1, "sendrecv");
        world.pass(Duration::from_secs(1));
        assert_eq!(world.media.legs.values().filter(|leg| leg.held).count(), 0);
        assert_eq!(world.media.talking().len(), 1);
    }
}

#[test]
fn a_hold_right_after_the_answer_still_crosses() {
    let mut world = World::new();
    let app = world.ready_app();
    let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), a, APP_ANSWER);
    assert!(matches!(world.session_event(Who::App(app)), SessionEvent::Confirmed { .. }));
    // The customer has not acknowledged its 200 when the app holds.
    offers(&mut world, Who::App(app), a, HOLD);
    world.answered(Who::Carrier);
    takes_offer(&mut world, Who::Carrier, b, "sendonly");
}

#[test]
fn both_sides_may_hold_at_once() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    offers(&mut world, Who::App(app), a, HOLD);
    offers(&mut world, Who::Carrier, b, HOLD);
    // Our offers meet theirs: somebody gives way with 491 and comes again.
    for (who, session) in [(Who::App(app), a), (Who::Carrier, b)] {
        loop {
            match world.session_event(who) {
                SessionEvent::Offer { .. } => {
                    let now = world.now;
                    world.ua(who).accept_offer(now, session, Bytes::from_static(HOLD.as_bytes())).unwrap();
                    break;
                }
                SessionEvent::OfferAnswered { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    world.pass(Duration::from_secs(10));
    assert_eq!(world.media.legs.values().filter(|leg| leg.held && leg.remote_hold).count(), 2);
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}

#[test]
fn an_offer_that_cannot_be_used_is_refused_and_the_call_goes_on() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    for (who, session) in [(Who::App(app), a), (Who::Carrier, b)] {
        offers(&mut world, who, session, UNKNOWN);
        let SessionEvent::OfferRejected { status } = world.session_event(who) else { panic!() };
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE_HERE);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1);
}

#[test]
fn a_side_that_takes_no_hold_keeps_talking() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    offers(&mut world, Who::App(app), a, HOLD);
    let SessionEvent::Offer { .. } = world.session_event(Who::Carrier) else { panic!() };
    let now = world.now;
    world.carrier.reject_offer(now, b, StatusCode::NOT_ACCEPTABLE_HERE).unwrap();
    world.pass(Duration::from_secs(30));
    assert_eq!(world.count("Trunk: INVITE"), 2, "it is not asked again and again");
    assert_eq!((world.core.call_count(), world.media.talking().len()), (1, 1));
}

#[test]
fn a_re_invite_without_an_offer_gets_ours() {
    let mut world = World::new();
    let (_, _, b) = world.courier_talks();
    offers(&mut world, Who::Carrier, b, "");
    let SessionEvent::OfferAnswered { sdp: Some(offer) } = world.session_event(Who::Carrier) else {
        panic!()
    };
    assert!(String::from_utf8_lossy(&offer).contains("s=offer"));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.call_count(), 1);
}

#[test]
fn digits_by_info_cross_as_telephone_events() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    let info = |world: &mut World, who: Who, session, kind: &str, body: &'static str| {
        let mut headers = Headers::default();
        headers.push(HeaderName::ContentType, kind).unwrap();
        let now = world.now;
        world.ua(who).info(now, session, headers, Bytes::from_static(body.as_bytes())).unwrap();
        world.pass(Duration::from_secs(1));
    };
    info(&mut world, Who::App(app), a, "application/dtmf-relay", "Signal=5\r\nDuration=100\r\n");
    info(&mut world, Who::Carrier, b, "application/dtmf", "#");
    info(&mut world, Who::Carrier, b, "application/dtmf", "nonsense");
    let (edge, trunk) = (world.media.only(LegProfile::WebRtc).0, world.media.only(LegProfile::Rtp).0);
    assert_eq!(world.media.dtmf, [(trunk, '5'), (edge, '#')]);
    assert_eq!(world.count("Trunk: INFO") + world.count("Edge: INFO"), 0, "no message crosses");
}

#[test]
fn talking_ends_at_its_limit() {
    let mut world = World::new();
    world.store.max_talk = Some(Duration::from_secs(60));
    let (app, _, _) = world.courier_talks();
    world.pass(Duration::from_secs(57));
    assert_eq!(world.core.call_count(), 1);
    world.pass(Duration::from_secs(3));
    for who in [Who::App(app), Who::Carrier] {
        let EndCause::Remote { reasons } = world.ended(who) else { panic!() };
        assert_eq!(reasons, ["X-Doorstep;text=\"talk_limit\""], "both may know why");
    }
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::TalkLimit));
}

#[test]
fn a_phone_that_vanished_is_noticed_by_the_session_timer() {
    let mut config = config();
    config.session_expires = Some(Duration::from_secs(90));
    config.limits.talk = Duration::from_secs(7000);
    let mut world = World::with(config, 1);
    let (app, _, _) = world.courier_talks();
    world.pass(Duration::from_secs(600));
    assert_eq!(world.core.call_count(), 1, "refreshed");
    world.carrier_is_deaf = true;
    let now = world.now;
    world.carrier.flow_closed(now, CARRIER_FLOW);
    world.pass(Duration::from_secs(120));
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    assert_eq!(world.record().end, Some(EndReason::Lost));
    assert_eq!((world.core.call_count(), world.media.open()), (0, 0));
}

#[test]
fn an_app_without_session_timers_is_served_as_well() {
    let mut world = World::new();
    world.app_config = UaConfig { session_expires: None, ..UaConfig::default() };
    let (app, a, _) = world.courier_talks();
    world.pass(Duration::from_secs(3000));
    assert_eq!(world.core.call_count(), 1);
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}

#[test]
fn broken_media_end_a_call_at_the_phone_at_once_and_at_the_app_after_a_while() {
    let mut world = World::new();
    world.courier_talks();
    let (leg, _) = world.media.only(LegProfile::Rtp);
    world.input(Input::Media(MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport }));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.call_count(), 0);

    let mut world = World::new();
    world.courier_talks();
    let (leg, _) = world.media.only(LegProfile::WebRtc);
    let broken = MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport };
    world.input(Input::Media(broken.clone()));
    world.pass(Duration::from_secs(25));
    world.input(Input::Media(MediaEvent::Connected { leg }));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.core.call_count(), 1, "the app found another network");
    world.input(Input::Media(broken));
    world.pass(Duration::from_secs(31));
    assert_eq!(world.core.call_count(), 0);
    world.assert_nothing_left();
}

#[test]
fn the_record_tells_what_the_media_of_each_side_carried() {
    let leg = LegStats {
        packets_received: 500,
        packets_lost: 7,
        packets_sent: 490,
        jitter_ms: 3.5,
        round_trip_ms: Some(40.0),
    };
    for told in [true, false] {
        let mut world = World::new();
        world.media.stats = leg;
        world.media.uncounted = !told;
        let (app, a, _) = world.courier_talks();
        world.end(Who::App(app), a);
        world.assert_nothing_left();
        let media =
            if told { CallMedia { courier: Some(leg), phone: Some(leg) } } else { CallMedia::default() };
        assert_eq!(world.record().media, media);
        let counted = |event: &GatewayEvent| matches!(event, GatewayEvent::Counted { .. });
        assert_eq!(world.events.iter().filter(|event| counted(event)).count(), usize::from(told));
        assert_eq!(world.record().end, Some(EndReason::CourierHungUp));
    }
}

#[test]
fn several_legs_of_one_side_are_counted_together() {
    let leg = LegStats { packets_received: 10, packets_sent: 10, ..LegStats::default() };
    let mut world = World::new();
    world.media.stats = leg;
    let apps = [world.ready_app(), world.ready_app()];
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let [(one, a), _] = apps.map(|app| (app, world.invited(Who::App(app)).0));
    world.answer(Who::App(one), a, APP_ANSWER);
    world.answered(Who::Carrier);
    world.end(Who::App(one), a);
    world.assert_nothing_left();
    let CallMedia { courier, phone } = world.record().media;
    assert_eq!(courier.unwrap().packets_received, 20);
    assert_eq!(phone.unwrap().packets_received, 10);
}
