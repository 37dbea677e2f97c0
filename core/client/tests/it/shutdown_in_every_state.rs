use std::time::Duration;

use doorstep::{Call, CallState, Client, EndReason, Event};
use doorstep_sip::ua::EndCause;

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::server::{Manners, Server};
use crate::support::{event, registered, within};

async fn ends_here(client: &Client, call: &Call) {
    within(client.shutdown()).await;
    assert_eq!(call.end().unwrap().reason, EndReason::Shutdown);
    assert_eq!(call.snapshot().state, CallState::Ended(EndReason::Shutdown));
    assert!(client.calls().is_empty());
}

#[tokio::test]
async fn while_connecting() {
    let server = Server::start(Manners::Mute).await;
    let mut config = Gateway::start().await.config();
    config.gateway = server.url().parse().unwrap();
    let client = Client::connect(config).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    ends_here(&client, &call).await;
}

#[tokio::test]
async fn while_calling_and_ringing() {
    for ring in [false, true] {
        let mut gateway = Gateway::start().await;
        let client = Client::connect(gateway.config()).await.unwrap();
        let call = client.contact_customer("4711").await.unwrap();
        gateway.until_invited().await;
        if ring {
            gateway.order(Order::Ring).await;
            within(call.state().wait_for(|call| call.state == CallState::Ringing)).await.unwrap();
        }
        ends_here(&client, &call).await;
        // CANCEL.
        assert!(matches!(gateway.until_ended().await, EndCause::Remote { .. }));
    }
}

#[tokio::test]
async fn while_it_rings_here() {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    registered(&client).await;
    gateway.order(Order::Call { order: "4711", label: "Order 4711" }).await;
    let call = event(&mut events, |event| match event {
        Event::Incoming(call) => Some(call),
        _ => None,
    })
    .await;
    ends_here(&client, &call).await;
    assert!(matches!(gateway.until_ended().await, EndCause::Refused { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_talking_it_says_bye_unregisters_and_closes() {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    let client = Client::connect(config).await.unwrap();
    registered(&client).await;
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Confirmed).await;
    ends_here(&client, &call).await;
    let mut last = Vec::new();
    for _ in 0..3 {
        last.push(gateway.seen().await);
    }
    assert!(last.iter().any(|seen| matches!(seen, Seen::Ended(EndCause::Remote { .. }))), "{last:?}");
    assert!(last.contains(&Seen::Registered { expires_s: 0, push: false }), "{last:?}");
    assert_eq!(last[2], Seen::Disconnected);
}

#[tokio::test]
async fn with_a_gateway_that_is_gone() {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    let client = Client::connect(config).await.unwrap();
    registered(&client).await;
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Vanish).await;
    ends_here(&client, &call).await;
}

#[tokio::test]
async fn with_a_gateway_that_answers_nothing_it_takes_its_time_and_no_longer() {
    let mut server = Server::start(Manners::Polite).await;
    let mut config = Gateway::start().await.config();
    config.gateway = server.url().parse().unwrap();
    config.transport.tls = server.tls();
    config.register = true;
    config.shutdown_timeout = Duration::from_millis(200);
    let client = Client::connect(config).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    let _peer = server.accept().await;
    within(client.connection().wait_for(|state| *state == doorstep::ConnectionState::Connected))
        .await
        .unwrap();
    ends_here(&client, &call).await;
}

#[tokio::test]
async fn twice_and_by_dropping_the_last_handle() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let other = client.clone();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    drop(client);
    assert!(call.end().is_none(), "another handle is left");
    drop(other);
    assert_eq!(within(call.ended()).await.reason, EndReason::Shutdown);
    assert!(matches!(gateway.until_ended().await, EndCause::Remote { .. }));

    let client = Client::connect(gateway.config()).await.unwrap();
    let other = client.clone();
    within(async { tokio::join!(client.shutdown(), other.shutdown()) }).await;
    within(client.shutdown()).await;
}
