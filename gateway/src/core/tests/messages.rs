use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{APP_ANSWER, CENTRE, COMPANY, CUSTOMER, PHONE_ANSWER, PHONE_OFFER, Who, World};
use crate::core::{ClipId, EndReason, ErrorCode, Fallback, Input, LegProfile, MediaEvent, MediaFailure};

const SECOND: Duration = Duration::from_secs(1);
const CLIP: ClipId = ClipId(3);

/// Nobody is there; the caller hears a message, and the contact centre if there is one.
fn world(centre: bool) -> World {
    let mut world = World::new();
    world.store.otherwise = match (world.centre(), centre) {
        (Fallback::ContactCentre { number, caller_id, .. }, true) => {
            Fallback::ContactCentre { number, caller_id, message: Some(CLIP) }
        }
        _ => Fallback::Message { clip: CLIP },
    };
    world
}

fn played(world: &mut World) {
    let (leg, clip) = *world.media.played.last().unwrap();
    assert_eq!(clip, CLIP);
    world.input(Input::Media(MediaEvent::Played { leg }));
}

#[test]
fn a_caller_who_reaches_nobody_hears_a_message_and_the_call_ends() {
    let mut world = world(false);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let answered = world.answered(Who::Carrier);
    assert!(String::from_utf8_lossy(&answered.body).contains("s=answer"));
    world.pass(SECOND * 5);
    assert_eq!((world.media.played.len(), world.core.call_count()), (1, 1), "it is heard to its end");
    played(&mut world);
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.assert_nothing_left();
    let record = world.record();
    assert_eq!(record.answered_at, None, "nobody answered");
    assert_eq!(record.end, Some(EndReason::Refused(ErrorCode::CourierUnreachable)));
}

#[test]
fn the_contact_centre_is_called_while_the_message_is_heard_and_joined_after_it() {
    for early_answer in [true, false] {
        let mut world = world(true);
        let app = world.ready_app();
        world.store.ring_time = Some(SECOND * 10);
        let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (a, _) = world.invited(Who::App(app));
        world.ring(Who::App(app), a);
        assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
        world.pass(SECOND * 10);
        let (c, invite) = world.invited(Who::Carrier);
        assert_eq!(invite.uri.as_sip().unwrap().user().as_deref(), Some(CENTRE));
        world.answered(Who::Carrier);
        assert_eq!(world.media.played.len(), 1);
        if early_answer {
            world.answer(Who::Carrier, c, PHONE_ANSWER);
        }
        // The message may be longer than anybody may ring.
        world.pass(SECOND * 15);
        assert_eq!(world.media.talking(), [], "nobody speaks into the message");
        played(&mut world);
        if !early_answer {
            world.pass(SECOND * 8);
            world.answer(Who::Carrier, c, PHONE_ANSWER);
        }
        world.pass(SECOND);
        assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
        world.end(Who::Carrier, b);
        world.assert_nothing_left();
        assert_eq!(world.carrier.session_count(), 0);
        assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
        assert!(world.record().answered_at.is_some());
    }
}

#[test]
fn a_contact_centre_that_does_not_come_ends_the_call_after_the_message() {
    for refuses in [true, false] {
        let mut world = world(true);
        world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (c, _) = world.invited(Who::Carrier);
        world.answered(Who::Carrier);
        if refuses {
            world.reject(Who::Carrier, c, 486);
        }
        world.pass(SECOND * 5);
        assert_eq!(world.core.call_count(), 1, "the message is heard to its end");
        played(&mut world);
        if !refuses {
            world.pass(SECOND * 59);
            assert_eq!(world.core.call_count(), 1, "and the contact centre has its ring time then");
            world.pass(SECOND * 2);
        }
        assert_eq!(world.core.call_count(), 0);
        world.assert_nothing_left();
        assert_eq!(world.carrier.session_count(), 0);
    }
}

#[test]
fn what_the_contact_centres_network_says_is_heard_after_the_message() {
    for before_the_end in [true, false] {
        let mut world = world(true);
        world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (c, _) = world.invited(Who::Carrier);
        world.answered(Who::Carrier);
        if before_the_end {
            world.early(Who::Carrier, c, PHONE_ANSWER);
            world.pass(SECOND);
            assert!(world.media.legs.values().all(|leg| leg.joined.is_none()));
        }
        played(&mut world);
        if !before_the_end {
            world.early(Who::Carrier, c, PHONE_ANSWER);
        }
        world.pass(SECOND);
        let (customer, _) = world.media.played[0];
        assert!(world.media.legs[&customer].joined.is_some());
        assert_eq!(world.media.talking(), [], "in one direction");
        world.answer(Who::Carrier, c, PHONE_ANSWER);
        world.pass(SECOND);
        assert_eq!(world.media.talking().len(), 1);
        world.end(Who::Carrier, c);
        world.assert_nothing_left();
        assert_eq!(world.record().end, Some(EndReason::CompanyHungUp));
    }
}

