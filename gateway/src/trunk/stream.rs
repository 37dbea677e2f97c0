//! The trunk's connections, those that come in and the one we make: framing, keep-alive, bounded queues.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::framing::{Frame, Framer, FramingLimits, PING, PONG};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::sources::Sources;
use super::{Addresses, Carriers, canonical, flow_info};
use crate::config::HostPort;
use crate::core::{FlowId, Peer, Side, TransportKind};
use crate::driver::{Handle, Outlet};
use doorstep_service::slots::Slots;

/// Connections that come in.
const CONNECTIONS: usize = 256;
/// Messages that wait for one peer.
const QUEUE: usize = 256;
/// For a TLS handshake, or for the peer to take a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between our keep-alives (RFC 5626 section 4.4.1 wants less than 120 s).
const KEEP_ALIVE: Duration = Duration::from_secs(90);
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections of the trunk need.
#[derive(Debug)]
pub(super) struct Streams {
    advertised: Option<HostPort>,
    listeners: Addresses,
    carriers: Carriers,
    sources: Arc<Sources>,
    driver: Handle,
    slots: Arc<Slots>,
}

impl Streams {
    pub(super) fn new(
        advertised: Option<HostPort>,
        listeners: Addresses,
        carriers: Carriers,
        sources: Arc<Sources>,
        driver: Handle,
    ) -> Arc<Self> {
        let slots = Slots::new(CONNECTIONS, CONNECTIONS);
        Arc::new(Self { advertised, listeners, carriers, sources, driver, slots })
    }

    /// Takes connections of allowed sources until `stop` turns true, and waits for those that it has taken.
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(carrier) = self.sources.carrier_at(remote) else {
                refused("unknown_source");
                continue;
            };
            let peer = self.carriers.peer(carrier, false);
            let Ok(slot) = self.slots.take(remote.ip()) else {
                refused("too_many");
                continue;
            };
            let (this, tls) = (Arc::clone(&self), tls.clone());
            connections.spawn(async move {
                match tls {
                    None => {
                        let addresses = prepare(&stream);
                        this.run_over(stream, addresses, TransportKind::Tcp, peer).await;
                    }
                    Some(acceptor) => {
                        let addresses = prepare(&stream);
                        match timeout(PATIENCE, acceptor.accept(stream)).await {
                            Ok(Ok(tls)) => this.run_over(tls, addresses, TransportKind::Tls, peer).await,
                            Ok(Err(_)) | Err(_) => refused("tls"),
                        }
                    }
                }
                drop(slot);
            });
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Serves our connection to a carrier, over TLS if there is a session, to its end. `place` is the carrier's in the configuration.
    pub(super) async fn run(
        &self,
        stream: TcpStream,
        tls: Option<(tokio_rustls::TlsConnector, rustls::pki_types::ServerName<'static>)>,
        place: usize,
    ) {
        let (addresses, peer) = (prepare(&stream), self.carriers.peer(place, true));
        match tls {
            None => self.run_over(stream, addresses, TransportKind::Tcp, peer).await,
            Some((connector, name)) => match timeout(PATIENCE, connector.connect(name, stream)).await {
                Ok(Ok(tls)) => self.run_over(tls, addresses, TransportKind::Tls, peer).await,
                Ok(Err(error)) => tracing::warn!(kind = ?error.kind(), "TLS with the carrier failed"),
                Err(_) => tracing::warn!("TLS with the carrier took too long"),
            },
        }
    }

    async fn run_over<S>(
        &self,
        stream: S,
        addresses: (Option<SocketAddr>, Option<SocketAddr>),
        transport: TransportKind,
        peer: Peer,
    ) where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (Some(mut local), Some(remote)) = addresses else { return };
        // New connections to us go to the listener, not to the port that this one happens to have.
        let listener = match transport {
            TransportKind::Tls => self.listeners.tls,
            TransportKind::Tcp | TransportKind::Udp | TransportKind::Ws | TransportKind::Wss => {
                self.listeners.tcp
            }
        };
        if let Some(listener) = listener {
            local.set_port(listener.port());
        }
        let outbound = matches!(&peer, Peer::Carrier { outbound: true, .. });
        let info = flow_info(transport, canonical(local), remote, self.advertised.as_ref());
        let flow = self.driver.new_flow();
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let (kill, killed) = oneshot::channel();
        self.driver.opened(flow, peer, info, Some(Outlet::Stream { queue, kill })).await;
        metrics::gauge!("doorstep_trunk_connections").increment(1);
        // The driver ends it by dropping the queue, so that what is in it still goes out.
        tokio::select! {
            () = serve(stream, flow, &self.driver, outgoing, outbound) => {}
            Ok(()) = killed => tracing::warn!("a peer of the trunk does not read: its connection is closed"),
        }
        metrics::gauge!("doorstep_trunk_connections").decrement(1);
        self.driver.closed(Side::Trunk, flow).await;
    }
}

/// Our end and the far one; each message goes out at once.
fn prepare(stream: &TcpStream) -> (Option<SocketAddr>, Option<SocketAddr>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(kind = ?error.kind(), "no TCP_NODELAY");
    }
    (stream.local_addr().ok(), stream.peer_addr().ok())
}

async fn serve<S>(stream: S, flow: FlowId, driver: &Handle, mut queue: mpsc::Receiver<Bytes>, outbound: bool)
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = split(stream);
    let mut framer = Framer::new(FramingLimits::default());
    let mut buffer = vec![0; 8 * 1024];
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let Some(bytes) = read.ok().and_then(|length| buffer.get(..length)).filter(|bytes| !bytes.is_empty())
                else {
                    return;
                };
                framer.push(bytes);
                loop {
                    match framer.next_frame() {
                        Ok(Some(Frame::Message(bytes))) => driver.message(Side::Trunk, flow, bytes).await,
                        Ok(Some(Frame::Ping)) => {
                            if !write(&mut writer, PONG).await {
                                return;
                            }
                        }
                        Ok(Some(Frame::Pong)) => {}
                        Ok(None) => break,
                        Err(error) => {
                            tracing::warn!(%error, "a stream of the trunk cannot be read on");
                            metrics::counter!("doorstep_trunk_malformed_total").increment(1);
                            return;
                        }
                    }
                }
            }
            outgoing = queue.recv() => {
                let Some(bytes) = outgoing else {
                    // Best effort: the connection ends either way.
                    let _ = timeout(PATIENCE, writer.shutdown()).await;
                    return;
                };
                if !write(&mut writer, &bytes).await {
                    return;
                }
            }
            () = sleep(KEEP_ALIVE), if outbound => {
                if !write(&mut writer, PING).await {
                    return;
                }
            }
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    let all = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    matches!(timeout(PATIENCE, all).await, Ok(Ok(())))
}

fn refused(why: &'static str) {
    metrics::counter!("doorstep_trunk_connections_refused_total", "why" => why).increment(1);
}
