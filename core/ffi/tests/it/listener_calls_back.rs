use std::sync::{Arc, Mutex};

use doorstep_ffi::{CallState, Client, Event, Subscription};
use tokio::sync::mpsc;

use crate::stage::{Events, GoodTokens, Listener, block_on, client, config, config_at};
use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_may_do_anything_that_the_app_may() {
    let mut gateway = Gateway::start().await;
    let mut wanted = config(&gateway, Arc::new(GoodTokens));
    wanted.reachable = true;
    let client = Client::new(wanted).unwrap();
    let (sender, mut done) = mpsc::channel(1);
    let listener = Listener::new({
        let (client, port) = (Arc::clone(&client), gateway.address.port());
        move |event| {
            let Event::IncomingCall { call } = event else { return Ok(()) };
            let call = client.call(call.id).unwrap();
            // It waits in there for what comes back only by the client's own doing.
            block_on(call.answer()).unwrap();
            block_on(client.set_background(true)).unwrap();
            block_on(client.network_changed()).unwrap();
            assert_eq!(client.calls().len(), 1);
            // A second client, from beginning to end.
            let second = Client::new(config_at(port, Arc::new(GoodTokens))).unwrap();
            block_on(second.shut_down()).unwrap();
            let _ = sender.try_send(call);
            Ok(())
        }
    });
    let _subscription = client.subscribe(listener).unwrap();
    let mut events = Events::of(&client);
    while !matches!(gateway.seen().await, Seen::Registered { .. }) {}
    gateway.order(Order::Call { order: "4711", label: "Order 4711" }).await;
    let call = within(done.recv()).await.unwrap();
    let is_active = |event| match event {
        Event::CallChanged { call } => matches!(call.state, CallState::Active { .. }).then_some(()),
        _ => None,
    };
    events.until(is_active).await;
    call.hang_up().await.unwrap();
    events.until_ended(call.id()).await;
    client.shut_down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_may_stop_its_own_subscription() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let own: Arc<Mutex<Option<Arc<Subscription>>>> = Arc::default();
    let (sender, mut heard) = mpsc::channel(16);
    let listener = Listener::new({
        let own = Arc::clone(&own);
        move |event| {
            // Held by the test until the subscription is there.
            let subscription = own.lock().unwrap().take().unwrap();
            subscription.stop();
            drop(subscription);
            sender.try_send(event).unwrap();
            Ok(())
        }
    });
    {
        let mut own = own.lock().unwrap();
        *own = Some(client.subscribe(listener).unwrap());
    }
    // More happens than one event.
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    call.hang_up().await.unwrap();
    client.shut_down().await.unwrap();
    assert!(within(heard.recv()).await.is_some());
    assert_eq!(within(heard.recv()).await, None, "one event, then the listener is released");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_may_let_go_of_the_client() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let (give, given) = std::sync::mpsc::channel::<Arc<Client>>();
    let given = Mutex::new(Some(given));
    let (sender, mut heard) = mpsc::channel(256);
    let listener = Listener::new(move |event| {
        // At the first event: waits for the last handle there is, and drops it.
        let last = given.lock().unwrap().take();
        drop(last.map(|given| given.recv().unwrap()));
        sender.try_send(event).unwrap();
        Ok(())
    });
    let subscription = client.subscribe(listener).unwrap();
    client.contact_customer("4711".to_owned()).await.unwrap();
    give.send(client).unwrap();
    let mut events = Vec::new();
    while let Some(event) = within(heard.recv()).await {
        events.push(event);
    }
    assert!(events.iter().any(|event| matches!(event, Event::CallEnded { .. })), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Closed));
    drop(subscription);
}
