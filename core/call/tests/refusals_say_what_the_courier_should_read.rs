//! What the gateway refuses ends with a reason for programs and a sentence for the courier.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{Command, EndReason, Event};
use doorstep_sip::msg::{HeaderName, StatusCode};
use doorstep_sip::ua::Reply;
use doorstep_testkit::stand_in::StandIn;
use doorstep_testkit::world::World;

fn refused(status: u16, error: Option<&str>, text: Option<&str>) -> (EndReason, String) {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let mut reply = Reply::new(StatusCode::new(status).unwrap());
    if let Some(error) = error {
        reply.headers.push("X-Doorstep-Error".parse().unwrap(), error).unwrap();
    }
    if let Some(text) = text {
        reply.headers.push(HeaderName::Reason, format!("SIP;cause={status};text=\"{text}\"")).unwrap();
    }
    world.server.ua.reject(world.now, session, reply).unwrap();
    world.until_ended(0, call);
    ended(&world)
}

fn ended(world: &World<StandIn>) -> (EndReason, String) {
    let end = world.phones[0].events.iter().find_map(|(_, event)| match event {
        Event::CallEnded { reason, text, .. } => Some((*reason, text.clone())),
        _ => None,
    });
    end.unwrap()
}

#[test]
fn the_gateways_words_come_through() {
    assert_eq!(
        refused(403, Some("not_your_order"), Some("This order is with another courier")),
        (EndReason::NotYourOrder, "This order is with another courier".to_owned())
    );
    assert_eq!(
        refused(410, Some("order_closed"), None),
        (EndReason::OrderClosed, "This order is closed".to_owned())
    );
    assert_eq!(refused(486, None, None), (EndReason::Busy, EndReason::Busy.text().to_owned()));
    assert_eq!(refused(603, None, None).0, EndReason::Declined);
    assert_eq!(refused(503, Some("trunk_down"), None).0, EndReason::TrunkDown);
}

#[test]
fn a_text_without_end_is_cut() {
    assert_eq!(refused(503, Some("trunk_down"), Some(&"x".repeat(5000))).1.len(), 200);
}

#[test]
fn every_reason_has_a_code_of_its_own_and_a_sentence() {
    let codes: std::collections::BTreeSet<_> = EndReason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), EndReason::ALL.len());
    for reason in EndReason::ALL {
        assert!(reason.text().len() > 10 && reason.text().starts_with(char::is_uppercase));
        assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{}\"", reason.code()));
    }
}

#[test]
fn the_order_is_escaped_in_the_address_and_bad_ones_end_at_once() {
    let mut world = World::with_stand_in();
    world.contact(0, "47 11@x;y");
    let (_, invite, _) = world.until_invite();
    assert_eq!(invite.uri.to_string(), "sip:order.47%2011%40x;y@gw.example");
    assert_eq!(invite.uri.as_sip().unwrap().user().unwrap(), "order.47 11@x;y");
    for bad in ["", &"9".repeat(300)] {
        let call = world.contact(0, bad);
        assert_eq!(world.phones[0].ended(call), Some(EndReason::NoSuchTarget));
    }
    let call = world.phones[0].new_handle();
    world.command(0, Command::Dial { call, target: "mailto:a@b".to_owned().into() });
    assert_eq!(world.phones[0].ended(call), Some(EndReason::NoSuchTarget));
    let call = world.phones[0].new_handle();
    world.command(0, Command::Dial { call, target: "sip:42@gw.example".to_owned().into() });
    world.pass(Duration::from_secs(1));
    assert!(world.phones[0].ended(call).is_none());
}

#[test]
fn a_label_of_the_gateway_reaches_the_screen_without_control_characters() {
    let mut world = World::with_stand_in();
    let call = world.contact(0, "4711");
    let (session, _, _) = world.until_invite();
    let mut headers = doorstep_sip::msg::Headers::default();
    headers.push("X-Doorstep-Label".parse().unwrap(), "Back\u{7}door").unwrap();
    world.server.ua.progress(world.now, session, StatusCode::RINGING, headers, None).unwrap();
    world.pass(Duration::from_secs(1));
    let snapshot = world.phones[0].only_call().unwrap();
    assert_eq!((snapshot.call, snapshot.label.unwrap().into_exposed()), (call, "Backdoor".to_owned()));
}
