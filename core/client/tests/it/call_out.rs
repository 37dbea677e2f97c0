use doorstep::{CallState, Client, EndReason, Event};

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::{event, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_courier_calls_the_customer_and_hangs_up() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let mut events = client.events();
    let call = client.contact_customer("4711").await.unwrap();
    assert_eq!(call.snapshot().state, CallState::Connecting);
    assert_eq!(gateway.seen().await, Seen::Connected { authorization: Some("Bearer t0ken".to_owned()) });
    assert_eq!(gateway.until_invited().await, "sip:order.4711@localhost");
    // The path is there before anybody answers.
    within(call.state().wait_for(|call| call.media_connected)).await.unwrap();

    gateway.order(Order::Ring).await;
    within(call.state().wait_for(|call| call.state == CallState::Ringing)).await.unwrap();
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Confirmed).await;
    event(&mut events, |event| matches!(event, Event::FirstAudio { .. }).then_some(())).await;

    call.hang_up().await.unwrap();
    gateway.until_ended().await;
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUpHere);
    assert!(client.calls().is_empty());
    client.shutdown().await;
}
