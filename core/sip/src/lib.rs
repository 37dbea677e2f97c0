//! SIP as data and state machines (RFC 3261): no I/O, no clock, no randomness of its own.
//!
//! [`msg`] reads and writes messages; [`ua`] is a user agent; [`digest`] proves who somebody is. Time comes in as
//! [`Timestamp`].

pub mod digest;
pub mod msg;
mod sensitive;
mod time;
pub mod ua;

pub use sensitive::Sensitive;
pub use time::Timestamp;
