//! Couriers' side: a WebSocket listener (RFC 7118), with TLS or on loopback without. One task per connection, bounded queues: a client that
//! does not read is cut off, and nobody else notices.

mod connection;
mod http;
mod orders;
mod rate;
mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{Host, SipUri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::auth::{Bearer, Verifier};
use crate::clock::Clock;
use crate::config;
use crate::core::{FlowId, FlowInfo, Identity, Peer, Side, TransportKind};
use crate::driver::{Handle, Outlet};
use crate::store::Store;
use connection::{Inbox, Terms};
use doorstep_service::slots::{Slot, Slots};

pub use upgrade::PATH;

/// Messages that wait for one client.
const QUEUE: usize = 128;
/// After a failed accept (no file handles left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The keys tokens are checked with, exchanged on SIGHUP.
#[derive(Debug)]
pub struct SharedVerifier(RwLock<Arc<Verifier>>);

impl SharedVerifier {
    /// Holds the first.
    pub fn new(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(verifier))))
    }

    /// For connections to come.
    pub fn replace(&self, verifier: Verifier) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(verifier);
    }

    fn current(&self) -> Arc<Verifier> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running listener.
#[derive(Debug)]
pub struct Edge {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

/// What the edge works with.
#[derive(Debug)]
pub struct Parts {
    /// Judges tokens.
    pub verifier: Arc<SharedVerifier>,
    /// Nobody can sign in by digest.
    pub tokens_only: bool,
    /// Where connections and messages go.
    pub driver: Handle,
    /// Couriers' orders.
    pub store: Store,
    /// Now.
    pub clock: Clock,
}

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    driver: Handle,
    store: Store,
    clock: Clock,
    verifier: Arc<SharedVerifier>,
    tokens_only: bool,
    domain: Host,
    handshake: Duration,
    limits: WebSocketConfig,
    terms: Terms,
    /// Ends when all connections are gone.
    alive: mpsc::Sender<()>,
}

impl Edge {
    /// Binds and listens until `stop` turns true.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(
        config: &config::Edge,
        acceptor: Option<TlsAcceptor>,
        parts: Parts,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let Parts { verifier, tokens_only, driver, store, clock } = parts;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (alive, gone) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            driver,
            store,
            clock,
            verifier,
            tokens_only,
            domain: config.domain.clone(),
            handshake: config.handshake_timeout,
            limits: WebSocketConfig::default()
                .max_message_size(Some(config.max_message))
                .max_frame_size(Some(config.max_message))
                .read_buffer_size(8 * 1024)
                .write_buffer_size(0)
                .max_write_buffer_size(config.max_message.saturating_mul(4).max(256 * 1024)),
            terms: Terms { messages_per_second: config.messages_per_second, idle: config.idle_timeout },
            alive,
        });
        let slots = Slots::new(config.max_connections, config.max_connections_per_ip);
        let task = tokio::spawn(accept_all(listener, acceptor, shared, slots, stop, gone));
        Ok(Self { address, task })
    }

    /// Waits until the listener and all its connections are gone; `stop` and the driver make them go.
    pub async fn ended(self) {
        if self.task.await.is_err() {
            tracing::error!("the edge's listener failed");
        }
    }
}

async fn accept_all(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    mut stop: watch::Receiver<bool>,
    mut gone: mpsc::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match slots.take(remote.ip()) {
            Ok(slot) => {
                tokio::spawn(welcome(stream, remote, acceptor.clone(), Arc::clone(&shared), slot));
            }
            Err(full) => {
                metrics::counter!("doorstep_edge_refused_total", "why" => full.as_str()).increment(1);
            }
        }
    }
    drop(listener);
    drop(shared);
    // Nothing is ever sent: this ends when the last connection has dropped its end.
    gone.recv().await;
}

/// TLS and the upgrade, within their time; then the connection.
async fn welcome(
    stream: TcpStream,
    remote: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    _slot: Slot,
) {
    // A message is one packet, and the app waits for it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(kind = ?error.kind(), "no TCP_NODELAY");
    }
    let alive = shared.alive.clone();
    let handshake = async {
        Some(match acceptor {
            Some(_) if speaks_plain_http(&stream).await => {
                refuse_plain_http(stream).await;
                return None;
            }
            Some(acceptor) => {
                let tls = acceptor.accept(stream).await.inspect_err(|_| refused("tls")).ok()?;
                Welcomed::Tls(upgrade(tls, &shared).await?)
            }
            None => Welcomed::Plain(upgrade(stream, &shared).await?),
        })
    };
    match timeout(shared.handshake, handshake).await {
        Ok(Some(Welcomed::Tls((socket, bearer)))) => run(socket, bearer, remote, &shared).await,
        Ok(Some(Welcomed::Plain((socket, bearer)))) => run(socket, bearer, remote, &shared).await,
        Ok(None) => {}
        Err(_) => refused("handshake_timeout"),
    }
    drop(alive);
}

