use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{EndCause, SessionEvent};

use super::world::{
    APP_ANSWER, COMPANY, COURIER, CUSTOMER, EDGE_HOST, LABEL, ORDER, PHONE_OFFER, Who, World,
};
use crate::core::{Direction, EndReason};

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
