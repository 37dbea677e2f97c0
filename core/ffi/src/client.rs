//! A courier's end of the line.

use std::sync::Arc;

use doorstep::CallHandle;
use doorstep::Client as Inner;

use crate::events::subscribe;
use crate::push::PushFollower;
use crate::{
    Call, ClientConfig, Connection, DoorstepError, EventListener, PushInput, PushTarget, Registration,
    Subscription, runtime,
};

/// A courier's end of the line: one connection to the gateway, and the calls over it.
#[derive(Debug, uniffi::Object)]
pub struct Client(Inner);

/// A client that a push has started.
#[derive(uniffi::Record)]
pub struct WokenClient {
    /// The client.
    pub client: Arc<Client>,
    /// What comes of the push.
    pub push: Arc<PushFollower>,
}

#[uniffi::export]
impl Client {
    /// Starts a client; it connects in the background and works offline, too. Waits for nothing of the network.
    ///
    /// # Errors
    /// `InvalidGateway`, `InvalidPin`, `Platform`.
    #[uniffi::constructor]
    pub fn new(config: ClientConfig) -> Result<Arc<Self>, DoorstepError> {
        let config = config.try_into()?;
        // Not `block_on`, which panics where an executor runs already, as in a callback.
        let client = runtime::wait(async move { Ok(Inner::connect(config).await?) })?;
        Ok(Arc::new(Self(client)))
    }

    /// Begins a call to an order's customer. Whatever stands against it ends the call with a reason.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn contact_customer(&self, order: String) -> Result<Arc<Call>, DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(Call::new(client.contact_customer(order).await?)) }).await
    }

    /// Calls any `sip:`, `sips:` or `tel:` URI, at a server that allows it.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn dial(&self, uri: String) -> Result<Arc<Call>, DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(Call::new(client.dial(uri).await?)) }).await
    }

    /// Every call that is not over.
    pub fn calls(&self) -> Vec<Arc<Call>> {
        self.0.calls().into_iter().map(Call::new).collect()
    }

    /// The call of this number, unless it is over.
    pub fn call(&self, id: u64) -> Option<Arc<Call>> {
        self.0.call(CallHandle(id)).map(Call::new)
    }

    /// The connection to the gateway.
    pub fn connection(&self) -> Connection {
        (*self.0.connection().borrow()).into()
    }

    /// Whether this client is reachable.
    pub fn registration(&self) -> Registration {
        (*self.0.registration().borrow()).into()
    }

    /// Tells `listener` what happens, in order, on a thread of its own, until the subscription is stopped or dropped. The first
    /// subscription also hears what has happened since the start.
    ///
    /// # Errors
    /// `Platform` when there is no thread to be had.
    pub fn subscribe(&self, listener: Arc<dyn EventListener>) -> Result<Arc<Subscription>, DoorstepError> {
        subscribe(self.0.events(), listener)
    }

    /// Tells that the device has changed its network.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn network_changed(&self) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(client.network_changed().await?) }).await
    }

    /// Where pushes for this app go from now on; `None`: nowhere.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn set_push_target(&self, target: Option<PushTarget>) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(client.set_push_target(target.map(Into::into)).await?) }).await
    }

    /// Hands in a push that has reached the running app. Returns at once.
    ///
    /// # Errors
    /// `TooBusy`, `ShutDown`.
    pub fn handle_push(&self, push: PushInput) -> Result<Arc<PushFollower>, DoorstepError> {
        Ok(Arc::new(PushFollower::new(self.0.wake(push)?)))
    }

    /// Tells whether the app is in the background: no keep-alive is sent then.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn set_background(&self, on: bool) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(client.set_background(on).await?) }).await
    }

    /// Be reachable, or no longer. Calls go on.
    ///
    /// # Errors
    /// `ShutDown`, `TooBusy`.
    pub async fn set_reachable(&self, on: bool) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move { Ok(client.set_reachable(on).await?) }).await
    }

    /// Ends all calls, unregisters and disconnects: the courier signs out. No push wakes this device any more.
    ///
    /// # Errors
    /// `Platform`.
    pub async fn shut_down(&self) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move {
            client.shutdown().await;
            Ok(())
        })
        .await
    }

    /// As [`leave`](Self::leave), in the background: for a platform's `close`, which must not wait.
    ///
    /// # Errors
    /// `Platform`.
    pub fn begin_leave(&self) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::handle()?.spawn(async move { client.leave().await });
        Ok(())
    }

    /// Ends all calls and disconnects, but stays registered: the app is closed, and a push will wake it.
    ///
    /// # Errors
    /// `Platform`.
    pub async fn leave(&self) -> Result<(), DoorstepError> {
        let client = self.0.clone();
        runtime::run(async move {
            client.leave().await;
            Ok(())
        })
        .await
    }
}

/// Starts a client in an app that a push has started. Returns at once: the call rings before there is a connection.
///
/// # Errors
/// `InvalidGateway`, `InvalidPin`, `Platform`.
#[uniffi::export]
pub fn start_woken(config: ClientConfig, push: PushInput) -> Result<WokenClient, DoorstepError> {
    let config = config.try_into()?;
    let runtime = runtime::handle()?;
    let _within = runtime.enter();
    let (client, wake) = Inner::woken(config, push)?;
    Ok(WokenClient { client: Arc::new(Client(client)), push: Arc::new(PushFollower::new(wake)) })
}
