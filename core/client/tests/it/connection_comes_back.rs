use doorstep::{CallState, Client, EndReason, Event};

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::{event, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_survives_the_loss_of_its_connection() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let mut events = client.events();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Confirmed).await;

    gateway.order(Order::Vanish).await;
    within(call.state().wait_for(|call| call.state == CallState::Reconnecting)).await.unwrap();
    event(&mut events, |event| matches!(event, Event::ConnectFailed(_)).then_some(())).await;
    gateway.order(Order::Return).await;
    // Nobody waits for the back-off when the network is said to have changed.
    client.network_changed().await.unwrap();
    within(call.state().wait_for(|call| matches!(call.state, CallState::Active { .. }))).await.unwrap();

    gateway.order(Order::HangUp).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUpThere);
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_network_means_a_new_connection_to_which_the_call_moves() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Confirmed).await;
    client.network_changed().await.unwrap();
    // The old connection is left once the new one carries all.
    let mut seen = Vec::new();
    while !seen.contains(&Seen::Disconnected) {
        seen.push(gateway.seen().await);
    }
    assert!(seen.contains(&Seen::Connected { authorization: Some("Bearer t0ken".to_owned()) }), "{seen:?}");
    within(call.state().wait_for(|call| matches!(call.state, CallState::Active { .. }))).await.unwrap();
    call.hang_up().await.unwrap();
    gateway.until_ended().await;
    client.shutdown().await;
}
