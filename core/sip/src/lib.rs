//! SIP as data and state machines (RFC 3261): no I/O, no clock, no randomness of its own.
//!
//! [`msg`] reads and writes messages, [`framing`] cuts them out of streams; [`ua`] is a user agent, [`digest`] proves
//! who somebody is; [`registration`] keeps an address at a registrar, and [`registrar`] reads what such a one is asked
//! for. Time comes in as [`Timestamp`].

pub mod digest;
pub mod framing;
pub mod msg;
pub mod registrar;
pub mod registration;
mod time;
pub mod ua;

pub use doorstep_sensitive::Sensitive;
pub use time::Timestamp;
