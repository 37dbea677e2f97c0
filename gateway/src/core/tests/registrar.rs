use std::time::Duration;

use doorstep_sip::digest::Credentials;
use doorstep_sip::msg::{Contacts, HeaderName, Headers, Method, Response, StatusCode};

use super::world::{
    APP_ANSWER, APP_OFFER, COMPANY, COURIER, CUSTOMER, EDGE_HOST, ORDER, PHONE_OFFER, Who, World, config,
    error_header,
};
use crate::core::{CourierId, Hidden, Identity};

fn contacts(response: &Response) -> Vec<String> {
    match response.headers.contacts() {
        Some(Contacts::List(list)) => list.iter().map(|contact| contact.to_string()).collect(),
        Some(Contacts::Star) | None => Vec::new(),
    }
}

#[test]
fn a_binding_keeps_its_instance_and_push_data_and_is_told_with_its_time() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    let contact = "<sip:app@one.invalid;transport=ws;pn-provider=apns;pn-param=TEAM.app.voip;pn-prid=00fc13adff78512>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let response = world.register_with(app, COURIER, 600, contact);
    assert_eq!(response.status, StatusCode::OK);
    assert!(response.headers.contains_token(&HeaderName::Require, "outbound"));
    let told = contacts(&response);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("<sip:app@one.invalid;transport=ws>;expires="), "{told:?}");
    assert!(told[0].ends_with(";+sip.instance=\"<urn:uuid:1>\";reg-id=1"), "{told:?}");
    let binding = &world.store.bindings[0];
    let push = binding.push.as_ref().unwrap();
    assert_eq!((push.provider.as_str(), push.param.as_str()), ("apns", "TEAM.app.voip"));
    assert_eq!(push.prid.expose(), "00fc13adff78512");
    assert!(!world.printed.iter().any(|line| line.contains("00fc13adff78512")));
}

#[test]
fn times_are_kept_within_their_bounds() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    let brief = world.register_with(app, COURIER, 10, "<sip:app@one.invalid>");
    assert_eq!(brief.status, StatusCode::INTERVAL_TOO_BRIEF);
    assert_eq!(brief.headers.get(&HeaderName::MinExpires), Some("60"));
    let long = world.register_with(app, COURIER, 10_000_000, "<sip:app@one.invalid>");
    assert!(contacts(&long)[0].contains("expires=6047"), "{long:?}");
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut world = World::new();
    let app = world.connect("bert");
    let response = world.register(app, COURIER);
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(response.headers.get(&error_header()), Some("not_your_address"));
    assert_eq!(world.store.bindings, []);
}

#[test]
fn what_is_unregistered_or_has_run_out_is_not_called() {
    let mut world = World::new();
    let [one, two, three] = [(); 3].map(|()| world.ready_app());
    assert_eq!(world.store.bindings.len(), 3);
    let contact =
        format!("<sip:app@app{one}.invalid;transport=ws>;+sip.instance=\"<urn:uuid:{one}>\";reg-id=1");
    let left = world.register_with(one, COURIER, 0, &contact);
    assert_eq!(contacts(&left).len(), 2);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.invited(Who::App(two));
    world.invited(Who::App(three));
    assert_eq!(world.count("Edge: INVITE"), 2);
    world.pass(Duration::from_secs(601));
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.count("Edge: INVITE"), 2, "the others have run out");
    world.register(two, COURIER);
    let none = world.register_with(three, COURIER, 0, "*");
    assert_eq!((none.status, contacts(&none).len(), world.store.bindings.len()), (StatusCode::OK, 0, 0));
}

#[test]
fn the_same_instance_on_a_new_connection_takes_the_old_ones_place() {
    let mut world = World::new();
    let old = world.ready_app();
    let new = world.connect(COURIER);
    let contact = format!("<sip:app@new.invalid;transport=ws>;+sip.instance=\"<urn:uuid:{old}>\";reg-id=1");
    world.register_with(new, COURIER, 600, &contact);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (session, _) = world.invited(Who::App(new));
    assert_eq!(world.count("Edge: INVITE"), 1);
    world.answer(Who::App(new), session, APP_ANSWER);
    world.answered(Who::Carrier);
}

