use std::time::Duration;

use super::{INSTANCE, World, config, refusal};
use crate::Timestamp;
use crate::msg::{HeaderName, StatusCode};
use crate::registrar::{BindingKey, RegistrarLimits};
use crate::registration::{PushParams, RegistrationConfig, RegistrationEvent, RegistrationFailure};
use crate::ua::FlowId;

const HOUR: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(100_000);

#[test]
fn the_contact_carries_instance_and_push_and_the_registrar_reads_them() {
    let mut world = World::new(config());
    world.start();
    let event = world.event(Duration::from_secs(1)).unwrap();
    assert_eq!(
        event,
        RegistrationEvent::Registered { flow: FlowId(1), expires: HOUR, outbound: true, flow_timer: None }
    );
    assert!(world.registration.is_registered());
    let request = &world.requests[0];
    assert_eq!(request.uri.to_string(), "sip:company.example");
    assert_eq!(
        request.headers.get(&HeaderName::Contact).unwrap(),
        "<sip:x@flow1.invalid;transport=ws;pn-provider=apns;pn-param=TEAM.com.example.voip;pn-prid=to/ken%3D1>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";reg-id=1;expires=3600"
    );
    assert!(request.headers.contains_token(&HeaderName::Supported, "outbound"));
    assert!(request.headers.contains_token(&HeaderName::Supported, "path"));
    let (binding, _) = &world.bindings[&BindingKey::Instance { instance: INSTANCE.into(), reg_id: 1 }];
    assert_eq!(binding.push, config().push);
    assert_eq!(binding.contact.to_string(), "sip:x@flow1.invalid;transport=ws");
}

#[test]
fn the_binding_is_refreshed_well_before_it_ends_with_one_call_id_and_rising_numbers() {
    let mut world = World::new(config());
    world.start();
    world.registered();
    for _ in 0..20 {
        let before = world.now;
        let Some(RegistrationEvent::Registered { .. }) = world.event(LONG) else { panic!() };
        let waited = world.now.saturating_since(before);
        assert!(waited >= HOUR / 2 && waited <= HOUR * 3 / 4, "{waited:?}");
    }
    let ids: std::collections::BTreeSet<_> =
        world.requests.iter().map(|request| request.headers.call_id().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    assert!(world.numbers().is_sorted_by(|a, b| a < b));
}

#[test]
fn a_challenge_costs_one_number_and_later_refreshes_are_not_challenged() {
    let mut world = World::guarded(config());
    world.start();
    world.registered();
    assert_eq!(world.numbers(), [2]);
    // The nonce is old by the next refresh: one more challenge.
    world.event(LONG).unwrap();
    assert_eq!(world.numbers(), [2, 4]);
    let now = world.now;
    world.registration.refresh(now, &mut world.ua).unwrap();
    world.registered();
    assert_eq!(world.numbers(), [2, 4, 5]);
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let mut world = World::guarded(config());
    world.ua.set_credentials(None);
    world.start();
    let Some(RegistrationEvent::Failed { cause: RegistrationFailure::Refused { response }, retry_in: None }) =
        world.event(LONG)
    else {
        panic!()
    };
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.event(LONG), None);
}

#[test]
fn the_times_that_the_registrar_wants_are_kept() {
    let mut world = World::new(RegistrationConfig { expires: Duration::from_secs(30), ..config() });
    world.start();
    assert_eq!(world.registered(), Duration::from_secs(60), "423 raised it");
    assert_eq!(world.requests.len(), 2);
    assert!(world.event(LONG).is_some());
    assert_eq!(world.requests.len(), 3, "and it is remembered");

    let mut world = World::new(RegistrationConfig { expires: LONG, ..config() });
    world.limits = RegistrarLimits { max_expires: Duration::from_secs(100), ..RegistrarLimits::default() };
    world.start();
    assert_eq!(world.registered(), Duration::from_secs(100));
}

