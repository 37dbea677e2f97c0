//! What goes into the gateway core and what comes out of it.

use doorstep_sip::Sensitive;

use super::ids::{CallId, CarrierId, CourierId, FlowId, FlowInfo, Frame, OpId, OrderId, Side, Timestamp};
use super::lookup::{CallRecord, Lookup, LookupResult};
use super::media_port::{MediaCommand, MediaEvent};
use super::push::{DeviceId, PushCommand, WakeOutcome};
use super::refusal::ErrorCode;

/// Who stands behind a flow of the edge, by the token of its WebSocket upgrade.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The courier.
    pub courier: CourierId,
    /// When the token runs out. New requests are then refused with 401; running calls go on.
    pub expires_at: Option<Timestamp>,
}

/// Who is at the far end of a flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Peer {
    /// An app, on the edge. `None`: its upgrade showed no token, so each of its requests must bear a digest.
    App(Option<Identity>),
    /// A carrier, on the trunk. The driver has checked that the address is one of the carrier's: the core trusts it.
    Carrier {
        /// Which, by its name in [`super::CoreConfig::carriers`].
        carrier: CarrierId,
        /// Whether our requests to the carrier go out on this flow. A carrier may call in from further addresses.
        outbound: bool,
    },
}

impl Peer {
    /// Where such a peer is.
    pub fn side(&self) -> Side {
        match self {
            Self::App(_) => Side::Edge,
            Self::Carrier { .. } => Side::Trunk,
        }
    }
}

/// Something that happened outside. Each is applied whole; then the outputs are drained.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection came up, or a UDP peer is first heard of or configured. The side is [`Peer::side`].
    FlowOpened {
        /// The driver's name for it; never used twice on one side.
        flow: FlowId,
        /// Who is there.
        peer: Peer,
        /// What we write of ourselves in Via and Contact on this flow, and where the far side's packets come from. On the edge it
        /// names the edge's public address, on the trunk the trunk's: the two must not name each other.
        info: Sensitive<FlowInfo>,
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
        bytes: Frame,
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
    /// What became of a wake ([`PushCommand::Wake`]). May come several times for a call; late ones are dropped.
    PushResult {
        /// The call.
        call: CallId,
        /// What became of it.
        outcome: WakeOutcome,
    },
    /// The provider says that a device's token is gone: its bindings lose their push data, until the app registers anew.
    DeviceGone {
        /// Whose it was.
        courier: CourierId,
        /// The device.
        device: DeviceId,
    },
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
        bytes: Frame,
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
    /// Tell push-service.
    Push(PushCommand),
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
    /// The media of an ended call are counted: its record as it now stands.
    Counted {
        /// The call.
        record: CallRecord,
    },
    /// A carrier answers again, or no longer does.
    Trunk {
        /// Which carrier.
        carrier: CarrierId,
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
