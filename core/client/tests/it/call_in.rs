use doorstep::{Call, CallState, Client, EndReason, Event};
use doorstep_sip::ua::EndCause;

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::{event, registered, within};

/// A registered client that is called for order 4711.
async fn called() -> (Gateway, Client, Call) {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    registered(&client).await;
    gateway.order(Order::Call { order: "4711", label: "Pizza for Mia" }).await;
    let call = event(&mut events, |event| match event {
        Event::Incoming(call) => Some(call),
        _ => None,
    })
    .await;
    gateway.until(Seen::Rings).await;
    (gateway, client, call)
}

async fn status(gateway: &mut Gateway) -> u16 {
    match gateway.until_ended().await {
        EndCause::Refused { response } => response.status.code(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_shows_its_label_is_taken_and_ends_when_the_customer_hangs_up() {
    let (mut gateway, client, call) = called().await;
    assert_eq!(call.snapshot().label.unwrap().expose(), "Pizza for Mia");
    assert_eq!(call.snapshot().state, CallState::Incoming);
    // The path is there while it still rings.
    within(call.state().wait_for(|call| call.media_connected)).await.unwrap();
    call.answer().await.unwrap();
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Taken).await;
    gateway.order(Order::HangUp).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUpThere);
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_call_is_declined() {
    let (mut gateway, client, call) = called().await;
    call.reject().await.unwrap();
    assert_eq!(within(call.ended()).await.reason, EndReason::DeclinedHere);
    assert_eq!(status(&mut gateway).await, 603);
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_rejected_as_busy_is_busy() {
    let (mut gateway, client, call) = called().await;
    call.reject_busy().await.unwrap();
    assert_eq!(status(&mut gateway).await, 486);
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_gives_up_ends_the_ringing() {
    let (gateway, client, call) = called().await;
    gateway.order(Order::HangUp).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::Cancelled);
    client.shutdown().await;
}