#[test]
fn a_registrar_that_is_never_satisfied_is_given_up() {
    let mut world = World::new(config());
    for seconds in [4000, 5000, 6000, 7000, 8000] {
        world.refusals.push(refusal(423, &[(HeaderName::MinExpires, &seconds.to_string())]));
    }
    world.start();
    let Some(RegistrationEvent::Failed { retry_in: None, .. }) = world.event(LONG) else { panic!() };
    assert_eq!(world.requests.len(), 4);
    // 423 that asks for no more than was offered is no reason to repeat it.
    let mut world = World::new(config());
    world.refusals.push(refusal(423, &[(HeaderName::MinExpires, "10")]));
    world.start();
    assert!(matches!(world.event(LONG), Some(RegistrationEvent::Failed { .. })));
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn a_first_hop_without_outbound_gets_no_outbound_parameters_any_more() {
    let mut world = World::new(config());
    world.refusals.push(refusal(439, &[]));
    world.start();
    let Some(RegistrationEvent::Registered { outbound: false, .. }) = world.event(LONG) else { panic!() };
    world.event(LONG).unwrap();
    let shown: Vec<_> = world
        .requests
        .iter()
        .map(|request| {
            let contact = request.headers.get(&HeaderName::Contact).unwrap().to_owned();
            (contact.contains("reg-id"), request.headers.get(&HeaderName::Supported).is_some())
        })
        .collect();
    assert_eq!(shown, [(true, true), (false, false), (false, false)]);

    // On another flow the old binding, which only its URI tells apart, is taken away along with it.
    let now = world.now;
    world.registration.flow_changed(now, &mut world.ua, Some(FlowId(2))).unwrap();
    world.registered();
    assert_eq!(world.bindings.len(), 1);
    assert_eq!(world.bindings.values().next().unwrap().0.contact.host.to_string(), "flow2.invalid");
    let now = world.now;
    world.registration.unregister(now, &mut world.ua).unwrap();
    assert_eq!(world.event(LONG), Some(RegistrationEvent::Unregistered));
    assert!(world.bindings.is_empty());
}

#[test]
fn what_may_pass_is_tried_again_no_sooner_than_the_registrar_says() {
    let mut world = World::new(config());
    world.refusals.push(refusal(503, &[(HeaderName::RetryAfter, "120 (maintenance);duration=60")]));
    world.refusals.push(refusal(500, &[]));
    world.refusals.push(refusal(404, &[]));
    world.start();
    let before = world.now;
    let Some(RegistrationEvent::Failed { retry_in: Some(first), .. }) = world.event(LONG) else { panic!() };
    assert!(first >= Duration::from_secs(120) && first <= Duration::from_secs(133), "{first:?}");
    let Some(RegistrationEvent::Failed { retry_in: Some(second), .. }) = world.event(LONG) else { panic!() };
    assert_eq!(world.now.saturating_since(before), first);
    assert!(second <= Duration::from_secs(8), "{second:?}");
    let Some(RegistrationEvent::Failed { retry_in: None, cause }) = world.event(LONG) else { panic!() };
    assert!(
        matches!(cause, RegistrationFailure::Refused { response } if response.status == StatusCode::NOT_FOUND)
    );
    assert_eq!(world.event(LONG), None);
}

#[test]
fn silence_is_answered_with_growing_waits_and_the_binding_lapses_meanwhile() {
    let mut world = World::new(config());
    world.start();
    world.registered();
    world.cut = true;
    let (mut waits, mut lapsed) = (Vec::new(), false);
    while waits.len() < 12 {
        match world.event(LONG).unwrap() {
            RegistrationEvent::Failed { cause: RegistrationFailure::Timeout, retry_in: Some(wait) } => {
                waits.push(wait);
            }
            RegistrationEvent::Lapsed => lapsed = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(lapsed && !world.registration.is_registered());
    assert!(waits[0] <= Duration::from_secs(4));
    assert!(waits[11] >= Duration::from_secs(150) && waits[11] <= Duration::from_secs(300));
    world.cut = false;
    while !matches!(world.event(LONG), Some(RegistrationEvent::Registered { .. })) {}
}

#[test]
fn a_new_flow_is_registered_at_once_and_replaces_the_binding_of_the_old_one() {
    let mut world = World::new(config());
    world.start();
    world.registered();
    let now = world.now;
    world.registration.flow_changed(now, &mut world.ua, None).unwrap();
    assert!(world.registration.is_registered(), "a push still reaches this side");
    world.registration.flow_changed(now, &mut world.ua, Some(FlowId(2))).unwrap();
    world.registered();
    assert_eq!(world.bindings.len(), 1);
    assert_eq!(world.bindings.values().next().unwrap().0.contact.host.to_string(), "flow2.invalid");
    assert!(world.requests[1].headers.all(&HeaderName::Contact).count() == 1, "the instance tells it");

    // The flow closes under a REGISTER that is on its way.
    world.cut = true;
    world.registration.refresh(now, &mut world.ua).unwrap();
    world.settle();
    world.ua.flow_closed(now, FlowId(2));
    let Some(RegistrationEvent::Failed { cause: RegistrationFailure::FlowClosed, retry_in: None }) =
        world.event(Duration::from_secs(1))
    else {
        panic!()
    };
    world.cut = false;
    world.registration.flow_changed(now, &mut world.ua, None).unwrap();
    world.registration.flow_changed(now, &mut world.ua, Some(FlowId(1))).unwrap();
    world.registered();
}

#[test]
fn a_new_push_token_is_told_at_once_or_with_the_next_request() {
    let token = |text: &str| PushParams { prid: text.to_owned().into(), ..config().push.unwrap() };
    let mut world = World::new(config());
    world.start();
    // While the first is under way: one more goes out after its answer, with the last token.
    let now = world.now;
    world.registration.set_push(now, &mut world.ua, Some(token("second"))).unwrap();
    world.registration.set_push(now, &mut world.ua, Some(token("third"))).unwrap();
    world.registered();
    world.registered();
    assert_eq!(world.requests.len(), 2);
    let stored = |world: &World| world.bindings.values().next().unwrap().0.push.clone();
    assert_eq!(stored(&world), Some(token("third")));
    world.registration.set_push(now, &mut world.ua, Some(token("third"))).unwrap();
    assert_eq!(world.event(Duration::from_secs(1)), None, "nothing changed");
    world.registration.set_push(now, &mut world.ua, None).unwrap();
    world.registered();
    assert_eq!(stored(&world), None);
}

#[test]
fn unregistering_takes_the_own_contact_away_whatever_is_under_way() {
    let mut world = World::new(config());
    let now = world.now;
    world.registration.unregister(now, &mut world.ua).unwrap();
    assert_eq!(world.event(LONG), Some(RegistrationEvent::Unregistered), "there was nothing");

    world.start();
    let now = world.now;
    world.registration.unregister(now, &mut world.ua).unwrap();
    assert_eq!(world.event(LONG), Some(RegistrationEvent::Unregistered));
    assert!(world.bindings.is_empty() && !world.registration.is_registered());
    let expires: Vec<_> = world.requests.iter().map(|request| request.headers.expires().unwrap()).collect();
    assert_eq!(expires, [3600, 0]);

    // And back again before the answer.
    world.start();
    world.registered();
    let now = world.now;
    world.registration.unregister(now, &mut world.ua).unwrap();
    world.start();
    world.registered();
    assert_eq!(world.bindings.len(), 1);
    assert!(matches!(world.event(LONG), Some(RegistrationEvent::Registered { .. })), "and is refreshed");
}

#[test]
fn unregistering_waits_for_a_flow_and_is_told_when_it_fails() {
    let mut world = World::new(config());
    world.start();
    world.registered();
    let now = world.now;
    world.registration.flow_changed(now, &mut world.ua, None).unwrap();
    world.registration.unregister(now, &mut world.ua).unwrap();
    assert_eq!(world.event(Duration::from_secs(1)), None);
    world.refusals.push(refusal(503, &[]));
    let now = world.now;
    world.registration.flow_changed(now, &mut world.ua, Some(FlowId(2))).unwrap();
    assert!(matches!(world.event(LONG), Some(RegistrationEvent::Failed { retry_in: Some(_), .. })));
    assert_eq!(world.event(LONG), Some(RegistrationEvent::Unregistered));
    assert!(world.bindings.is_empty());
    assert_eq!(world.event(LONG), None);

    // Whether the first REGISTER arrived is not known: it is taken back to be sure.
    world.cut = true;
    world.start();
    world.settle();
    let now = world.now;
    world.registration.flow_changed(now, &mut world.ua, None).unwrap();
    world.registration.unregister(now, &mut world.ua).unwrap();
    world.cut = false;
    world.registration.flow_changed(now, &mut world.ua, Some(FlowId(1))).unwrap();
    let before = world.requests.len();
    assert_eq!(world.event(LONG), Some(RegistrationEvent::Unregistered));
    assert_eq!(world.requests.len(), before + 1);
}

#[test]
fn a_closed_flow_is_an_error_of_the_operation() {
    let mut world = World::new(config());
    world.ua.flow_closed(Timestamp::ZERO, FlowId(1));
    let started = world.registration.start(Timestamp::ZERO, &mut world.ua, FlowId(1));
    assert_eq!(started, Err(crate::ua::UaError::NoSuchFlow));
}
