use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{APP_OFFER, COURIER, Who, World};
use crate::core::EndReason;

#[test]
fn a_call_waits_for_an_app_that_comes_back_with_an_offer() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    world.cut(app);
    assert_eq!(world.session_event(Who::App(app)), SessionEvent::FlowLost);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.media.talking().len(), 1, "media go on");
    let again = world.reconnect(app, COURIER);
    let now = world.now;
    world.app(again).move_session(a, again).unwrap();
    world.app(again).reoffer(now, a, Bytes::from_static(APP_OFFER.as_bytes())).unwrap();
    assert!(matches!(world.session_event(Who::App(again)), SessionEvent::OfferAnswered { .. }));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.core.call_count(), 1);
    world.end(Who::Carrier, b);
    assert!(matches!(world.ended(Who::App(again)), EndCause::Remote { .. }), "BYE takes the new way");
    world.assert_nothing_left();
}

#[test]
fn a_call_follows_the_same_app_that_registers_anew() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    world.cut(app);
    world.pass(Duration::from_secs(5));
    let again = world.reconnect(app, COURIER);
    world.app(again).move_session(a, again).unwrap();
    // The instance is the one that the app registered as before it called.
    let contact = format!("<sip:app@new.invalid;transport=ws>;+sip.instance=\"<urn:uuid:{app}>\";reg-id=1");
    assert_eq!(world.register_with(again, COURIER, 600, &contact).status, StatusCode::OK);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.core.call_count(), 1);
    world.end(Who::Carrier, b);
    assert!(matches!(world.ended(Who::App(again)), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn another_app_of_the_courier_does_not_take_a_lost_call() {
    let mut world = World::new();
    let (app, _, _) = world.courier_talks();
    world.cut(app);
    world.ready_app();
    world.pass(Duration::from_secs(31));
    assert_eq!(world.core.call_count(), 0);
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::Lost));
}

#[test]
fn an_app_that_stays_away_ends_the_call() {
    let mut world = World::new();
    let (app, _, _) = world.courier_talks();
    world.cut(app);
    world.pass(Duration::from_secs(29));
    assert_eq!(world.core.call_count(), 1);
    world.pass(Duration::from_secs(2));
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.assert_nothing_left();
}

#[test]
fn another_courier_cannot_speak_in_the_call() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    world.cut(app);
    // The same app, with all that it knows of the dialog, but with another courier's token.
    let thief = world.reconnect(app, "bert");
    let now = world.now;
    world.app(thief).move_session(a, thief).unwrap();
    world.app(thief).reoffer(now, a, Bytes::from_static(APP_OFFER.as_bytes())).unwrap();
    assert!(matches!(world.ended(Who::App(thief)), EndCause::Timeout), "481: there is no such call for him");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.call_count(), 1, "and his BYE ended nothing");
    world.pass(Duration::from_secs(31));
    assert_eq!(world.core.call_count(), 0);
}
