use std::sync::Arc;

use doorstep_ffi::Event;
use tokio::sync::mpsc;

use crate::stage::{Events, Gate, Listener, client};
use crate::support::gateway::{Gateway, Order};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_made_from_end_to_end_while_a_listener_blocks() {
    let mut gateway = Gateway::start().await;
    let client = client(&gateway);
    let gate = Arc::new(Gate::default());
    let (sender, mut late) = mpsc::channel(4_096);
    let blocking = Listener::new({
        let gate = Arc::clone(&gate);
        move |event| {
            gate.pass();
            sender.try_send(event).unwrap();
            Ok(())
        }
    });
    let _subscription = client.subscribe(blocking).unwrap();
    let mut events = Events::of(&client);
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    gate.until_somebody_waits();

    // Another listener hears at once, and the call takes no notice.
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    events.until(|event| matches!(event, Event::FirstAudio { .. }).then_some(())).await;
    call.hang_up().await.unwrap();
    events.until_ended(call.id()).await;
    within(client.shut_down()).await.unwrap();

    // Once it goes on, it has missed nothing.
    gate.open();
    let mut heard = Vec::new();
    while let Some(event) = within(late.recv()).await {
        heard.push(event);
    }
    let audio = heard.iter().position(|event| matches!(event, Event::FirstAudio { .. })).unwrap();
    let end = heard.iter().position(|event| matches!(event, Event::CallEnded { .. })).unwrap();
    assert!(audio < end, "in order");
    assert_eq!(heard.last(), Some(&Event::Closed));
}
