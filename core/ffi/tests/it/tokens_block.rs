use std::sync::Arc;

use async_trait::async_trait;
use doorstep_ffi::{AccessToken, CallState, Client, TokenError, TokenProvider};
use tokio::sync::mpsc;

use crate::stage::{Events, Gate, config, good_token};
use crate::support::gateway::Gateway;
use crate::support::within;

/// Blocks its thread, as no async function should.
struct Blocks(Arc<Gate>);

#[async_trait]
impl TokenProvider for Blocks {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        self.0.pass();
        Ok(good_token())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_blocks_its_thread_holds_up_nothing_else() {
    let mut gateway = Gateway::start().await;
    // As many as would take every thread of the core.
    let gates: Vec<Arc<Gate>> = (0..4).map(|_| Arc::default()).collect();
    let tokens = |gate: &Arc<Gate>| Arc::new(Blocks(Arc::clone(gate)));
    let clients: Vec<_> =
        gates.iter().map(|gate| Client::new(config(&gateway, tokens(gate))).unwrap()).collect();
    for (client, gate) in clients.iter().zip(&gates) {
        let call = client.contact_customer("4711".to_owned()).await.unwrap();
        gate.until_somebody_waits();
        assert_eq!(call.snapshot().state, CallState::Connecting);
        let mut events = Events::of(client);
        within(call.hang_up()).await.unwrap();
        events.until_ended(call.id()).await;
    }
    // One gets its token after all.
    let call = clients[0].contact_customer("4711".to_owned()).await.unwrap();
    gates[0].open();
    gateway.until_invited().await;
    within(call.hang_up()).await.unwrap();
    for client in &clients {
        within(client.shut_down()).await.unwrap();
    }
    for gate in gates {
        gate.open();
    }
}

/// Never answers, and tells when it is given up.
struct Hangs(mpsc::Sender<&'static str>);

struct GivenUp(mpsc::Sender<&'static str>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.try_send("given up").unwrap();
    }
}

#[async_trait]
impl TokenProvider for Hangs {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        let _given_up = GivenUp(self.0.clone());
        self.0.try_send("asked").unwrap();
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_never_answers_is_given_up_with_the_client() {
    let gateway = Gateway::start().await;
    let (sender, mut told) = mpsc::channel(4);
    let client = Client::new(config(&gateway, Arc::new(Hangs(sender)))).unwrap();
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    assert_eq!(within(told.recv()).await, Some("asked"));
    within(client.shut_down()).await.unwrap();
    assert_eq!(within(told.recv()).await, Some("given up"));
    assert!(call.end().is_some());
    drop((client, call));
    assert_eq!(within(told.recv()).await, None, "and it is released");
}
