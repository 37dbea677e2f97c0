use std::fmt;
use std::sync::Arc;

use doorstep_call::{
    Auth, CallHandle, Command, ConnectionState, Endpoint, OrderId, PushTarget, RegistrationState, Sensitive,
};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::call::Call;
use super::config::{Config, Credentials};
use super::error::{ApiError, ConnectError};
use super::event::EventStream;
use super::push::{PushMessage, Wake};
use crate::driver::{self, Board, Commands, LegFactory, Life, Parts, Push, Request, Start, Stop};
use crate::transport::Gateway;

/// A courier's end of the line: one connection to the gateway, and the calls over it. A handle, of which there may be
/// several; when the last is dropped without [`shutdown`](Self::shutdown), calls end in the background.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    commands: Commands,
    board: Arc<Board>,
    life: Life,
}

impl Client {
    /// Starts a client. It connects in the background, now and whenever the connection is lost:
    /// [`Event::Connection`](crate::Event::Connection) and [`connection`](Self::connection) tell. It works offline, too:
    /// a call that is begun then waits for the connection.
    ///
    /// # Errors
    /// Only for a configuration that cannot work, see [`ConnectError`].
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        Handle::try_current().map_err(|_| ConnectError::Runtime)?;
        let gateway = Gateway::new(config.gateway.clone(), config.transport.clone())?;
        gateway.connector().await?;
        Ok(Self::begin(config, gateway, None))
    }

    /// Starts a client in an app that a push has started (PushKit, FCM). It returns at once and waits for nothing, so
    /// that the system's callback can go on to show the call: the call rings before there is a connection, may be
    /// answered and declined before, and ends by itself, with a reason, if it never comes. The client connects and
    /// registers, whatever the configuration says of [`register`](Config::register), and goes on as any other.
    ///
    /// Give the same [`instance`](Config::instance) and [`push`](Config::push) as when the device was registered.
    ///
    /// # Errors
    /// [`ConnectError::Transport`] when `ws://` would leave this machine, [`ConnectError::Runtime`]. Everything else, and
    /// a push that cannot be read, is told by [`Wake::outcome`] and events.
    pub fn woken(mut config: Config, push: impl Into<PushMessage>) -> Result<(Self, Wake), ConnectError> {
        Handle::try_current().map_err(|_| ConnectError::Runtime)?;
        let gateway = Gateway::new(config.gateway.clone(), config.transport.clone())?;
        config.register = true;
        let (reply, wake) = Wake::new();
        Ok((Self::begin(config, gateway, Some(Push { message: push.into(), reply })), wake))
    }

    fn begin(config: Config, gateway: Gateway, woken: Option<Push>) -> Self {
        let mut endpoint = config.endpoint;
        let (auth, tokens) = match config.credentials {
            Credentials::Token(provider) => (Auth::Token, Some(provider)),
            Credentials::Digest { username, password } => (Auth::Digest { username, password }, None),
            Credentials::None => (Auth::None, None),
        };
        endpoint.auth = auth;
        endpoint.user = config.user;
        endpoint.instance = config.instance.map_or_else(new_instance, |uuid| format!("urn:uuid:{uuid}"));
        endpoint.product.clone_from(&config.transport.user_agent);
        let mut first = Vec::new();
        if config.push.is_some() {
            first.push(Command::SetPush(config.push));
        }
        if config.register {
            first.push(Command::Register);
        }
        let parts = Parts {
            endpoint: Endpoint::new(endpoint, rand::random()),
            gateway: Arc::new(gateway),
            tokens,
            legs: LegFactory { media: config.media, audio: config.audio, gateway: config.gateway },
            first,
            woken,
            shutdown_timeout: config.shutdown_timeout,
        };
        let (commands, board, life) = driver::spawn(parts, config.event_queue);
        Self { inner: Arc::new(Inner { commands, board, life }) }
    }

    /// Calls the customer of an order. The call is there at once, and may be over as soon: [`Call::ended`] then says why
    /// (not your order, too many calls…). Other calls that are active are put on hold.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn contact_customer(&self, order: impl Into<String>) -> Result<Call, ApiError> {
        self.inner.commands.start(Start::Order(OrderId(order.into()))).await
    }

    /// Calls any `sip:`, `sips:` or `tel:` URI, at a server that allows it.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn dial(&self, uri: impl Into<String>) -> Result<Call, ApiError> {
        self.inner.commands.start(Start::Uri(Sensitive::new(uri.into()))).await
    }

    /// What happens from now on. The first stream of a client also holds what has happened since its start.
    pub fn events(&self) -> EventStream {
        self.inner.board.events()
    }

    /// Every call that is not over, in the order of their numbers.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.board.calls()
    }

    /// The call of this number, unless it is over.
    pub fn call(&self, call: CallHandle) -> Option<Call> {
        self.inner.board.call(call)
    }

    /// The connection to the gateway, to be watched.
    pub fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.inner.board.connection()
    }

    /// Whether this client is reachable, to be watched.
    pub fn registration(&self) -> watch::Receiver<RegistrationState> {
        self.inner.board.registration()
    }

    /// Tells that the device has changed its network: a new connection is made at once, and the voice moves to it.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn network_changed(&self) -> Result<(), ApiError> {
        self.inner.commands.tell(Request::NetworkChanged).await
    }

    /// Where pushes for this app go from now on (RFC 8599); `None`: nowhere.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn set_push_target(&self, target: Option<PushTarget>) -> Result<(), ApiError> {
        self.inner.commands.call(Command::SetPush(target)).await
    }

    /// Hands in a push that has reached the running app; see [`woken`](Self::woken) for one that has started it. It
    /// returns at once. [`Wake::outcome`] tells what came of it: a call that rings, or why none does.
    ///
    /// # Errors
    /// [`ApiError::TooBusy`] when more waits to be done than may, [`ApiError::ShutDown`].
    pub fn wake(&self, push: impl Into<PushMessage>) -> Result<Wake, ApiError> {
        let (reply, wake) = Wake::new();
        self.inner.commands.push(Push { message: push.into(), reply })?;
        Ok(wake)
    }

    /// Tells whether the app is in the background: no keep-alive is sent then, since a push will wake it.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn set_background(&self, on: bool) -> Result<(), ApiError> {
        self.inner.commands.call(Command::Background(on)).await
    }

    /// Be reachable (`true`), as a client is from the start unless configured otherwise, or no longer. Calls go on.
    ///
    /// # Errors
    /// [`ApiError::ShutDown`].
    pub async fn set_reachable(&self, on: bool) -> Result<(), ApiError> {
        self.inner.commands.call(if on { Command::Register } else { Command::Unregister }).await
    }

    /// Ends all calls, unregisters, closes the connection, and returns when that is done or its time is up. Of all
    /// handles; again does nothing.
    pub async fn shutdown(&self) {
        self.stop(Stop::ShutDown).await;
    }

    /// As [`shutdown`](Self::shutdown), but the gateway keeps the registration with its push target: a call will wake the
    /// closed app. For an app that is closed, not for a courier who signs out.
    pub async fn leave(&self) {
        self.stop(Stop::Leave).await;
    }

    async fn stop(&self, stop: Stop) {
        self.inner.life.stop.send_replace(stop);
        let mut ended = self.inner.life.ended.clone();
        // Its only message is its end.
        while ended.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &*self.inner.board.connection().borrow())
            .finish_non_exhaustive()
    }
}

/// A random UUID (RFC 9562 section 5.4).
fn new_instance() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("urn:uuid:{}", parts.join("-"))
}
