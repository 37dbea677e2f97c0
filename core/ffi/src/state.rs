//! How things stand: copies of the core's own words, which screens show.

use std::fmt;
use std::time::Duration;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Direction {
    /// The courier.
    Outgoing,
    /// The customer.
    Incoming,
}

impl From<doorstep::Direction> for Direction {
    fn from(direction: doorstep::Direction) -> Self {
        match direction {
            doorstep::Direction::Outgoing => Self::Outgoing,
            doorstep::Direction::Incoming => Self::Incoming,
        }
    }
}

macro_rules! end_reasons {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// Why a call is over. [`end_reason_text`] is what the courier should read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
        pub enum EndReason {
            $($(#[$doc])* $variant,)*
        }

        impl From<doorstep::EndReason> for EndReason {
            fn from(reason: doorstep::EndReason) -> Self {
                match reason {
                    $(doorstep::EndReason::$variant => Self::$variant,)*
                }
            }
        }

        impl From<EndReason> for doorstep::EndReason {
            fn from(reason: EndReason) -> Self {
                match reason {
                    $(EndReason::$variant => Self::$variant,)*
                }
            }
        }
    };
}

end_reasons! {
    /// The courier hung up, or gave up while it rang.
    HungUpHere,
    /// The far side hung up.
    HungUpThere,
    /// The far side declined.
    Declined,
    /// The courier declined.
    DeclinedHere,
    /// The far side is on another call.
    Busy,
    /// It rang until its deadline.
    NoAnswer,
    /// The caller gave up before this side answered.
    Cancelled,
    /// Another device of the same courier took the call.
    AnsweredElsewhere,
    /// The courier declined on another device.
    DeclinedElsewhere,
    /// The order is another courier's.
    NotYourOrder,
    /// There is no such order.
    NoSuchOrder,
    /// The order is closed.
    OrderClosed,
    /// The customer cannot be reached.
    CustomerUnreachable,
    /// The telephone network does not answer.
    TrunkDown,
    /// Too many calls at once.
    TooManyCalls,
    /// The gateway is stopping or overloaded.
    Unavailable,
    /// The token is not accepted, or there is none.
    Unauthorized,
    /// The target may not be called.
    NotAllowed,
    /// The target does not exist.
    NoSuchTarget,
    /// No connection to the gateway came up in time.
    NoNetwork,
    /// The connection was lost during the call and did not come back in time.
    ConnectionLost,
    /// The far side vanished without hanging up.
    FarSideLost,
    /// No path for the voice, or no microphone.
    MediaFailed,
    /// No codec that both sides know.
    NoCommonCodec,
    /// The gateway does not answer.
    TimedOut,
    /// The longest time to talk is over.
    TalkLimit,
    /// The call lives on elsewhere.
    Transferred,
    /// The client shuts down.
    Shutdown,
    /// A push announced the call, but it did not come.
    Expired,
    /// The far side does not keep to the protocol.
    ProtocolError,
}

/// A sentence for the courier, in English. It names no number and no other person.
#[uniffi::export]
pub fn end_reason_text(reason: EndReason) -> String {
    doorstep::EndReason::from(reason).text().to_owned()
}

/// A word for programs, stable over versions: also the key of a translation.
#[uniffi::export]
pub fn end_reason_code(reason: EndReason) -> String {
    doorstep::EndReason::from(reason).code().to_owned()
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CallState {
    /// Outgoing; the far side does not ring yet.
    Connecting,
    /// Outgoing; the far side rings.
    Ringing,
    /// Incoming; it rings here.
    Incoming,
    /// Incoming; answered here, but not through yet.
    Answering,
    /// Both can talk.
    Active {
        /// The microphone is off.
        muted: bool,
        /// This side holds the far side.
        held: bool,
        /// The far side holds this side.
        held_by_far_side: bool,
    },
    /// Answered, but the connection to the gateway is lost; it is being made anew.
    Reconnecting,
    /// Over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

impl From<doorstep::CallState> for CallState {
    fn from(state: doorstep::CallState) -> Self {
        match state {
            doorstep::CallState::Connecting => Self::Connecting,
            doorstep::CallState::Ringing => Self::Ringing,
            doorstep::CallState::Incoming => Self::Incoming,
            doorstep::CallState::Answering => Self::Answering,
            doorstep::CallState::Active { muted, held_locally, held_remotely } => {
                Self::Active { muted, held: held_locally, held_by_far_side: held_remotely }
            }
            doorstep::CallState::Reconnecting => Self::Reconnecting,
            doorstep::CallState::Ended(reason) => Self::Ended { reason: reason.into() },
        }
    }
}

/// All that a screen shows of a call.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct CallSnapshot {
    /// Its number within the client.
    pub id: u64,
    /// The gateway's name for it, where one is known: the `call` of a push.
    pub call_id: Option<String>,
    /// Who calls.
    pub direction: Direction,
    /// The order that it is about, where one is known.
    pub order: Option<String>,
    /// What the company wants the screen to say. It may hold a name: not for logs.
    pub label: Option<String>,
    /// Where it stands.
    pub state: CallState,
    /// Whether the path for the voice is up; it may be long before the answer.
    pub media_connected: bool,
    /// The call that this one came out of by a transfer and takes the place of.
    pub takes_over: Option<u64>,
}

impl fmt::Debug for CallSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the label.
        f.debug_struct("CallSnapshot")
            .field("id", &self.id)
            .field("call_id", &self.call_id)
            .field("direction", &self.direction)
            .field("order", &self.order)
            .field("state", &self.state)
            .field("media_connected", &self.media_connected)
            .field("takes_over", &self.takes_over)
            .finish_non_exhaustive()
    }
}

