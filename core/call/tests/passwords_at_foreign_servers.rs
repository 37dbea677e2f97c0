//! Servers other than the gateway ask for a password: it is shown when asked for, and unasked from then on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Auth, Command, EndReason, Event, PushTarget, RegistrationState};
use doorstep_sip::msg::HeaderName;
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn with_password(password: &str) -> World<StandIn> {
    let auth = Auth::Digest { username: "anna".into(), password: password.to_owned().into() };
    let mut world = World::idle_stand_in_with(|config| config.auth = auth);
    world.server.password = Some("open sesame".into());
    world
}

fn last_state(world: &World<StandIn>) -> Option<RegistrationState> {
    world.phones[0].events.iter().rev().find_map(|(_, event)| match event {
        Event::Registration(state) => Some(*state),
        _ => None,
    })
}

#[test]
fn the_right_password_registers_and_later_requests_show_it_unasked() {
    let mut world = with_password("open sesame");
    world.command(0, Command::Register);
    world.pass(SECOND);
    assert!(matches!(last_state(&world), Some(RegistrationState::Registered { .. })));
    assert_eq!(world.server.registers.len(), 2, "asked once");
    let push = PushTarget { provider: "fcm".into(), param: "p".into(), prid: "t".to_owned().into() };
    world.command(0, Command::SetPush(Some(push)));
    world.pass(SECOND);
    assert_eq!(world.server.registers.len(), 3, "not asked again");
    world.contact(0, "4711");
    let (_, invite, _) = world.until_invite();
    assert!(invite.headers.get(&HeaderName::Authorization).is_some());
    assert_eq!(world.phones[0].tokens.asked, 0);
}

#[test]
fn a_wrong_password_is_named_and_never_printed() {
    let mut world = with_password("open barley");
    world.command(0, Command::Register);
    world.pass(SECOND);
    assert_eq!(last_state(&world), Some(RegistrationState::Failed { reason: EndReason::Unauthorized }));
    let before = world.server.registers.len();
    world.pass(SECOND * 600);
    assert_eq!(world.server.registers.len(), before, "a wrong password is not tried for ever");
    let printed = format!("{:?} {:?}", world.phones[0].endpoint, world.phones[0].made.0);
    assert!(!printed.contains("barley"), "{printed}");
}
