//! Digits go by telephone-event, by INFO where the far side knows no other way, and wait until somebody hears them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{CallHandle, Command, CommandError, Event, LegId, MediaEvent};
use doorstep_sip::msg::{HeaderName, Headers};
use doorstep_sip::ua::SessionEvent;
use doorstep_testkit::fake_media::sdp;
use doorstep_testkit::stand_in::{StandIn, far_sdp};
use doorstep_testkit::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn dtmf(world: &mut World<StandIn>, call: CallHandle, digits: &str) {
    world.command(0, Command::SendDtmf { call, digits: digits.to_owned() });
}

fn refusals(world: &World<StandIn>) -> Vec<CommandError> {
    let refused = world.phones[0].events.iter().filter_map(|(_, event)| match event {
        Event::CommandRefused { error, .. } => Some(*error),
        _ => None,
    });
    refused.collect()
}

fn infos(world: &mut World<StandIn>, session: doorstep_sip::ua::SessionId) -> String {
    let mut digits = String::new();
    while let Some(event) = world.server.session_event(session) {
        if let SessionEvent::Info { request } = event {
            assert_eq!(request.headers.get(&HeaderName::ContentType), Some("application/dtmf-relay"));
            let body = std::str::from_utf8(&request.body).unwrap();
            digits.push(body.lines().next().unwrap().chars().last().unwrap());
        }
    }
    digits
}

#[test]
fn one_after_the_other_by_telephone_event() {
    let mut world = World::with_stand_in();
    let (call, _) = world.in_call();
    dtmf(&mut world, call, "12");
    dtmf(&mut world, call, "*#d");
    assert_eq!(world.phones[0].media.leg().digits, "1", "the next waits until one is out");
    world.pass(SECOND);
    assert_eq!(world.phones[0].media.leg().digits, "12*#D");
}

#[test]
fn digits_before_the_answer_wait_for_it() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    dtmf(&mut world, call, "99");
    let (session, _, _) = world.until_invite();
    world.pass(SECOND * 3);
    assert_eq!(world.phones[0].media.leg().digits, "");
    world.server.ua.answer(world.now, session, Headers::default(), far_sdp(1)).unwrap();
    world.pass(SECOND);
    assert_eq!(world.phones[0].media.leg().digits, "99");
}

#[test]
fn a_far_side_without_telephone_event_gets_info_one_by_one() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let plain = Bytes::from(sdp(900, 1, 0, false, false).into_exposed());
    world.server.ua.answer(world.now, session, Headers::default(), plain).unwrap();
    world.pass(SECOND);
    dtmf(&mut world, call, "123");
    world.pass(Duration::from_millis(100));
    assert_eq!(infos(&mut world, session), "1");
    world.pass(SECOND);
    assert_eq!(infos(&mut world, session), "23");
    assert_eq!(world.phones[0].media.leg().digits, "");
}

#[test]
fn a_voice_engine_that_cannot_send_them_hands_them_to_info() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.phones[0].media.knobs.telephone_event = false;
    dtmf(&mut world, call, "45");
    world.pass(SECOND * 2);
    assert_eq!(infos(&mut world, session), "45", "none is lost");
}

#[test]
fn what_is_no_digit_or_too_many_is_refused_whole() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    dtmf(&mut world, call, "12x");
    dtmf(&mut world, call, &"1".repeat(64));
    dtmf(&mut world, call, "2");
    assert_eq!(refusals(&world), [CommandError::InvalidDigit, CommandError::TooManyDigits]);
}

#[test]
fn digits_of_the_far_side_are_told_however_they_come() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    for (media_type, body) in [
        ("application/dtmf-relay", "Signal= 5\r\nDuration=160\r\n"),
        ("application/dtmf", "#"),
        ("application/dtmf-relay", "nonsense"),
        ("text/plain", "7"),
    ] {
        let mut headers = Headers::default();
        headers.push(HeaderName::ContentType, media_type).unwrap();
        world.server.ua.info(world.now, session, headers, Bytes::from_static(body.as_bytes())).unwrap();
        world.pass(SECOND);
    }
    let leg: LegId = world.phones[0].media.legs().next().unwrap().0;
    let now = world.now;
    world.phones[0].media.say(now, MediaEvent::Digit { leg, digit: '9' });
    world.pass(SECOND);
    let digits: String = world.phones[0]
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::DigitReceived { call: of, digit } if *of == call => Some(*digit),
            _ => None,
        })
        .collect();
    assert_eq!(digits, "5#9");
}