#[test]
fn a_store_without_an_answer_is_503_with_a_time_to_come_back() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.store.up = false;
    let response = world.register(app, COURIER);
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
    world.assert_nothing_left();
}

#[test]
fn a_token_that_has_run_out_is_told_and_a_running_call_goes_on() {
    let mut world = World::new();
    let (courier, expires_at) = (CourierId::new(COURIER), Some(world.now + Duration::from_secs(30)));
    let app = world.connect_as(Some(Identity { courier, expires_at }));
    let a = world.app_calls(app, ORDER);
    world.answers_at_once = true;
    world.answered(Who::App(app));
    world.pass(Duration::from_secs(40));
    let response = world.register(app, COURIER);
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers.get(&error_header()), Some("token_expired"));
    let challenge = response.headers.get(&HeaderName::WwwAuthenticate).unwrap();
    assert_eq!(challenge, format!("Bearer realm=\"{EDGE_HOST}\", error=\"invalid_token\""));
    world.app_calls(app, ORDER);
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.core.call_count(), 1);
    world.end(Who::App(app), a);
    world.assert_nothing_left();
}

#[test]
fn a_flow_without_a_token_is_let_in_by_digest_and_by_nothing_else() {
    let mut without = World::new();
    let app = without.connect_as(None);
    assert_eq!(without.register(app, COURIER).status, StatusCode::UNAUTHORIZED);

    let mut config = config();
    config.digest.insert(CourierId::new(COURIER), Hidden::new("secret".into()));
    let mut world = World::with(config, 1);
    let app = world.connect_as(None);
    let challenged = world.register(app, COURIER);
    assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenged.headers.get(&error_header()), Some("unauthorized"));
    let challenges: Vec<_> = challenged.headers.all(&HeaderName::WwwAuthenticate).collect();
    assert!(challenges[0].contains("SHA-256") && challenges[1].contains("MD5"), "{challenges:?}");
    world.app(app).set_credentials(Some(Credentials::new(COURIER, "wrong")));
    assert_eq!(world.register(app, COURIER).status, StatusCode::UNAUTHORIZED);
    world.app(app).set_credentials(Some(Credentials::new("bert", "secret")));
    assert_eq!(world.register(app, COURIER).status, StatusCode::UNAUTHORIZED);

    world.app(app).set_credentials(Some(Credentials::new(COURIER, "secret")));
    assert_eq!(world.register(app, COURIER).status, StatusCode::OK);
    world.invite_uri(app, &format!("sip:order.{ORDER}@{EDGE_HOST}"), APP_OFFER);
    world.invited(Who::Carrier);
    world.phone_calls(CUSTOMER, COMPANY, PHONE_OFFER);
    let (session, _) = world.invited(Who::App(app));
    world.answer(Who::App(app), session, APP_ANSWER);
    world.answered(Who::Carrier);
}

#[test]
fn other_methods_are_405_and_a_ping_is_answered() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    for method in [Method::Message, Method::Publish, Method::Subscribe] {
        let response = world.request(
            app,
            method,
            &format!("sip:order.{ORDER}@{EDGE_HOST}"),
            COURIER,
            Headers::default(),
        );
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let pong = world.request(app, Method::Options, &format!("sip:{EDGE_HOST}"), COURIER, Headers::default());
    assert_eq!(pong.status, StatusCode::OK);
    let mut headers = Headers::default();
    headers.push(HeaderName::ReferTo, "<sip:contact-centre@gateway.example>").unwrap();
    let refer =
        world.request(app, Method::Refer, &format!("sip:order.{ORDER}@{EDGE_HOST}"), COURIER, headers);
    assert_eq!(refer.status, StatusCode::METHOD_NOT_ALLOWED, "a transfer needs a call");
}
