use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use doorstep::{
    Call, CallState, Client, Config, ConnectError, Credentials, EndReason, Event, PushFault, PushMessage,
    PushOutcome, PushTarget, Sensitive, Token, TokenFailure, TokenProvider, Wake,
};
use doorstep_sip::ua::EndCause;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::{event, registered, within};

/// A push for a call that is good for so many seconds, as Apple delivers it.
fn push(call: &str, good_for_s: i64) -> PushMessage {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let payload = json!({
        "aps": {},
        "v": 1,
        "call": call,
        "order": "4711",
        "label": "Order 4711",
        "gateway": "wss://elsewhere.example/ws",
        "sent_at": now,
        "expires_at": now + good_for_s * 1000,
        "kind": "incoming",
    });
    PushMessage::from_json(payload.to_string().as_bytes())
}

/// As at the device's registration.
fn config(gateway: &Gateway) -> Config {
    let mut config = gateway.config();
    config.instance = Some("5f1f6a2e-0c3d-4b7e-9a55-3f1f0a9d8c11".to_owned());
    config.push = Some(PushTarget {
        provider: "apns".to_owned(),
        param: "TEAM.com.example.courier.voip".to_owned(),
        prid: Sensitive::new("device".to_owned()),
    });
    config
}

/// An app that was started by a push, and its call, which rings.
async fn woken(gateway: &Gateway, call: &str) -> (Client, Call) {
    let (client, wake) = Client::woken(config(gateway), push(call, 30)).unwrap();
    let call = rings(&client, wake).await;
    (client, call)
}

