//! SIP as data and state machines (RFC 3261): no I/O, no clock, no randomness of its own.
//!
//! [`msg`] reads and writes messages; [`ua`] is a user agent. Time comes in as [`Timestamp`].

pub mod msg;
mod sensitive;
mod time;
pub mod ua;

pub use sensitive::Sensitive;
pub use time::Timestamp;
