use std::time::Duration;

use doorstep_sip::msg::{HeaderName, StatusCode};
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{CARRIER_HOST, COMPANY, CUSTOMER, ORDER, PHONE_ANSWER, TRUNK_HOST, Who, World};
use crate::core::{CallEventKind, EndReason, GatewayEvent};

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
            GatewayEvent::Trunk { .. } => None,
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
