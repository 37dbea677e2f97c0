//! SIP over TCP: a flow is a connection, whoever made it. Each has a task that reads and writes.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use doorstep_sip::framing::{Frame, Framer, FramingLimits, PONG};
use doorstep_sip::ua::FlowId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{MAX_FLOWS, Me, Received};

/// Messages that may wait for a slow peer; one more closes its connection.
const OUTGOING: usize = 64;
/// Messages of all peers that may wait for this phone; then they wait in their connections.
const INCOMING: usize = 64;

pub(super) struct Tcp {
    listener: TcpListener,
    connections: BTreeMap<FlowId, Connection>,
    last_flow: u64,
    incoming: mpsc::Receiver<Received>,
    hand_in: mpsc::Sender<Received>,
}

struct Connection {
    /// Where it was made to; where it came from.
    remote: SocketAddr,
    outgoing: mpsc::Sender<Bytes>,
}

impl Tcp {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        let (hand_in, incoming) = mpsc::channel(INCOMING);
        Ok((Self { listener, connections: BTreeMap::new(), last_flow: 0, incoming, hand_in }, local))
    }

    /// The flow, and whether it is new.
    pub(super) fn flow_to(&mut self, remote: SocketAddr) -> Option<(FlowId, bool)> {
        let known = self.connections.iter().find(|(_, connection)| connection.remote == remote);
        if let Some((flow, _)) = known {
            return Some((*flow, false));
        }
        Some((self.connection(remote, None)?, true))
    }

    fn connection(&mut self, remote: SocketAddr, accepted: Option<TcpStream>) -> Option<FlowId> {
        if self.connections.len() >= MAX_FLOWS {
            return None;
        }
        self.last_flow += 1;
        let flow = FlowId(self.last_flow);
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        self.connections.insert(flow, Connection { remote, outgoing });
        let hand_in = self.hand_in.clone();
        tokio::spawn(async move {
            let done = match accepted {
                Some(stream) => carry(stream, flow, to_send, &hand_in).await,
                None => match TcpStream::connect(remote).await {
                    Ok(stream) => carry(stream, flow, to_send, &hand_in).await,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = done {
                tracing::debug!(%error, "a connection ended");
            }
            // An error means that the phone has stopped.
            drop(hand_in.send(Received::Closed(flow)).await);
        });
        Some(flow)
    }

    pub(super) fn send(&mut self, flow: FlowId, bytes: Bytes) {
        let Some(connection) = self.connections.get(&flow) else { return };
        if connection.outgoing.try_send(bytes).is_err() {
            tracing::warn!("a peer does not take its messages: its connection is closed");
            self.connections.remove(&flow);
        }
    }

    pub(super) async fn receive(&mut self, me: &Me) -> io::Result<Received> {
        loop {
            tokio::select! {
                // There is always a sender: the one kept here.
                Some(received) = self.incoming.recv() => {
                    if let Received::Closed(flow) = &received {
                        self.connections.remove(flow);
                    }
                    return Ok(received);
                }
                accepted = self.listener.accept() => {
                    let (stream, remote) = accepted?;
                    match self.connection(remote, Some(stream)) {
                        Some(flow) => return Ok(Received::Opened(flow, me.flow_info(remote))),
                        None => tracing::warn!("one stranger too many is turned away"),
                    }
                }
            }
        }
    }
}

/// Until either side has enough.
async fn carry(
    mut stream: TcpStream,
    flow: FlowId,
    mut to_send: mpsc::Receiver<Bytes>,
    hand_in: &mpsc::Sender<Received>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut framer = Framer::new(FramingLimits::default());
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                framer.push(buffer.get(..length).unwrap_or_default());
                while let Some(frame) = framer.next_frame().map_err(io::Error::other)? {
                    match frame {
                        Frame::Message(bytes) => {
                            if hand_in.send(Received::Message(flow, bytes)).await.is_err() {
                                return Ok(());
                            }
                        }
                        Frame::Ping => writer.write_all(PONG).await?,
                        Frame::Pong => {}
                    }
                }
            }
            message = to_send.recv() => match message {
                Some(bytes) => writer.write_all(&bytes).await?,
                None => return Ok(()),
            },
        }
    }
}
