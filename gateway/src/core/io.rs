//! What goes into the gateway core and what comes out of it.

use bytes::Bytes;

use super::ids::{CallId, CourierId, FlowId, Hidden, OpId, OrderId, Side, Timestamp, Transport};
use super::lookup::{CallRecord, Lookup, LookupResult};
use super::media_port::{MediaCommand, MediaEvent};
use super::refusal::ErrorCode;

/// Who stands behind a flow of the edge, by the token of its WebSocket upgrade.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The courier.
    pub courier: CourierId,
    /// When the token runs out. New requests are then refused with 401; running calls go on.
    pub expires_at: Option<Timestamp>,
}

/// Something that happened outside. Each is applied whole; then the outputs are drained.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection came up, or a UDP peer is first heard of or configured.
    FlowOpened {
        /// Courier or carrier.
        side: Side,
        /// The driver's name for it; never used twice on one side.
        flow: FlowId,
        /// What carries it.
        transport: Transport,
        /// Our own `host:port` on it, for Via and Contact.
        local: Hidden,
        /// Who it is, if the upgrade showed a token.
        identity: Option<Identity>,
    },
    /// A connection ended.
    FlowClosed {
        /// Courier or carrier.
        side: Side,
        /// Which.
        flow: FlowId,
    },
    /// One whole SIP message, as it came.
    Message {
        /// Courier or carrier.
        side: Side,
        /// On which flow.
        flow: FlowId,
        /// The message.
        bytes: Bytes,
    },
    /// The store has answered.
    Lookup {
        /// Of the question.
        op: OpId,
        /// The answer.
        result: LookupResult,
    },
    /// The media plane has something to say.
    Media(MediaEvent),
    /// The company's order through the API.
    Command(Command),
    /// The time told by `next_deadline` has come.
    Deadline,
    /// Stop: refuse new calls with 503 and end the running ones. `Output::Drained` follows when the last is gone.
    Shutdown,
}

/// What the company orders through the API.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Click-to-call: ring one side of the order, then the other. Answered by `Output::CommandDone` under `op`.
    Connect {
        /// Answered under this id; of a number space of the driver's own.
        op: OpId,
        /// The order.
        order: OrderId,
        /// Who is rung first.
        first: Side,
    },
    /// End a call. Answered by `Output::CommandDone` under `op`.
    HangUp {
        /// Answered under this id.
        op: OpId,
        /// The call.
        call: CallId,
    },
}

/// Something the driver must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send one SIP message.
    Send {
        /// Courier or carrier.
        side: Side,
        /// On which flow.
        flow: FlowId,
        /// The message.
        bytes: Bytes,
    },
    /// Close a connection.
    Close {
        /// Courier or carrier.
        side: Side,
        /// Which.
        flow: FlowId,
    },
    /// Ask the store.
    Lookup {
        /// The answer comes back under this id.
        op: OpId,
        /// The question.
        lookup: Lookup,
    },
    /// Tell the media plane.
    Media(MediaCommand),
    /// Tell whoever listens (SSE).
    Event(GatewayEvent),
    /// The answer to a [`Command`].
    CommandDone {
        /// Of the command.
        op: OpId,
        /// The call, or why not.
        result: Result<CallId, ErrorCode>,
    },
    /// The gateway has no call left after [`Input::Shutdown`].
    Drained,
}

/// What happened to a call or a part of the gateway, for those who watch. No number, no name.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayEvent {
    /// A call began, rang, was answered or ended: the record as it now stands.
    Call {
        /// What happened.
        kind: CallEventKind,
        /// The call.
        record: CallRecord,
    },
    /// The carrier answers again, or no longer does.
    Trunk {
        /// Whether it answers.
        up: bool,
    },
}

/// A step in a call's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEventKind {
    /// The call is known and allowed.
    Started,
    /// The far side rings.
    Ringing,
    /// The far side answered.
    Answered,
    /// The call is over.
    Ended,
}
