use doorstep_sip::{Sensitive, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{CallHandle, EndReason, OrderId};

/// All that a screen shows of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSnapshot {
    /// Which call.
    pub call: CallHandle,
    /// The gateway's name for it, where one is known: the `call` of a push and the X-Doorstep-Call of an INVITE, else
    /// the SIP Call-ID.
    pub call_id: Option<String>,
    /// Who calls.
    pub direction: Direction,
    /// The order that it is about, where one is known.
    pub order: Option<OrderId>,
    /// What the company wants the screen to say. It may hold a name.
    pub label: Option<Sensitive<String>>,
    /// Incoming and not answered, and its INVITE is not here: a push has announced it, or the connection that the INVITE
    /// came on was lost. Answering and declining work all the same.
    pub awaits_invite: bool,
    /// Where it stands.
    pub state: CallState,
    /// Whether the path for the voice is up; it may be long before the answer.
    pub media_connected: bool,
    /// When this side first knew of the call.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// The call that this one came out of by a transfer and takes the place of.
    pub takes_over: Option<CallHandle>,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// This side.
    Outgoing,
    /// The far side.
    Incoming,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Outgoing; the far side does not ring yet.
    Connecting,
    /// Outgoing; the far side rings.
    Ringing,
    /// Incoming; it rings here.
    Incoming,
    /// Incoming; answered here, but the INVITE or the voice engine is still to come.
    Answering,
    /// Both can talk.
    Active {
        /// The microphone is off.
        muted: bool,
        /// This side holds the far side.
        held_locally: bool,
        /// The far side holds this side.
        held_remotely: bool,
    },
    /// Answered, but the connection to the gateway is lost; it is being made anew.
    Reconnecting,
    /// Over. [`calls`](crate::Endpoint::calls) does not list such a call any more.
    Ended(EndReason),
}

impl CallState {
    /// Answered and not over.
    pub const fn is_answered(self) -> bool {
        match self {
            Self::Active { .. } | Self::Reconnecting => true,
            Self::Connecting | Self::Ringing | Self::Incoming | Self::Answering | Self::Ended(_) => false,
        }
    }
}
