//! The names by which the endpoint, its driver and the application speak of the same thing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A call within one endpoint; never used twice by it.
///
/// The application numbers the calls that it starts, each higher than the one before and below
/// [`FIRST_OWN`](Self::FIRST_OWN); the endpoint numbers those that reach it, from there upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallHandle(pub u64);

impl CallHandle {
    /// The first of the endpoint's own numbers.
    pub const FIRST_OWN: u64 = 1 << 32;

    /// Whether the endpoint gave the number: the call came in or is the result of a transfer.
    pub const fn is_own(self) -> bool {
        self.0 >= Self::FIRST_OWN
    }
}

impl fmt::Display for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ties the answer of something slow (media, token provider) to the question. Never used twice by one endpoint; an
/// answer that comes late is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// One leg of media: one SDP session with one far side. Never used twice by one endpoint. A call has one at a time, but
/// may need another when its INVITE comes again over another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

/// The company's name for an order. No personal data: it shows in logs and on the courier's screen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub String);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for OrderId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}
