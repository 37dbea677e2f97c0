//! What comes out of the endpoint.

use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::Timestamp;
use doorstep_sip::ua::FlowId;
use serde::{Deserialize, Serialize};

use crate::{CallHandle, CallSnapshot, EndReason, MediaCommand, OpId, PushOutcome, Quality};

/// Something for the driver to do. None of it may be awaited while the outputs are drained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Send one message, in the order of these outputs.
    Send {
        /// On which connection.
        flow: FlowId,
        /// A whole message, or a keep-alive (CRLF CRLF) or the answer to one (CRLF).
        #[serde(with = "crate::serde_frame")]
        bytes: Bytes,
    },
    /// Connect to the gateway. [`Up`](crate::TransportInput::Up) or [`Down`](crate::TransportInput::Down) answers. The
    /// endpoint has waited as long as it wants between attempts.
    OpenTransport {
        /// The endpoint's number for the connection, never used before.
        flow: FlowId,
        /// The token to show: the one that answered this question. `None` when the configuration asks for none.
        token: Option<OpId>,
    },
    /// Close a connection, or give up making it, after what was sent before is out.
    CloseTransport {
        /// Which.
        flow: FlowId,
    },
    /// Tell the voice engine.
    Media(MediaCommand),
    /// Ask the token provider for a fresh token; [`Token`](crate::Input::Token) answers. One question at a time.
    FetchToken {
        /// Answered under this id.
        op: OpId,
    },
    /// Tell the application.
    Event(Event),
}

/// What the application hears, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The connection to the gateway.
    Connection(ConnectionState),
    /// Whether this endpoint is reachable.
    Registration(RegistrationState),
    /// A call has come; it rings here. The first event of an incoming call.
    Incoming(CallSnapshot),
    /// A call is not as it was. The first event of any other call.
    CallChanged(CallSnapshot),
    /// The far side sent a digit.
    DigitReceived {
        /// In which call.
        call: CallHandle,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// The first audio of the far side is there.
    FirstAudio {
        /// In which call.
        call: CallHandle,
    },
    /// How a transfer that this side asked for goes.
    Transfer {
        /// The call that is transferred.
        call: CallHandle,
        /// How it goes.
        progress: TransferProgress,
    },
    /// How well a call carries.
    Quality {
        /// Which call.
        call: CallHandle,
        /// Counters since its start.
        quality: Quality,
    },
    /// A command could not be carried out.
    CommandRefused {
        /// The call that it named.
        call: CallHandle,
        /// Why.
        error: CommandError,
    },
    /// What came of a push: one for each.
    Push {
        /// The `call` of the push, where it names one.
        call_id: Option<String>,
        /// What came of it.
        outcome: PushOutcome,
    },
    /// A call is over: its last event, and there is exactly one.
    CallEnded {
        /// Which call.
        call: CallHandle,
        /// Why.
        reason: EndReason,
        /// What the courier should read: the gateway's words where it sent some, else [`EndReason::text`].
        text: String,
    },
    /// All is shut down: the last event of an endpoint.
    Idle,
}

/// The connection to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// There is none, and none is wanted.
    Offline,
    /// It is being made.
    Connecting,
    /// It is up.
    Connected,
    /// It could not be made or was lost, and is tried again.
    Waiting {
        /// When.
        until: Timestamp,
    },
}

/// Whether this endpoint is reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// Not wanted, or over.
    Unregistered,
    /// Asked for.
    Registering,
    /// Reachable.
    Registered {
        /// For how long, unless renewed, which happens by itself.
        expires_in: Duration,
    },
    /// Not for now; tried again by itself unless the reason is [`EndReason::Unauthorized`] or
    /// [`EndReason::NotAllowed`].
    Failed {
        /// Why.
        reason: EndReason,
    },
}

/// How a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferProgress {
    /// The far side will try.
    Accepted,
    /// The third party rings.
    Ringing,
    /// It worked; the call ends.
    Done,
    /// It did not; the call goes on.
    Failed {
        /// SIP status: the third party's, or the far side's own refusal; 408 when nothing more was heard.
        status: u16,
    },
}

/// Why a command could not be carried out. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandError {
    /// No such call, or it is over.
    #[error("no such call")]
    NoSuchCall,
    /// The number is in use, or not the application's to give.
    #[error("the call's number is in use or out of range")]
    HandleTaken,
    /// Not possible in the call's present state.
    #[error("not possible in the present state of the call")]
    WrongState,
    /// Not an address that can be called.
    #[error("not an address that can be called")]
    InvalidTarget,
    /// Not a digit that can be sent.
    #[error("not a digit that can be sent")]
    InvalidDigit,
    /// More digits than may wait.
    #[error("too many digits wait")]
    TooManyDigits,
}