async fn rings(client: &Client, wake: Wake) -> Call {
    match within(wake.outcome()).await {
        PushOutcome::Rings { call } => client.call(call).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_woken_app_gets_the_call_that_waits_for_its_registration() {
    let mut gateway = Gateway::start().await;
    gateway.order(Order::CallWhoRegisters { call_id: "call-1" }).await;
    let (client, wake) = Client::woken(config(&gateway), push("call-1", 30)).unwrap();
    let mut events = client.events();
    let call = rings(&client, wake).await;
    assert_eq!(call.snapshot().state, CallState::Incoming);
    gateway.until(Seen::Registered { expires_s: 3600, push: true }).await;
    within(call.state().wait_for(|call| !call.awaits_invite)).await.unwrap();
    let shown = event(&mut events, |event| match event {
        Event::Incoming(call) => Some(call.id()),
        _ => None,
    });
    assert_eq!(shown.await, call.id());
    within(call.state().wait_for(|call| call.media_connected)).await.unwrap();
    call.answer().await.unwrap();
    within(call.answered()).await.unwrap();
    assert_eq!(client.calls().len(), 1, "the push and the INVITE are one call");
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_may_be_pressed_before_anything_is_connected() {
    let mut gateway = Gateway::start().await;
    gateway.order(Order::CallWhoRegisters { call_id: "call-1" }).await;
    let (client, call) = woken(&gateway, "call-1").await;
    call.answer().await.unwrap();
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Taken).await;
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_declined_before_it_came_is_declined_when_it_comes() {
    let mut gateway = Gateway::start().await;
    gateway.order(Order::CallWhoRegisters { call_id: "call-1" }).await;
    let (client, call) = woken(&gateway, "call-1").await;
    call.reject().await.unwrap();
    assert_eq!(within(call.ended()).await.reason, EndReason::DeclinedHere);
    let EndCause::Refused { response } = gateway.until_ended().await else { panic!() };
    assert_eq!(response.status.code(), 603);
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_leaves_keeps_its_registration_and_one_that_shuts_down_does_not() {
    let mut gateway = Gateway::start().await;
    let (client, call) = woken(&gateway, "call-1").await;
    registered(&client).await;
    client.leave().await;
    assert_eq!(within(call.ended()).await.reason, EndReason::Shutdown);
    assert!(client.wake(push("call-2", 30)).is_err());
    gateway.until(Seen::Registered { expires_s: 3600, push: true }).await;
    assert_eq!(gateway.seen().await, Seen::Disconnected, "not another word before");
    let (client, _) = woken(&gateway, "call-3").await;
    registered(&client).await;
    client.shutdown().await;
    gateway.until(Seen::Registered { expires_s: 0, push: true }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_push_has_an_outcome_that_its_caller_and_the_events_name() {
    let gateway = Gateway::start().await;
    let (client, wake) = Client::woken(config(&gateway), PushMessage::from_json(b"{")).unwrap();
    let mut events = client.events();
    let malformed = PushOutcome::Malformed { fault: PushFault::NotAnObject };
    assert_eq!(within(wake.outcome()).await, malformed);
    assert_eq!(malformed.end_reason(), Some(EndReason::ProtocolError));
    let late = client.wake(push("late", -1)).unwrap();
    assert_eq!(within(late.outcome()).await, PushOutcome::Expired);
    let first = client.wake(push("call-1", 30)).unwrap();
    let call = rings(&client, first).await;
    let again = client.wake(push("call-1", 30)).unwrap();
    assert_eq!(within(again.outcome()).await, PushOutcome::Known { call: call.id() });
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(
            event(&mut events, |event| match event {
                Event::Push { call_id, outcome } => Some((call_id, outcome.code())),
                _ => None,
            })
            .await,
        );
    }
    let named = |name: &str| Some(name.to_owned());
    let expected = [
        (None, "malformed"),
        (named("late"), "expired"),
        (named("call-1"), "rings"),
        (named("call-1"), "known"),
    ];
    assert_eq!(told, expected);
    client.shutdown().await;
}

/// A backend that answers when it is let.
struct Slow(Arc<Semaphore>);

#[async_trait]
impl TokenProvider for Slow {
    async fn token(&self) -> Result<Token, TokenFailure> {
        self.0.acquire().await.map_err(|_| TokenFailure::Unavailable)?.forget();
        Ok(Token::new("t0ken"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_rings_while_the_token_is_still_on_its_way() {
    let gateway = Gateway::start().await;
    gateway.order(Order::CallWhoRegisters { call_id: "call-1" }).await;
    let gate = Arc::new(Semaphore::new(0));
    let mut config = config(&gateway);
    config.credentials = Credentials::Token(Arc::new(Slow(Arc::clone(&gate))));
    let (client, wake) = Client::woken(config, push("call-1", 30)).unwrap();
    let call = rings(&client, wake).await;
    call.answer().await.unwrap();
    assert!(call.snapshot().awaits_invite);
    gate.add_permits(1);
    within(call.answered()).await.unwrap();
    client.shutdown().await;
}

#[tokio::test]
async fn a_gateway_that_nobody_answers_at_leaves_a_ring_with_a_deadline() {
    let gateway = Gateway::start().await;
    let mut config = config(&gateway);
    drop(gateway);
    config.endpoint.ring_timeout = Duration::from_millis(300);
    let (client, wake) = Client::woken(config, push("call-1", 30)).unwrap();
    let call = rings(&client, wake).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::Expired);
    client.shutdown().await;
}

#[tokio::test]
async fn a_faulty_configuration_is_told_at_once() {
    let gateway = Gateway::start().await;
    let mut config = config(&gateway);
    config.gateway = "ws://192.0.2.1/ws".parse().unwrap();
    let refused = Client::woken(config, push("call-1", 30)).map(|_| ());
    assert!(matches!(refused, Err(ConnectError::Transport(_))), "{refused:?}");
}

#[test]
fn without_a_runtime_it_says_so() {
    let config = Config::new("wss://localhost/ws".parse().unwrap(), Credentials::None);
    let refused = Client::woken(config, push("call-1", 30)).map(|_| ());
    assert!(matches!(refused, Err(ConnectError::Runtime)), "{refused:?}");
}
