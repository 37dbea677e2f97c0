use std::sync::Arc;

use doorstep::audio::{AudioDevice, AudioFactory, DeviceError, Tone};
use doorstep::{Call, CallState, Client, EndReason};

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::within;

/// A call in which the courier says a tone; the far side has not answered, but the path is there.
async fn calling() -> (Gateway, Client, Call) {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.audio = Arc::new(Tone { hz: 440.0 });
    let client = Client::connect(config).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    within(call.state().wait_for(|call| call.media_connected)).await.unwrap();
    (gateway, client, call)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_courier_is_heard_from_the_answer_on_unless_muted() {
    let (gateway, client, call) = calling().await;
    assert!(!*gateway.hears.borrow(), "heard before the answer");
    gateway.order(Order::Answer).await;
    gateway.until_hears(true).await;
    call.mute(true).await.unwrap();
    gateway.until_hears(false).await;
    let muted = CallState::Active { muted: true, held_locally: false, held_remotely: false };
    within(call.state().wait_for(|call| call.state == muted)).await.unwrap();
    call.mute(false).await.unwrap();
    gateway.until_hears(true).await;
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_muted_before_the_answer_is_not_heard_after_it() {
    let (gateway, client, call) = calling().await;
    call.mute(true).await.unwrap();
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    call.send_dtmf("5").await.unwrap();
    let mut gateway = gateway;
    // By then voice has had its chance.
    gateway.until(Seen::Digit('5')).await;
    assert!(!*gateway.hears.borrow());
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_arrive_in_their_order_also_those_that_were_pressed_before_the_answer() {
    let (mut gateway, client, call) = calling().await;
    call.send_dtmf("1*").await.unwrap();
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    call.send_dtmf("1#").await.unwrap();
    let mut digits = String::new();
    while digits.len() < 4 {
        if let Seen::Digit(digit) = gateway.seen().await {
            digits.push(digit);
        }
    }
    assert_eq!(digits, "1*1#");
    client.shutdown().await;
}

/// No microphone.
struct Broken;

impl AudioFactory for Broken {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Err(DeviceError::NoMicrophone)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_microphone_there_is_no_call() {
    let gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.audio = Arc::new(Broken);
    let client = Client::connect(config).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    assert_eq!(within(call.ended()).await.reason, EndReason::MediaFailed);
    client.shutdown().await;
}
