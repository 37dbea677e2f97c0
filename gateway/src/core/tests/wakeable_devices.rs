use std::time::Duration;

use doorstep_sip::msg::StatusCode;

use super::world::{APP_ANSWER, COMPANY, COURIER, CUSTOMER, PHONE_OFFER, Who, World};
use crate::core::{CourierId, DeviceId, Hidden, Input, PushCommand, PushTarget};

const SECOND: Duration = Duration::from_secs(1);

fn device(app: u32) -> DeviceId {
    DeviceId(format!("app-{app}"))
}

#[test]
fn who_can_be_woken_outlives_its_time_and_who_cannot_does_not() {
    let mut world = World::new();
    world.closed_app(1);
    let gone = world.ready_app();
    world.cut(gone);
    let here = world.connect(COURIER);
    world.register_wakeable(here, 2);
    world.pass(SECOND * 3600);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (a, _) = world.invited(Who::App(here));
    assert_eq!(world.wakes().len(), 1);
    world.answer(Who::App(here), a, APP_ANSWER);
    world.answered(Who::Carrier);
}

#[test]
fn push_service_knows_the_devices_that_can_be_woken() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.register_wakeable(app, 1);
    let target = PushTarget {
        provider: "apns".into(),
        param: "TEAM.app.voip".into(),
        prid: Hidden::new("token1".into()),
    };
    let put = PushCommand::PutDevice { device: device(1), courier: CourierId::new(COURIER), target };
    assert_eq!(world.pushed[0], put);
    world.register_wakeable(app, 1);
    assert_eq!((world.pushed.len(), &world.pushed[1]), (2, &put), "a refresh tells it anew");
    let plain = "<sip:app@one.invalid>;+sip.instance=\"<urn:uuid:app-1>\";reg-id=1";
    world.register_with(app, COURIER, 600, plain);
    assert_eq!(world.pushed[2..], [PushCommand::DeleteDevice { device: device(1) }], "no push data any more");
    world.closed_app(2);
    world.register_wakeable(app, 3);
    world.pushed.clear();
    let contact = format!(
        "<sip:app@app{app}.invalid;transport=ws>;expires=0;+sip.instance=\"<urn:uuid:app-3>\";reg-id=1"
    );
    world.register_with(app, COURIER, 600, &contact);
    world.pass(SECOND);
    world.register_with(app, COURIER, 0, "*");
    let deleted: Vec<_> = [3, 2].map(|app| PushCommand::DeleteDevice { device: device(app) }).into();
    assert_eq!(world.pushed, deleted);
    assert!(!world.printed.iter().any(|line| line.contains("token1")));
}

#[test]
fn a_device_without_an_instance_has_a_name_that_tells_nothing() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    let contact = "<sip:app@one.invalid;pn-provider=fcm;pn-param=p;pn-prid=t>";
    world.register_with(app, COURIER, 600, contact);
    let PushCommand::PutDevice { device, .. } = &world.pushed[0] else { panic!() };
    assert!(device.0.len() == 32 && device.0.bytes().all(|byte| byte.is_ascii_hexdigit()), "{device}");
}

#[test]
fn a_token_that_is_gone_is_not_used_again() {
    let mut world = World::new();
    world.closed_app(1);
    world.closed_app(2);
    world.input(Input::DeviceGone { courier: CourierId::new(COURIER), device: device(1) });
    world.pass(SECOND);
    let wakeable = |world: &World| -> Vec<bool> {
        world.store.bindings.iter().map(|binding| binding.push.is_some()).collect()
    };
    assert_eq!(wakeable(&world), [false, true]);
    world.input(Input::DeviceGone { courier: CourierId::new(COURIER), device: device(2) });
    world.pass(SECOND);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    assert_eq!(world.refused(Who::Carrier).status, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(world.wakes(), []);
    // Until the app says its token anew.
    world.closed_app(1);
    assert!(wakeable(&world).contains(&true));
}

#[test]
fn installations_that_are_never_heard_of_again_do_not_pile_up() {
    let mut world = World::new();
    for app in 0..25 {
        world.closed_app(app);
        world.pass(SECOND);
    }
    world.pass(SECOND);
    assert_eq!(world.store.bindings.len(), 20);
    let deleted = world.pushed.iter().filter_map(|command| match command {
        PushCommand::DeleteDevice { device } => Some(device.clone()),
        PushCommand::PutDevice { .. } | PushCommand::Wake { .. } | PushCommand::CancelWake { .. } => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(device), "the oldest go");
}
