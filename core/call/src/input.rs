//! What goes into the endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::Sensitive;
use doorstep_sip::ua::{FlowId, TransportKind};
use serde::{Deserialize, Serialize};

use crate::{CallHandle, MalformedPush, MediaEvent, OpId, OrderId, PushPayload, PushTarget};

/// Something that happened outside. Each is applied whole; then the outputs are drained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The application wants something.
    Command(Command),
    /// The connection to the gateway.
    Transport(TransportInput),
    /// The voice engine.
    Media(MediaEvent),
    /// The token provider's answer to [`FetchToken`](crate::Output::FetchToken).
    Token {
        /// Of the question.
        op: OpId,
        /// The answer. The token itself stays with the driver, which uses it when
        /// [`OpenTransport`](crate::Output::OpenTransport) names this `op`.
        result: Result<TokenGrant, TokenFailure>,
    },
    /// A push message reached the app. Connecting and registering come with it.
    Push {
        /// As it came.
        payload: PushPayload,
        /// The wall clock now, in milliseconds since 1970; `payload.expires_at` is of the same clock.
        unix_ms: u64,
    },
    /// A push message reached the app that cannot be read.
    MalformedPush(MalformedPush),
    /// The time that [`next_deadline`](crate::Endpoint::next_deadline) told has come.
    Deadline,
}

/// What the application wants. What cannot be done is told by
/// [`CommandRefused`](crate::Event::CommandRefused) and changes nothing; a call that cannot be begun ends at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Call the customer of an order. Other calls that are active are put on hold.
    Contact {
        /// The application's number for the call: below [`CallHandle::FIRST_OWN`], and higher than any before.
        call: CallHandle,
        /// The order.
        order: OrderId,
    },
    /// Call any address, at a server that allows it.
    Dial {
        /// As in `Contact`.
        call: CallHandle,
        /// A `sip:`, `sips:` or `tel:` URI.
        target: Sensitive<String>,
    },
    /// Take a call. Before its INVITE has come the wish is kept. Other calls that are active are put on hold.
    Answer {
        /// The call.
        call: CallHandle,
    },
    /// Refuse a call.
    Reject {
        /// The call.
        call: CallHandle,
        /// Say that the courier is busy (486) instead of declining (603).
        busy: bool,
    },
    /// End a call, whatever its state.
    HangUp {
        /// The call.
        call: CallHandle,
    },
    /// Put an answered call on hold.
    Hold {
        /// The call.
        call: CallHandle,
    },
    /// Go on with a held call. Other calls that are active are put on hold.
    Resume {
        /// The call.
        call: CallHandle,
    },
    /// Microphone off or on; possible before the answer, too.
    Mute {
        /// The call.
        call: CallHandle,
        /// Off is `true`.
        on: bool,
    },
    /// Send digits, one after the other: `0`–`9`, `*`, `#`, `A`–`D`. Before the answer they wait.
    SendDtmf {
        /// The call.
        call: CallHandle,
        /// The digits.
        digits: String,
    },
    /// Ask the far side to go on with somebody else (RFC 3515). [`Transfer`](crate::Event::Transfer) tells how it goes;
    /// when it works, the call ends.
    Transfer {
        /// The call.
        call: CallHandle,
        /// With whom.
        target: Target,
    },
    /// Join the far sides of two answered calls (RFC 3891, RFC 5589). When it works, both calls end.
    TransferTo {
        /// The call whose far side is asked.
        call: CallHandle,
        /// The call whose far side it is to reach.
        other: CallHandle,
    },
    /// Where pushes for this app go, from the next REGISTER on (RFC 8599); sends one when registered.
    SetPush(Option<PushTarget>),
    /// Be reachable: connect, register, and stay so.
    Register,
    /// Be reachable no longer. Calls go on.
    Unregister,
    /// The app is in the background (`true`): no keep-alive is sent, a push will wake it.
    Background(bool),
    /// End all calls, unregister, disconnect. [`Idle`](crate::Event::Idle) follows, and nothing after it.
    Shutdown,
    /// As `Shutdown`, but the registration stays: the gateway wakes the closed app by a push.
    Leave,
}

/// Whom a transfer is to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The customer of an order.
    Order(OrderId),
    /// A `sip:`, `sips:` or `tel:` URI.
    Uri(Sensitive<String>),
}

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransportInput {
    /// The connection that [`OpenTransport`](crate::Output::OpenTransport) asked for is up.
    Up {
        /// Which.
        flow: FlowId,
        /// What carries it.
        kind: TransportKind,
        /// This side's address, for transports whose Via and Contact must name it (UDP, TCP, TLS). With `None`, and
        /// always with a WebSocket, a random `.invalid` name stands there (RFC 7118 section 5).
        local: Option<Sensitive<SocketAddr>>,
    },
    /// It could not be made, or has ended. Also said after [`CloseTransport`](crate::Output::CloseTransport), where it
    /// changes nothing.
    Down {
        /// Which.
        flow: FlowId,
        /// Why.
        reason: DownReason,
    },
    /// One whole message came: a WebSocket message, a datagram, or what a stream's framing cut out. A pong is an empty
    /// one.
    Frame {
        /// On which connection.
        flow: FlowId,
        /// As it came.
        #[serde(with = "crate::serde_frame")]
        bytes: Bytes,
    },
    /// The device has changed its network: connections are made anew, at once.
    NetworkChanged,
}

/// Why a connection is not up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownReason {
    /// It was up and the far side closed it, or the network did.
    Closed,
    /// Name resolution or the TCP connection failed.
    Unreachable,
    /// The server's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The upgrade was refused with 401: the token is not accepted.
    Unauthorized,
    /// The upgrade was refused otherwise.
    Refused,
    /// Nothing came in time.
    TimedOut,
}

/// The token provider has a token, which the driver keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenGrant {
    /// How long it is good for, from now; `None` when it does not say.
    pub expires_in: Option<Duration>,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFailure {
    /// The provider could not be asked; it is asked again after a while.
    #[error("the token provider does not answer")]
    Unavailable,
    /// The courier is signed out.
    #[error("the token provider refuses a token")]
    Denied,
}
