use doorstep::{Client, Event};

use crate::support::gateway::{Gateway, Order};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_sleeps_stalls_no_call_and_is_told_what_it_missed() {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.event_queue = 4;
    let client = Client::connect(config).await.unwrap();
    let mut events = client.events();
    for _ in 0..3 {
        let call = client.contact_customer("4711").await.unwrap();
        gateway.until_invited().await;
        gateway.order(Order::Answer).await;
        within(call.answered()).await.unwrap();
        call.hang_up().await.unwrap();
        gateway.until_ended().await;
    }
    client.shutdown().await;
    let Some(Event::Lagged { missed }) = events.next().await else { panic!() };
    assert!(missed > 4);
    let mut rest = Vec::new();
    while let Some(event) = events.next().await {
        rest.push(event);
    }
    assert_eq!(rest.len(), 4, "{rest:?}");
    assert!(matches!(rest.last(), Some(Event::Closed)));
}

#[tokio::test]
async fn a_reader_that_comes_late_hears_what_follows_and_the_end() {
    let gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let first = client.events();
    let mut second = client.events();
    drop(first);
    client.shutdown().await;
    while !matches!(second.next().await, Some(Event::Closed)) {}
    assert!(second.next().await.is_none());
    // After the end there is nothing to wait for.
    let mut third = client.events();
    assert!(third.next().await.is_none());
}
