use std::time::Duration;

use doorstep_sip::Sensitive;
use doorstep_sip::digest::{DigestConfig, DigestRefusal, DigestServer, Secret};
use doorstep_sip::msg::{HeaderName, Method, StatusCode};
use doorstep_sip::ua::{FlowId, Reply, UaEvent};

use super::world::{
    COMPANY, COURIER, CUSTOMER, ORDER, PHONE_ANSWER, TRUNK_HOST, Who, World, config, error_header,
};
use crate::core::{CarrierId, Credentials, GatewayEvent};

fn health(world: &World) -> Vec<bool> {
    let changes = world.events.iter().filter_map(|event| match event {
        GatewayEvent::Trunk { carrier, up } => {
            assert_eq!(carrier.0, "main");
            Some(*up)
        }
        GatewayEvent::Call { .. } | GatewayEvent::Counted { .. } => None,
    });
    changes.collect()
}

#[test]
fn a_silent_carrier_is_noticed_and_calls_fail_at_once_until_it_answers_again() {
    let mut world = World::new();
    let app = world.connect(COURIER);
    world.pass(Duration::from_secs(60));
    assert!(health(&world).is_empty());
    world.carrier_is_deaf = true;
    world.pass(Duration::from_secs(36));
    assert_eq!(health(&world), [false]);
    let before = world.now;
    world.app_calls(app, ORDER);
    let response = world.refused(Who::App(app));
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers.get(&error_header()), Some("trunk_down"));
    assert!(world.now.saturating_since(before) < Duration::from_secs(1));
    world.carrier_is_deaf = false;
    world.pass(Duration::from_secs(15));
    assert_eq!(health(&world), [false, true]);
    world.app_calls(app, ORDER);
    world.invited(Who::Carrier);
}

#[test]
fn a_call_into_silence_makes_the_carrier_doubtful() {
    let mut config = config();
    config.carriers[0].health_interval = Some(Duration::from_secs(100_000));
    let mut world = World::with(config, 1);
    let app = world.connect(COURIER);
    world.pass(Duration::from_secs(10));
    world.carrier_is_deaf = true;
    world.app_calls(app, ORDER);
    world.pass(Duration::from_secs(33));
    let response = world.refused(Who::App(app));
    assert_eq!(response.headers.get(&error_header()), Some("trunk_down"));
    world.pass(Duration::from_secs(6));
    assert_eq!(health(&world), [false]);
    world.assert_nothing_left();
}

/// A carrier that wants digest for everything.
struct Strict(DigestServer);

impl Strict {
    fn judge(&mut self, world: &World, request: &doorstep_sip::msg::Request) -> Result<(), Reply> {
        let secret = Secret::Password(Sensitive::new("trunk-secret".to_owned()));
        let presented = self.0.presented(request).ok_or(DigestRefusal::Missing);
        let verified = presented.and_then(|shown| self.0.verify(world.now, request, &shown, Some(&secret)));
        verified.map(|_| ()).map_err(|refusal| self.0.refuse(world.now, refusal))
    }
}

#[test]
fn a_carrier_may_want_registration_and_digest_and_an_asserted_identity() {
    let mut config = config();
    let carrier = &mut config.carriers[0];
    carrier.credentials = Some(Credentials {
        username: Sensitive::new("company".into()),
        password: Sensitive::new("trunk-secret".into()),
    });
    carrier.register = Some(Duration::from_secs(300));
    carrier.assert_identity = true;
    let mut world = World::with(config, 1);
    let mut strict = Strict(DigestServer::new(DigestConfig::new("carrier"), [7; 32]));
    let mut registered = Vec::new();
    // Two registrations, each challenged once at most.
    while registered.len() < 2 {
        let UaEvent::IncomingRequest { id, request, .. } = world.next_request(Who::Carrier) else { panic!() };
        assert_eq!(request.method, Method::Register);
        assert_eq!(request.headers.from().unwrap().uri.as_sip().unwrap().user().as_deref(), Some("company"));
        let now = world.now;
        let reply = match strict.judge(&world, &request) {
            Ok(()) => {
                registered.push(now);
                let mut reply = Reply::new(StatusCode::OK);
                let contact = request.headers.contact().unwrap();
                assert_eq!(contact.uri.as_sip().unwrap().host.to_string(), TRUNK_HOST);
                reply.headers.push(HeaderName::Contact, contact).unwrap();
                reply
            }
            Err(reply) => reply,
        };
        world.carrier.respond(now, id, reply).unwrap();
    }
    let between = registered[1].saturating_since(registered[0]);
    assert!(between > Duration::from_secs(100) && between < Duration::from_secs(290), "{between:?}");

    let app = world.connect(COURIER);
    world.app_calls(app, ORDER);
    let (session, request) = world.invited(Who::Carrier);
    let asserted = request.headers.get(&HeaderName::PAssertedIdentity).unwrap();
    assert!(asserted.contains(COMPANY) && !asserted.contains(CUSTOMER), "{asserted}");
    let challenge = strict.0.refuse(world.now, DigestRefusal::Missing);
    let now = world.now;
    world.carrier.reject(now, session, challenge).unwrap();
    let (session, request) = world.invited(Who::Carrier);
    strict.judge(&world, &request).unwrap();
    world.answer(Who::Carrier, session, PHONE_ANSWER);
    world.answered(Who::App(app));
}

#[test]
fn a_call_that_one_carrier_does_not_take_goes_to_the_next() {
    let mut config = config();
    let mut second = config.carriers[0].clone();
    second.id = CarrierId("second".into());
    second.host = "203.0.113.6".parse().unwrap();
    config.carriers.push(second);
    let mut world = World::with(config, 1);
    world.open_carrier_flow(FlowId(2), "second");
    let app = world.connect(COURIER);
    world.app_calls(app, ORDER);
    let hosts = |request: doorstep_sip::msg::Request| request.uri.as_sip().unwrap().host.to_string();
    let (b, request) = world.invited(Who::Carrier);
    assert_eq!(hosts(request), "203.0.113.5");
    world.reject(Who::Carrier, b, 503);
    let (b, request) = world.invited(Who::Carrier);
    assert_eq!(hosts(request), "203.0.113.6");
    world.answer(Who::Carrier, b, PHONE_ANSWER);
    world.answered(Who::App(app));

    // What a phone says is not asked of another carrier; and when all fail, the trunk is down.
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.reject(Who::Carrier, b, 486);
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::BUSY_HERE);
    world.app_calls(app, ORDER);
    for _ in 0..2 {
        let (b, _) = world.invited(Who::Carrier);
        world.reject(Who::Carrier, b, 500);
    }
    assert_eq!(world.refused(Who::App(app)).status, StatusCode::SERVICE_UNAVAILABLE);
    // Nor is one that rang.
    world.app_calls(app, ORDER);
    let (b, _) = world.invited(Who::Carrier);
    world.ring(Who::Carrier, b);
    world.reject(Who::Carrier, b, 500);
    world.refused(Who::App(app));
    assert_eq!(world.count("Trunk: INVITE"), 6);
}
