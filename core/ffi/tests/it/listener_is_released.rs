use std::sync::Arc;

use tokio::sync::mpsc;

use crate::stage::{Gate, Listener, client};
use crate::support::gateway::Gateway;
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_dropped_while_its_listener_runs_ends_after_that_event() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let gate = Arc::new(Gate::default());
    let (sender, mut heard) = mpsc::channel(16);
    let listener = Listener::new({
        let gate = Arc::clone(&gate);
        move |event| {
            gate.pass();
            sender.try_send(event).unwrap();
            Ok(())
        }
    });
    let released = Arc::downgrade(&listener);
    let subscription = client.subscribe(listener).unwrap();
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    gate.until_somebody_waits();
    drop((subscription, call, client));
    assert!(released.upgrade().is_some(), "it runs, and what it holds is there");
    gate.open();
    assert!(within(heard.recv()).await.is_some());
    assert_eq!(within(heard.recv()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_nothing_happens_for_is_released_with_its_subscription() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let (sender, mut heard) = mpsc::channel(256);
    let listener = Listener::new(move |event| {
        sender.try_send(event).unwrap();
        Ok(())
    });
    drop(client.subscribe(listener).unwrap());
    while within(heard.recv()).await.is_some() {}
    client.shut_down().await.unwrap();
}
