//! Being reachable: pipelined with calls, over changing connections, with a push address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, EndReason, Event, PushTarget, RegistrationState};
use doorstep_sip::msg::{Contacts, HeaderName, Request, StatusCode};
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::{HOP, World};

const SECOND: Duration = Duration::from_secs(1);

fn push_of(register: &Request) -> Option<[String; 3]> {
    let Contacts::List(contacts) = register.headers.contacts()? else { return None };
    contacts.iter().find_map(|contact| {
        let uri = contact.uri.as_sip()?;
        let value = |name| uri.params.unescaped(name);
        Some([value("pn-provider")?, value("pn-param")?, value("pn-prid")?])
    })
}

fn registrations(world: &World<StandIn>) -> Vec<RegistrationState> {
    let told = world.phones[0].events.iter().filter_map(|(_, event)| match event {
        Event::Registration(state) => Some(*state),
        _ => None,
    });
    told.collect()
}

#[test]
fn an_invite_goes_out_behind_the_register_without_waiting_for_its_answer() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.command(0, Command::Register);
    world.contact(0, "4711");
    world.until_invite();
    let lines: Vec<_> = world
        .server
        .came
        .iter()
        .map(|(at, _, line)| (*at, line.split(' ').next().unwrap().to_owned()))
        .collect();
    assert_eq!(lines.iter().map(|(_, method)| method.as_str()).collect::<Vec<_>>(), ["REGISTER", "INVITE"]);
    assert_eq!(lines[0].0, lines[1].0, "in the same flight");
    // Connecting takes one round trip here; the INVITE arrives half a one after it.
    assert_eq!(world.now.since_epoch(), HOP * 3);
}

#[test]
fn the_contact_is_a_random_name_with_instance_and_push_address() {
    let mut world = World::idle_stand_in_with(|_| {});
    let push = PushTarget {
        provider: "apns".into(),
        param: "TEAM.com.example.voip".into(),
        prid: "00ff:token".to_owned().into(),
    };
    world.command(0, Command::SetPush(Some(push)));
    world.command(0, Command::Register);
    world.pass(SECOND);
    let (_, register) = &world.server.registers[0];
    assert_eq!(push_of(register), Some(["apns".into(), "TEAM.com.example.voip".into(), "00ff:token".into()]));
    let contact = register.headers.get(&HeaderName::Contact).unwrap();
    assert!(
        contact.contains(".invalid") && contact.contains("transport=ws") && contact.contains("+sip.instance"),
        "{contact}"
    );
    assert_eq!(register.uri.to_string(), "sip:gw.example");
    let via = register.headers.via().unwrap();
    assert_eq!(via.transport, "WS");
}

#[test]
fn a_new_push_address_is_told_at_once() {
    let mut world = World::with_stand_in();
    assert!(push_of(&world.server.registers[0].1).is_none());
    let push = PushTarget { provider: "fcm".into(), param: "project".into(), prid: "t".to_owned().into() };
    world.command(0, Command::SetPush(Some(push)));
    world.pass(SECOND);
    let told = world.server.registers[1].1.headers.get(&HeaderName::Contact);
    assert!(push_of(&world.server.registers[1].1).is_some(), "{told:?}");
}

#[test]
fn a_new_connection_registers_anew_under_the_same_call_id_with_a_rising_number() {
    let mut world = World::with_stand_in();
    world.reset(0);
    world.pass(SECOND * 5);
    let [(_, first), (_, second)] = &world.server.registers[..] else { panic!() };
    assert_eq!(first.headers.call_id(), second.headers.call_id());
    assert!(first.headers.cseq().unwrap().number < second.headers.cseq().unwrap().number);
    let states = registrations(&world);
    assert!(
        matches!(
            states[..],
            [
                RegistrationState::Registering,
                RegistrationState::Registered { .. },
                RegistrationState::Registering,
                RegistrationState::Registered { .. }
            ]
        ),
        "{states:?}"
    );
}

#[test]
fn it_is_renewed_well_before_it_ends() {
    let mut world = World::with_stand_in();
    world.pass(SECOND * 3600);
    assert!((2..=3).contains(&world.server.registers.len()), "{}", world.server.registers.len());
}

#[test]
fn unregistering_takes_the_binding_away_and_then_the_connection() {
    let mut world = World::with_stand_in();
    world.command(0, Command::Unregister);
    world.pass(SECOND);
    let (_, last) = world.server.registers.last().unwrap();
    assert_eq!(last.headers.expires(), Some(0));
    assert_eq!(registrations(&world).last(), Some(&RegistrationState::Unregistered));
    world.pass(SECOND * 10);
    assert_eq!(world.phones[0].endpoint.next_deadline(), None, "at rest");
}

#[test]
fn a_refused_registration_says_why_and_does_not_stop_calls() {
    let mut world = World::idle_stand_in_with(|_| {});
    world.server.register_status = StatusCode::FORBIDDEN;
    world.command(0, Command::Register);
    world.contact(0, "4711");
    world.until_invite();
    world.pass(SECOND);
    assert_eq!(
        registrations(&world).last(),
        Some(&RegistrationState::Failed { reason: EndReason::NotAllowed })
    );
    assert_eq!(world.phones[0].calls().len(), 1);
}

#[test]
fn names_that_sip_cannot_carry_fail_by_name() {
    let mut world = World::idle_stand_in_with(|config| config.domain = "not a host".into());
    world.command(0, Command::Register);
    let call = world.contact(0, "4711");
    world.pass(SECOND);
    assert_eq!(
        registrations(&world).last(),
        Some(&RegistrationState::Failed { reason: EndReason::NoSuchTarget })
    );
    assert_eq!(world.phones[0].ended(call), Some(EndReason::NoSuchTarget));
}
