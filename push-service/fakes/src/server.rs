//! An HTTP server over TLS whose connections can be dropped, refused and told to go away.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::FakeError;

/// No request of a push protocol is larger: what is longer is cut off as an error of the client's.
const MAX_BODY: usize = 64 * 1024;

/// What a service does with a request.
pub(crate) enum Reply {
    /// Answers.
    Http(Response<Full<Bytes>>),
    /// Answers and tells the client to use another connection.
    HttpAndGoAway(Response<Full<Bytes>>),
    /// Drops the connection.
    Drop,
    /// Resets the stream.
    Reset,
    /// Never answers.
    Silence,
}

/// A request, read to its end.
pub(crate) struct Call {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
    pub(crate) connection: u64,
}

/// Who answers requests.
pub(crate) trait Service: Send + Sync + 'static {
    fn answer(&self, call: Call) -> impl Future<Output = Reply> + Send;
}

/// A running server. Dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    connections: Mutex<HashMap<u64, Arc<Control>>>,
    opened: AtomicU64,
    max_streams: AtomicU64,
    open_door: watch::Sender<bool>,
    listening: watch::Sender<bool>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Control {
    kill: Notify,
    go_away: Notify,
}

impl Server {
    /// Listens on a free port of this address.
    pub(crate) async fn start<S: Service>(
        listen: IpAddr,
        tls: Arc<ServerConfig>,
        service: Arc<S>,
    ) -> Result<Self, FakeError> {
        let listener = TcpListener::bind((listen, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            connections: Mutex::default(),
            opened: AtomicU64::new(0),
            max_streams: AtomicU64::new(1000),
            open_door: watch::Sender::new(true),
            listening: watch::Sender::new(true),
            stopped: watch::Sender::new(false),
        });
        let task = tokio::spawn(accept(listener, address, tls, service, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have been opened since the start.
    pub(crate) fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open(&self) -> usize {
        self.shared.connections().len()
    }

    /// SETTINGS_MAX_CONCURRENT_STREAMS of connections that are opened from now on.
    pub(crate) fn set_max_streams(&self, streams: u32) {
        self.shared.max_streams.store(u64::from(streams), Ordering::SeqCst);
    }

    /// Drops all open connections without a word.
    pub(crate) fn drop_connections(&self) {
        self.shared.connections().values().for_each(|connection| connection.kill.notify_one());
    }

    /// Sends GOAWAY on all open connections; what is in flight is still answered.
    pub(crate) fn go_away(&self) {
        self.shared.connections().values().for_each(|connection| connection.go_away.notify_one());
    }

    /// Closes the port and drops all connections. Returns when the port is closed.
    pub(crate) async fn refuse(&self) {
        self.shared.open_door.send_replace(false);
        self.drop_connections();
        let _ = self.shared.listening.subscribe().wait_for(|listening| !listening).await;
    }

    /// Opens the port again. Returns when it is open.
    pub(crate) async fn admit(&self) {
        self.shared.open_door.send_replace(true);
        let _ = self.shared.listening.subscribe().wait_for(|listening| *listening).await;
    }

    /// Closes the port and all connections, and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.shared.end();
        // It ends by itself when told so; a panic in it has been printed.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Control>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.stopped.send_replace(true);
        self.connections().values().for_each(|connection| connection.kill.notify_one());
    }

    async fn ended(&self) {
        // The sender lives as long as `self`.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

async fn accept<S: Service>(
    listener: TcpListener,
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    service: Arc<S>,
    shared: Arc<Shared>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let mut door = shared.open_door.subscribe();
    let mut listener = Some(listener);
    loop {
        let Some(open) = &listener else {
            tokio::select! {
                () = shared.ended() => return,
                admitted = door.wait_for(|open| *open) => if admitted.is_err() { return },
            }
            match TcpListener::bind(address).await {
                Ok(again) => {
                    listener = Some(again);
                    shared.listening.send_replace(true);
                }
                // Somebody has taken the port meanwhile: ask again until it is free.
                Err(_) => tokio::task::yield_now().await,
            }
            continue;
        };
        let accepted = tokio::select! {
            () = shared.ended() => return,
            refused = door.wait_for(|open| !open) => {
                if refused.is_err() { return }
                None
            }
            accepted = open.accept() => Some(accepted),
        };
        match accepted {
            None => {
                listener = None;
                shared.listening.send_replace(false);
            }
            Some(Ok((tcp, _))) => {
                let number = shared.opened.fetch_add(1, Ordering::SeqCst);
                let control = Arc::new(Control::default());
                shared.connections().insert(number, Arc::clone(&control));
                let (acceptor, service, shared) =
                    (acceptor.clone(), Arc::clone(&service), Arc::clone(&shared));
                tokio::spawn(async move {
                    tokio::select! {
                        () = control.kill.notified() => {}
                        () = serve(tcp, acceptor, number, &control, service, &shared) => {}
                    }
                    shared.connections().remove(&number);
                });
            }
            Some(Err(_)) => tokio::task::yield_now().await,
        }
    }
}

async fn serve<S: Service>(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    number: u64,
    control: &Arc<Control>,
    service: Arc<S>,
    shared: &Arc<Shared>,
) {
    let _ = tcp.set_nodelay(true);
    // A client that does not trust us, or goes: its business.
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let max_streams = u32::try_from(shared.max_streams.load(Ordering::SeqCst)).unwrap_or(u32::MAX);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(max_streams);
    let (handler_control, handler_shared) = (Arc::clone(control), Arc::clone(shared));
    let handler = service_fn(move |request| {
        let (service, control, shared) =
            (Arc::clone(&service), Arc::clone(&handler_control), Arc::clone(&handler_shared));
        async move { answer(request, number, service, &control, &shared).await }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), handler));
    loop {
        tokio::select! {
            // Ended by the client, by GOAWAY, or by an error that the client saw too.
            _ = connection.as_mut() => return,
            () = control.go_away.notified() => connection.as_mut().graceful_shutdown(),
        }
    }
}

async fn answer<S: Service>(
    request: Request<Incoming>,
    connection: u64,
    service: Arc<S>,
    control: &Control,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Aborted> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Aborted)?.to_bytes();
    let reply = tokio::select! {
        () = shared.ended() => Reply::Drop,
        reply = service.answer(Call { head, body, connection }) => reply,
    };
    match reply {
        Reply::Http(response) => Ok(response),
        Reply::HttpAndGoAway(response) => {
            control.go_away.notify_one();
            Ok(response)
        }
        Reply::Drop => {
            control.kill.notify_one();
            shared.ended().await;
            Err(Aborted)
        }
        Reply::Reset => Err(Aborted),
        Reply::Silence => {
            shared.ended().await;
            Err(Aborted)
        }
    }
}

/// Ends a stream without an answer: hyper resets it.
#[derive(Debug, thiserror::Error)]
#[error("the stream ends without an answer")]
struct Aborted;

/// A response that needs no check: the status is one of the protocol's.
pub(crate) fn response(
    status: u16,
    headers: &[(&str, String)],
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    let body = Full::new(body.into());
    // Only a header that a script made up can fail.
    builder.body(body).unwrap_or_else(|_| {
        let mut plain = Response::new(Full::new(Bytes::new()));
        *plain.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        plain
    })
}
