use std::time::Duration;

use doorstep_sip::msg::{NameAddr, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent, SessionId};

use super::world::{CARRIER_HOST, CENTRE, COMPANY, EDGE_HOST, PHONE_ANSWER, Who, World, config};
use crate::core::EndReason;

fn refers(world: &mut World, who: Who, session: SessionId, to: &str) {
    let now = world.now;
    let to = NameAddr::new(to.parse::<doorstep_sip::msg::SipUri>().unwrap());
    world.ua(who).refer(now, session, &to).unwrap();
}

fn refer_answer(world: &mut World, who: Who) -> StatusCode {
    match world.session_event(who) {
        SessionEvent::ReferAnswered { status } => status,
        other => panic!("{other:?}"),
    }
}

fn notified(world: &mut World, who: Who) -> String {
    match world.session_event(who) {
        SessionEvent::Notify { request } => String::from_utf8_lossy(&request.body).trim().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn centre() -> String {
    format!("sip:contact-centre@{EDGE_HOST}")
}

#[test]
fn a_courier_passes_the_customer_on_to_the_contact_centre() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    refers(&mut world, Who::App(app), a, &centre());
    assert_eq!(refer_answer(&mut world, Who::App(app)), StatusCode::ACCEPTED);
    assert_eq!(notified(&mut world, Who::App(app)), "SIP/2.0 100 Trying");
    let (c, invite) = world.invited(Who::Carrier);
    assert_eq!(invite.uri.to_string(), format!("sip:{CENTRE}@{CARRIER_HOST}"));
    assert_eq!(invite.headers.from().unwrap().uri.as_sip().unwrap().user().as_deref(), Some(COMPANY));
    world.ring(Who::Carrier, c);
    assert_eq!(notified(&mut world, Who::App(app)), "SIP/2.0 180 Ringing");
    assert_eq!(world.media.talking().len(), 1, "they still hear each other");
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    assert_eq!(notified(&mut world, Who::App(app)), "SIP/2.0 200 OK");
    assert!(matches!(world.ended(Who::App(app)), EndCause::Remote { .. }));
    world.pass(Duration::from_secs(1));
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    world.end(Who::Carrier, b);
    world.assert_nothing_left();
    assert_eq!(world.carrier.session_count(), 0, "the contact centre's leg ends as well");
    assert_eq!(world.record().end, Some(EndReason::Transferred));
}

#[test]
fn a_courier_may_hang_up_before_the_contact_centre_answers() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    refers(&mut world, Who::App(app), a, &centre());
    let (c, _) = world.invited(Who::Carrier);
    world.end(Who::App(app), a);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.call_count(), 1, "the customer waits");
    world.answer(Who::Carrier, c, PHONE_ANSWER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.media.talking().len(), 1);
    world.end(Who::Carrier, c);
    world.assert_nothing_left();
    assert_eq!(world.carrier.session_count(), 0);
}

#[test]
fn a_contact_centre_that_is_busy_leaves_the_call_as_it_was() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    refers(&mut world, Who::App(app), a, &centre());
    let (c, _) = world.invited(Who::Carrier);
    world.reject(Who::Carrier, c, 486);
    assert_eq!(refer_answer(&mut world, Who::App(app)), StatusCode::ACCEPTED);
    assert_eq!(notified(&mut world, Who::App(app)), "SIP/2.0 100 Trying");
    assert_eq!(notified(&mut world, Who::App(app)), "SIP/2.0 486 Busy Here");
    assert_eq!((world.media.talking().len(), world.media.open()), (1, 2));
    // And it can be tried again, this time until the centre has rung long enough.
    refers(&mut world, Who::App(app), a, &centre());
    let (c, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, c);
    world.pass(Duration::from_secs(61));
    assert_eq!((world.core.call_count(), world.media.open()), (1, 2));
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}

#[test]
fn a_courier_who_left_and_a_contact_centre_that_refuses_end_the_call() {
    let mut world = World::new();
    let (app, a, _) = world.courier_talks();
    refers(&mut world, Who::App(app), a, &centre());
    let (c, _) = world.invited(Who::Carrier);
    world.end(Who::App(app), a);
    world.pass(Duration::from_secs(1));
    world.reject(Who::Carrier, c, 480);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.call_count(), 0);
    world.assert_nothing_left();
}

#[test]
fn nobody_else_is_a_target_and_a_phone_may_transfer_nobody() {
    let mut world = World::new();
    let (app, a, b) = world.courier_talks();
    for target in ["sip:+4930555555@gateway.example", "sip:order.4712@gateway.example"] {
        refers(&mut world, Who::App(app), a, target);
        assert_eq!(refer_answer(&mut world, Who::App(app)), StatusCode::FORBIDDEN);
    }
    refers(&mut world, Who::Carrier, b, &centre());
    assert_eq!(refer_answer(&mut world, Who::Carrier), StatusCode::FORBIDDEN);
    let mut without = config();
    without.contact_centre = None;
    let mut world = World::with(without, 1);
    let (app, a, _) = world.courier_talks();
    refers(&mut world, Who::App(app), a, &centre());
    assert_eq!(refer_answer(&mut world, Who::App(app)), StatusCode::FORBIDDEN);
    assert_eq!(world.count("Trunk: INVITE"), 1);
}
