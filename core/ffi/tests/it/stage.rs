//! A courier's end as the platforms make it.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use doorstep_ffi::{
    AccessToken, AudioChoice, CallbackError, Client, ClientConfig, DoorstepError, Event, EventListener,
    Subscription, TokenError, TokenProvider,
};
use tokio::sync::mpsc;

use crate::support::gateway::Gateway;
use crate::support::within;

/// Far longer than anything here takes: it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration for this gateway.
pub(crate) fn config(gateway: &Gateway, tokens: Arc<dyn TokenProvider>) -> ClientConfig {
    let pins = vec![gateway.identity.pin.to_string()];
    ClientConfig { pins, pins_suffice: true, ..config_at(gateway.address.port(), tokens) }
}

/// A configuration for whatever listens there; it is not trusted.
pub(crate) fn config_at(port: u16, tokens: Arc<dyn TokenProvider>) -> ClientConfig {
    ClientConfig {
        gateway: format!("wss://localhost:{port}/ws"),
        tokens,
        instance: None,
        push: None,
        audio: AudioChoice::Silence,
        pins: Vec::new(),
        pins_suffice: false,
        reachable: false,
    }
}

pub(crate) fn client(gateway: &Gateway) -> Arc<Client> {
    Client::new(config(gateway, Arc::new(GoodTokens))).unwrap()
}

/// Always has one.
pub(crate) struct GoodTokens;

pub(crate) fn good_token() -> AccessToken {
    AccessToken { text: "t0ken".to_owned(), expires_in: None }
}

#[async_trait]
impl TokenProvider for GoodTokens {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Ok(good_token())
    }
}

type Heard = dyn Fn(Event) -> Result<(), CallbackError> + Send + Sync;

/// A listener that is one function.
pub(crate) struct Listener(Box<Heard>);

impl Listener {
    pub(crate) fn new(
        heard: impl Fn(Event) -> Result<(), CallbackError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self(Box::new(heard)))
    }
}

impl EventListener for Listener {
    fn on_event(&self, event: Event) -> Result<(), CallbackError> {
        (self.0)(event)
    }
}

/// What is thrown by code that fails.
pub(crate) fn thrown() -> CallbackError {
    CallbackError::Failed { why: "it was thrown".to_owned() }
}

/// Reads a client's events.
pub(crate) struct Events {
    queue: mpsc::Receiver<Event>,
    _subscription: Arc<Subscription>,
}

impl Events {
    pub(crate) fn of(client: &Client) -> Self {
        let (sender, queue) = mpsc::channel(4_096);
        let listener = Listener::new(move |event| sender.try_send(event).map_err(|_| thrown()));
        Self { queue, _subscription: client.subscribe(listener).unwrap() }
    }

    pub(crate) async fn next(&mut self) -> Option<Event> {
        within(self.queue.recv()).await
    }

    /// Reads on until one fits.
    pub(crate) async fn until<T>(&mut self, mut fits: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = fits(self.next().await.expect("the client is closed")) {
                return found;
            }
        }
    }

    /// Reads on until a call is over.
    pub(crate) async fn until_ended(&mut self, call: u64) {
        self.until(|event| matches!(event, Event::CallEnded { id, .. } if id == call).then_some(())).await;
    }
}

/// Holds up whoever comes, until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// Blocks the thread.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.changed.notify_all();
        let (mut state, late) =
            self.changed.wait_timeout_while(state, PATIENCE, |state| !state.open).unwrap();
        state.waiting -= 1;
        assert!(!late.timed_out(), "the gate stays shut");
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    /// Blocks the thread until somebody is held up.
    pub(crate) fn until_somebody_waits(&self) {
        let state = self.state.lock().unwrap();
        let nobody = |state: &mut GateState| state.waiting == 0;
        let (state, late) = self.changed.wait_timeout_while(state, PATIENCE, nobody).unwrap();
        drop(state);
        assert!(!late.timed_out(), "nobody comes");
    }
}

/// Waits for a future on a thread that is no runtime's, as Swift and Kotlin may.
pub(crate) fn block_on<T>(what: impl Future<Output = Result<T, DoorstepError>>) -> Result<T, DoorstepError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(within(what))
}
