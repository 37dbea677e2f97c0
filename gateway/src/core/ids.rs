//! The names by which the core, the media plane, the store and the driver speak of the same thing.

use std::fmt;

use bytes::Bytes;
pub use doorstep_sip::Timestamp;
pub use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind};

use doorstep_sip::Sensitive;

use crate::masking::E164;

/// Ties the answer of a slow operation (store, media) to the question. Never used twice by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// One leg of media: one SDP session with one far side. Never used twice by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// A call as the API, the store, a push and the courier's apps know it: 32 hexadecimal digits, random. The INVITEs to a courier's
/// apps carry it as their Call-ID, every device the same. It never reaches the trunk.
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

/// Text that must not show in a log: an address, a label, a device token. Prints as `[redacted]`.
pub type Hidden = Sensitive<String>;

/// An SDP body as it came or goes: it holds addresses.
pub type Sdp = Sensitive<String>;

/// One whole SIP message: it holds numbers and addresses.
pub type Frame = Sensitive<Bytes>;

/// The name of a carrier in the configuration. Not personal data: it shows in logs and events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(pub String);

impl fmt::Display for CarrierId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of the gateway's two user agents a flow belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Couriers' apps, over WebSocket.
    Edge,
    /// The carrier, over UDP, TCP or TLS.
    Trunk,
}
