use std::time::Duration;

use doorstep::transport::{TlsFailure, TransportError};
use doorstep::{Client, ConnectionState, EndReason, Event};
use tokio::time::Instant;

use crate::support::gateway::{Gateway, Order};
use crate::support::server::{Identity, Manners};
use crate::support::{event, jump, within};

#[tokio::test]
async fn waits_grow_are_spread_and_never_end() {
    let gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    let (base, cap) = (config.endpoint.backoff_base, config.endpoint.backoff_cap);
    gateway.order(Order::Vanish).await;
    let start = Instant::now();
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    let mut waits = Vec::new();
    while waits.len() < 40 {
        let until = event(&mut events, |event| match event {
            Event::Connection(ConnectionState::Waiting { until }) => Some(until.since_epoch()),
            _ => None,
        })
        .await;
        // The client's clock began after the test's.
        waits.push(until.saturating_sub(start.elapsed()));
        jump(cap).await;
    }
    assert!(waits[0] <= base, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= cap), "{waits:?}");
    // Full jitter: short waits among long ones.
    assert!(waits[10..].iter().any(|wait| *wait > cap / 2) && waits[10..].iter().any(|wait| *wait < cap / 2));
    client.shutdown().await;
}

#[tokio::test]
async fn a_busy_gateway_is_left_alone_for_as_long_as_it_asks() {
    let gateway = Gateway::with(Manners::Refuse(503, Some(("Retry-After", "40")), "")).await;
    let mut config = gateway.config();
    config.register = true;
    config.endpoint.backoff_base = Duration::from_millis(10);
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    let mut attempt = async || {
        let busy =
            |event| matches!(event, Event::ConnectFailed(TransportError::Busy { .. })).then(Instant::now);
        event(&mut events, busy).await
    };
    let first = attempt().await;
    jump(Duration::from_millis(39_900)).await;
    assert!(attempt().await - first >= Duration::from_secs(40));
    client.shutdown().await;
}

#[tokio::test]
async fn a_call_without_a_network_says_so() {
    let gateway = Gateway::start().await;
    let config = gateway.config();
    let patience = config.endpoint.connect_timeout;
    gateway.order(Order::Vanish).await;
    let client = Client::connect(config).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    jump(patience).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::NoNetwork);
    client.shutdown().await;
}

#[tokio::test]
async fn a_gateway_with_another_key_is_not_talked_to() {
    let gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    config.transport.tls.pins = vec![Identity::new(&["localhost"]).pin];
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    let error = event(&mut events, |event| match event {
        Event::ConnectFailed(error) => Some(error),
        _ => None,
    })
    .await;
    assert_eq!(error, TransportError::Tls(TlsFailure::PinMismatch));
    within(client.shutdown()).await;
}
