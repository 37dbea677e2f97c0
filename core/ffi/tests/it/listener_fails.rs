use std::sync::Arc;

use doorstep_ffi::{Event, EventListener};
use tokio::sync::mpsc;

use crate::stage::{Listener, client, thrown};
use crate::support::gateway::Gateway;
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_throws_hears_every_event_all_the_same() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let (sender, mut heard) = mpsc::channel(256);
    let listener: Arc<dyn EventListener> = Listener::new(move |event| {
        sender.try_send(event).unwrap();
        Err(thrown())
    });
    let _subscription = client.subscribe(listener).unwrap();
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    call.hang_up().await.unwrap();
    client.shut_down().await.unwrap();

    let mut events = Vec::new();
    while let Some(event) = within(heard.recv()).await {
        events.push(event);
    }
    let ended = events.iter().filter(|event| matches!(event, Event::CallEnded { .. })).count();
    assert_eq!(ended, 1, "{events:?}");
    assert_eq!(events.last(), Some(&Event::Closed), "and the last; then the listener is released");
}