impl From<doorstep::CallSnapshot> for CallSnapshot {
    fn from(from: doorstep::CallSnapshot) -> Self {
        Self {
            id: from.call.0,
            call_id: from.call_id,
            direction: from.direction.into(),
            order: from.order.map(|order| order.0),
            label: from.label.map(doorstep::Sensitive::into_exposed),
            state: from.state.into(),
            media_connected: from.media_connected,
            takes_over: from.takes_over.map(|call| call.0),
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CallEnd {
    /// Why.
    pub reason: EndReason,
    /// What the courier should read: the gateway's words where it sent some.
    pub text: String,
}

impl From<doorstep::Ended> for CallEnd {
    fn from(ended: doorstep::Ended) -> Self {
        Self { reason: ended.reason.into(), text: ended.text }
    }
}

/// How well a call carries: counters since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Quality {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets missing.
    pub packets_lost: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Round trip, once known.
    pub round_trip: Option<Duration>,
    /// Played samples that were made up, at 48 kHz.
    pub concealed_samples: u64,
}

impl From<doorstep::Quality> for Quality {
    fn from(from: doorstep::Quality) -> Self {
        Self {
            packets_received: from.packets_received,
            packets_lost: from.packets_lost,
            packets_sent: from.packets_sent,
            jitter: from.jitter,
            round_trip: from.round_trip,
            concealed_samples: from.concealed_samples,
        }
    }
}

/// The connection to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Connection {
    /// There is none, and none is wanted.
    Offline,
    /// It is being made.
    Connecting,
    /// It is up.
    Connected,
    /// It could not be made or was lost, and is tried again by itself.
    Waiting,
}

impl From<doorstep::ConnectionState> for Connection {
    fn from(state: doorstep::ConnectionState) -> Self {
        match state {
            doorstep::ConnectionState::Offline => Self::Offline,
            doorstep::ConnectionState::Connecting => Self::Connecting,
            doorstep::ConnectionState::Connected => Self::Connected,
            doorstep::ConnectionState::Waiting { .. } => Self::Waiting,
        }
    }
}

/// Whether this client is reachable for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Registration {
    /// Not wanted, or over.
    Unregistered,
    /// Asked for.
    Registering,
    /// Reachable.
    Registered,
    /// Not for now.
    Failed {
        /// Why. Tried again by itself unless it is `Unauthorized` or `NotAllowed`.
        reason: EndReason,
    },
}

impl From<doorstep::RegistrationState> for Registration {
    fn from(state: doorstep::RegistrationState) -> Self {
        match state {
            doorstep::RegistrationState::Unregistered => Self::Unregistered,
            doorstep::RegistrationState::Registering => Self::Registering,
            doorstep::RegistrationState::Registered { .. } => Self::Registered,
            doorstep::RegistrationState::Failed { reason } => Self::Failed { reason: reason.into() },
        }
    }
}

/// How a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum TransferProgress {
    /// The far side will try.
    Accepted,
    /// The third party rings.
    Ringing,
    /// It worked; the call ends.
    Done,
    /// It did not; the call goes on.
    Failed {
        /// SIP status of the refusal; 408 when nothing was heard.
        status: u16,
    },
}

impl From<doorstep::TransferProgress> for TransferProgress {
    fn from(progress: doorstep::TransferProgress) -> Self {
        match progress {
            doorstep::TransferProgress::Accepted => Self::Accepted,
            doorstep::TransferProgress::Ringing => Self::Ringing,
            doorstep::TransferProgress::Done => Self::Done,
            doorstep::TransferProgress::Failed { status } => Self::Failed { status },
        }
    }
}
