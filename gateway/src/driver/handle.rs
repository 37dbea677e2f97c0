//! How sockets and the API reach the driver: bounded channels in, an outlet per flow out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use doorstep_sip::Sensitive;
use tokio::net::UdpSocket;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::carriers::CarrierState;
use super::live::LiveCalls;
use crate::core::{CallEventKind, CallId, ErrorCode, FlowId, FlowInfo, OrderId, Peer, Side};
use crate::store::StoredCall;

/// Messages of all connections together that wait for the driver. A full one makes the senders wait, and TCP tells the far side.
const INPUTS: usize = 1024;
/// Announcements that a slow listener may lag behind.
const ANNOUNCEMENTS: usize = 1024;

/// What the outside tells the driver.
#[derive(Debug)]
pub(crate) enum FromOutside {
    Opened { flow: FlowId, peer: Peer, info: Box<Sensitive<FlowInfo>>, outlet: Option<Outlet> },
    Closed { side: Side, flow: FlowId },
    Message { side: Side, flow: FlowId, bytes: Bytes },
    Connect { order: OrderId, first: Side, reply: Reply },
    HangUp { call: CallId, reply: Reply },
}

pub(crate) type Reply = oneshot::Sender<Result<CallId, ErrorCode>>;

/// Where a flow's messages go.
#[derive(Debug)]
pub enum Outlet {
    /// A connection: its task takes the messages from the queue. Dropping the queue closes it properly, `kill` at once.
    Stream {
        /// Bounded: a peer that does not read is cut off.
        queue: mpsc::Sender<Bytes>,
        /// Fired when the queue is full.
        kill: oneshot::Sender<()>,
    },
    /// A UDP peer.
    Datagrams {
        /// The trunk's socket.
        socket: Arc<UdpSocket>,
        /// Where to.
        to: SocketAddr,
    },
}

/// The flow takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stuck;

impl Outlet {
    /// Hands a message over without waiting. A datagram that does not fit in the socket's buffer is lost, as any datagram may be.
    pub(super) fn send(&self, bytes: Bytes) -> Result<(), Stuck> {
        match self {
            Self::Stream { queue, kill: _ } => queue.try_send(bytes).map_err(|_| Stuck),
            Self::Datagrams { socket, to } => {
                match socket.try_send_to(&bytes, *to) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        metrics::counter!("doorstep_trunk_datagrams_dropped_total", "why" => "buffer_full")
                            .increment(1);
                    }
                    Err(error) => tracing::debug!(kind = ?error.kind(), "a datagram could not be sent"),
                }
                Ok(())
            }
        }
    }
}

/// What is told to those who watch: no number, no name.
#[derive(Clone)]
pub enum Announcement {
    /// A step in a call's life, and the record as it then stood.
    Call {
        /// Which step.
        kind: CallEventKind,
        /// The record.
        call: Box<StoredCall>,
    },
    /// A carrier answers again, or no longer does.
    Trunk {
        /// Its name in the configuration.
        carrier: String,
        /// Whether it answers.
        up: bool,
    },
}

/// The way in. Clones reach the same driver.
#[derive(Debug, Clone)]
pub struct Handle {
    inputs: mpsc::Sender<FromOutside>,
    flows: Arc<AtomicU64>,
    announcements: broadcast::Sender<Announcement>,
    carriers: watch::Receiver<Vec<CarrierState>>,
    live: LiveCalls,
}

/// The driver's ends of a [`Handle`].
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) inputs: mpsc::Receiver<FromOutside>,
    pub(crate) announcements: broadcast::Sender<Announcement>,
    pub(crate) carriers: watch::Sender<Vec<CarrierState>>,
    pub(crate) live: LiveCalls,
}

pub(crate) fn channel() -> (Handle, Ends) {
    let (inputs, received) = mpsc::channel(INPUTS);
    let (announcements, _) = broadcast::channel(ANNOUNCEMENTS);
    let (told, carriers) = watch::channel(Vec::new());
    let live = LiveCalls::default();
    let handle = Handle {
        inputs,
        flows: Arc::default(),
        announcements: announcements.clone(),
        carriers,
        live: live.clone(),
    };
    (handle, Ends { inputs: received, announcements, carriers: told, live })
}

impl Handle {
    /// A name for a flow, never given before.
    pub fn new_flow(&self) -> FlowId {
        FlowId(self.flows.fetch_add(1, Ordering::Relaxed))
    }

    /// A flow is there, or what is known of it has changed (then without an outlet).
    pub async fn opened(&self, flow: FlowId, peer: Peer, info: FlowInfo, outlet: Option<Outlet>) {
        self.put(FromOutside::Opened { flow, peer, info: Box::new(Sensitive::new(info)), outlet }).await;
    }

    /// A flow is gone.
    pub async fn closed(&self, side: Side, flow: FlowId) {
        self.put(FromOutside::Closed { side, flow }).await;
    }

    /// A whole message came in. Waits while the driver is busy.
    pub async fn message(&self, side: Side, flow: FlowId, bytes: Bytes) {
        self.put(FromOutside::Message { side, flow, bytes }).await;
    }

    /// Click-to-call: rings `first`, then the other side. The call's id comes as soon as it is under way.
    ///
    /// # Errors
    /// Why there is no call; [`ErrorCode::Unavailable`] also when the driver is gone.
    pub async fn connect(&self, order: OrderId, first: Side) -> Result<CallId, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.put(FromOutside::Connect { order, first, reply }).await;
        answer.await.unwrap_or(Err(ErrorCode::Unavailable))
    }

    /// Ends a call.
    ///
    /// # Errors
    /// When there is no such call going on.
    pub async fn hang_up(&self, call: CallId) -> Result<CallId, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.put(FromOutside::HangUp { call, reply }).await;
        answer.await.unwrap_or(Err(ErrorCode::Unavailable))
    }

    /// What happens from now on.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    /// Calls as they stand now. What is announced can be read here already.
    pub fn live(&self) -> &LiveCalls {
        &self.live
    }

    /// The carriers, the most preferred first, and whether each can be called now.
    pub fn carriers(&self) -> Vec<CarrierState> {
        self.carriers.borrow().clone()
    }

    async fn put(&self, input: FromOutside) {
        if self.inputs.send(input).await.is_err() {
            tracing::debug!("the driver has stopped: an input is dropped");
        }
    }
}