#[test]
fn a_caller_may_hang_up_during_the_message() {
    for answered in [false, true] {
        let mut world = world(true);
        let b = world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
        let (c, _) = world.invited(Who::Carrier);
        world.answered(Who::Carrier);
        if answered {
            world.answer(Who::Carrier, c, PHONE_ANSWER);
            world.pass(SECOND);
        }
        world.end(Who::Carrier, b);
        world.assert_nothing_left();
        assert_eq!(world.carrier.session_count(), 0);
        assert_eq!(world.record().end, Some(EndReason::CustomerHungUp));
    }
}

#[test]
fn a_contact_centre_that_hangs_up_during_the_message_changes_nothing_of_it() {
    let mut world = world(true);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (c, _) = world.invited(Who::Carrier);
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    world.answered(Who::Carrier);
    world.pass(SECOND);
    world.end(Who::Carrier, c);
    world.pass(SECOND);
    assert_eq!(world.core.call_count(), 1);
    played(&mut world);
    world.assert_nothing_left();
    assert_eq!(world.carrier.session_count(), 0);
}

#[test]
fn an_invite_without_an_offer_hears_the_message_once_it_has_answered_ours() {
    let mut world = world(false);
    let phone = world.raw_offerless_invite();
    world.pass(Duration::from_millis(100));
    assert_eq!(world.media.played, []);
    world.raw_acknowledge(&phone, PHONE_ANSWER);
    assert_eq!(world.media.played.len(), 1);
    assert!(world.media.only(LegProfile::Rtp).1.answered);
    played(&mut world);
    world.assert_nothing_left();
}

#[test]
fn a_message_that_never_ends_and_media_that_fail_end_the_call() {
    let mut world = world(false);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.answered(Who::Carrier);
    world.pass(SECOND * 181);
    assert_eq!(world.core.call_count(), 0);
    world.assert_nothing_left();

    let mut world = self::world(false);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.answered(Who::Carrier);
    let (leg, _) = world.media.played[0];
    world.input(Input::Media(MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport }));
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }), "with BYE");
    world.assert_nothing_left();
    assert_eq!(world.record().end, Some(EndReason::Lost));
}

#[test]
fn a_gateway_that_stops_hangs_up_on_who_hears_a_message() {
    let mut world = world(true);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.answered(Who::Carrier);
    world.input(Input::Shutdown);
    assert!(matches!(world.ended(Who::Carrier), EndCause::Remote { .. }));
    world.pass(SECOND * 40);
    assert_eq!((world.core.call_count(), world.core.open_count()), (0, 0));
    assert_eq!(world.carrier.session_count(), 0);
}

#[test]
fn the_contact_centres_network_is_heard_before_the_answer_without_a_message_too() {
    let mut world = World::new();
    world.store.otherwise = world.centre();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (c, _) = world.invited(Who::Carrier);
    world.early(Who::Carrier, c, PHONE_ANSWER);
    assert_eq!(world.progress(Who::Carrier).status, StatusCode::RINGING);
    let early = world.progress(Who::Carrier);
    assert_eq!(early.status, StatusCode::SESSION_PROGRESS);
    assert!(String::from_utf8_lossy(&early.body).contains("s=answer"));
    let sending = world.media.legs.values().filter(|leg| leg.forward && leg.joined.is_some()).count();
    assert_eq!(sending, 1, "the customer is heard by nobody yet");
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    let answered = world.answered(Who::Carrier);
    assert_eq!(answered.body, early.body, "RFC 3261 section 13.2.1: one answer");
    world.pass(SECOND);
    assert_eq!(world.media.talking().len(), 1);
    world.end(Who::Carrier, c);
    world.assert_nothing_left();
}

#[test]
fn an_app_that_answers_in_time_spares_the_message() {
    let mut world = world(true);
    let app = world.ready_app();
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), a, APP_ANSWER);
    world.answered(Who::Carrier);
    assert!(matches!(world.session_event(Who::App(app)), SessionEvent::Confirmed { .. }));
    assert_eq!(world.media.played, []);
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}
