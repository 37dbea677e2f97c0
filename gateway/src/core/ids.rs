//! The names by which the core, the media plane, the store and the driver speak of the same thing.

use std::{fmt, time::Duration};

use crate::masking::E164;

/// Ties the answer of a slow operation (store, media) to the question. Never used twice by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// One leg of media: one SDP session with one far side. Never used twice by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// A call as the API and the store know it: 32 hexadecimal digits, random, in no relation to any SIP Call-ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub String);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The company's name for an order. Not personal data: it shows in logs and on the courier's screen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub String);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The company's name for a courier (`sub` of the token). Personal data: prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CourierId(String);

impl CourierId {
    /// Wraps the id as the token or the order carries it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id itself, for the store and for comparison; never for a log or a message to the customer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CourierId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CourierId([redacted])")
    }
}

/// A telephone number; prints as `[redacted]`.
pub type PhoneNumber = E164;

/// Time since the driver's epoch. The driver knows which wall-clock time that is; the core does not.
pub type Timestamp = Duration;

/// Text that must not show in a log: an address, a device token. Prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hidden(String);

impl Hidden {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear, for the wire and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// An SDP body as it came or goes: it holds addresses.
pub type Sdp = Hidden;

/// One connection, or one UDP peer. Never used twice on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// What carries a flow's SIP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket in clear (RFC 7118).
    Ws,
    /// WebSocket over TLS; `WS` in SIP all the same.
    Wss,
    /// Datagrams: the transactions retransmit.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
}

/// Which of the gateway's two user agents a flow belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Couriers' apps, over WebSocket.
    Edge,
    /// The carrier, over UDP, TCP or TLS.
    Trunk,
}