#[allow(clippy::large_enum_variant, reason = "taken apart at once")]
enum Welcomed {
    Tls((WebSocketStream<tokio_rustls::server::TlsStream<TcpStream>>, Option<Bearer>)),
    Plain((WebSocketStream<TcpStream>, Option<Bearer>)),
}

/// A TLS client begins with 22 (RFC 8446 section 5.1), an HTTP client with the name of a method.
async fn speaks_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

async fn refuse_plain_http(mut stream: TcpStream) {
    match http::read(&mut stream).await {
        Ok(_) | Err(http::NoRequest::Refused(_)) => http::answer(stream, &upgrade::tls_needed()).await,
        Err(http::NoRequest::Gone) => {}
    }
}

async fn upgrade<S>(mut stream: S, shared: &Shared) -> Option<(WebSocketStream<S>, Option<Bearer>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let judged = match http::read(&mut stream).await {
        Ok(request) if request.uri().path() == orders::PATH => Err(orders::list(&request, shared).await),
        Ok(request) => upgrade::judge(&request, &shared.verifier.current(), shared.tokens_only),
        Err(http::NoRequest::Refused(response)) => Err(response),
        Err(http::NoRequest::Gone) => {
            refused("upgrade");
            return None;
        }
    };
    match judged {
        Ok((response, bearer)) => {
            if !http::switch(&mut stream, &response).await {
                refused("upgrade");
                return None;
            }
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(shared.limits)).await;
            Some((socket, bearer))
        }
        // Counted where it was made.
        Err(response) => {
            http::answer(stream, &response).await;
            None
        }
    }
}

async fn run<S>(socket: WebSocketStream<S>, bearer: Option<Bearer>, remote: SocketAddr, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (driver, flow) = (&shared.driver, shared.driver.new_flow());
    let identity =
        bearer.map(|bearer| Identity {
            courier: bearer.courier,
            expires_at: Some(shared.clock.from_unix_ms(
                i64::try_from(bearer.expires_at).unwrap_or(i64::MAX / 1000).saturating_mul(1000),
            )),
        });
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let (kill, killed) = oneshot::channel();
    let info = flow_info(&shared.domain, remote);
    driver.opened(flow, Peer::App(identity), info, Some(Outlet::Stream { queue, kill })).await;
    metrics::gauge!("doorstep_edge_connections").increment(1);
    let mut inbox = ToDriver { driver: driver.clone(), flow };
    let end = tokio::select! {
        end = connection::serve(socket, &mut inbox, outgoing, shared.terms) => end,
        Ok(()) = killed => connection::End::Dead,
    };
    metrics::gauge!("doorstep_edge_connections").decrement(1);
    metrics::counter!("doorstep_edge_closed_total", "why" => end.as_str()).increment(1);
    driver.closed(Side::Edge, flow).await;
}

/// One connection's way to the driver.
struct ToDriver {
    driver: Handle,
    flow: FlowId,
}

impl Inbox for ToDriver {
    async fn take(&mut self, message: Bytes) {
        self.driver.message(Side::Edge, self.flow, message).await;
    }
}

/// Nothing of the trunk, and no address: apps reach us on the flow they opened (RFC 7118 section 5).
fn flow_info(domain: &Host, remote: SocketAddr) -> FlowInfo {
    let mut contact = SipUri::new(domain.clone()).with_user("gateway");
    if let Err(error) = contact.params.set("transport", Some("ws")) {
        tracing::error!(%error, "a Contact without its transport");
    }
    // `WS` also over TLS: docs/protocol.md.
    FlowInfo { transport: TransportKind::Ws, host: domain.clone(), port: None, contact, remote: Some(remote) }
}

fn refused(why: &'static str) {
    metrics::counter!("doorstep_edge_refused_total", "why" => why).increment(1);
}
