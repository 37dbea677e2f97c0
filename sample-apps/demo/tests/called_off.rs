//! The customer hangs up while the app that a push has started is still without a connection: a second push takes the call off the screen.
//! Gateway, push-service, Google's stand-in and the customer's phone are real programs; the telephone's system is the demo's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use doorstep::{
    Call, Client, Config, Credentials, EndReason, PushKind, PushMessage, PushOutcome, StaticToken,
};
use doorstep_demo::phone_os::{Carrier, PhoneOs};
use doorstep_demo::{Cast, Role, Stage, StageOptions, Story};

/// Longest that any single step may take, so that a failing test ends.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_gives_up_stops_the_ringing_of_an_app_that_is_not_connected() {
    let folder = tempfile::tempdir().unwrap();
    let cast = Cast::new(folder.path()).unwrap();
    let mut story = Story::default();
    let options = StageOptions { wakes: true, ..StageOptions::without_options([]) };
    let stage = Stage::set_up(&cast, &mut story, &options).await.unwrap();
    stage.place_order("4711", "Order 4711").await.unwrap();
    let phone = PhoneOs::new();
    install_app(&cast, &mut story, &stage, &phone).await;

    let mut customer = stage.customer_phone(&cast).unwrap();
    customer.args(["call", &stage.company]);
    let mut customer = cast.start(Role::Customer, "customer", customer, &story).unwrap();
    let push = next_push(&mut story, &phone).await;
    assert_eq!(push.payload().unwrap().kind, PushKind::Incoming);
    let called = push.payload().unwrap().call.clone();
    // A network that takes the connection and then says nothing.
    let silence = TcpListener::bind("127.0.0.1:0").unwrap();
    let (app, call) = woken(&stage, &format!("wss://{}/ws", silence.local_addr().unwrap()), push).await;
    assert_eq!(call.snapshot().label.unwrap().expose(), "Order 4711");
    assert!(call.end().is_none() && call.snapshot().awaits_invite, "it rings and has no INVITE");

    // As the person does who hangs up: the program says goodbye first.
    customer.stop().await.unwrap();
    let push = next_push(&mut story, &phone).await;
    let payload = push.payload().unwrap();
    assert_eq!((payload.kind, &payload.call), (PushKind::Cancel, &called));
    let outcome = app.wake(push).unwrap().outcome().await;
    assert_eq!(outcome, PushOutcome::CalledOff { call: call.id() });
    let ended = tokio::time::timeout(PATIENCE, call.ended()).await.expect("the ringing ends");
    assert_eq!(ended.reason, EndReason::Cancelled);
    app.leave().await;
    cast.end().await;
}

/// The courier has signed in once, and closed the app.
async fn install_app(cast: &Cast, story: &mut Story, stage: &Stage, phone: &PhoneOs) {
    let mut app = stage.courier_app(cast).unwrap();
    phone.introduce(&mut app, Carrier::Fcm, stage.push_param(Carrier::Fcm).unwrap());
    app.arg("register");
    let mut app = cast.start(Role::Courier, "courier-register", app, story).unwrap();
    app.end().await.unwrap();
    stage.until_device_is_known(Carrier::Fcm).await.unwrap();
}

/// The next push that the telephone's system hands to the app.
async fn next_push(story: &mut Story, phone: &PhoneOs) -> PushMessage {
    loop {
        let event = story.expect(Role::Provider, "push", PATIENCE).await.unwrap();
        if let Some(payload) = phone.receive(&event, Carrier::Fcm) {
            return PushMessage::from_json(payload.as_bytes());
        }
    }
}

/// The app as the push starts it, and the call that it shows.
async fn woken(stage: &Stage, gateway: &str, push: PushMessage) -> (Client, Call) {
    let token = stage.token(&stage.courier, Duration::from_secs(600)).unwrap();
    let credentials = Credentials::Token(Arc::new(StaticToken::new(token)));
    let (app, wake) = Client::woken(Config::new(gateway.parse().unwrap(), credentials), push).unwrap();
    match wake.outcome().await {
        PushOutcome::Rings { call } => {
            let call = app.call(call).unwrap();
            (app, call)
        }
        other => panic!("{other:?}"),
    }
}
