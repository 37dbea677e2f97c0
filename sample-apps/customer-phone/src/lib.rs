//! A plain telephone on the carrier's side: SIP over UDP or TCP, RTP, one number. It stands in for the customer in the
//! demo and in the gateway's tests, and knows nothing of the gateway beyond its SIP address. With
//! [`Transport::WebSocket`] it is somebody's softphone instead, which signs in as a browser's would (RFC 7118) and owes
//! nothing to the SDK.
//!
//! [`Phone::start`] opens its sockets and runs it as a task; what happens comes out of [`PhoneEvents`] in the order in
//! which it happened. What its screen shows of a caller is read from P-Asserted-Identity (RFC 3325), else From.

mod call;
mod chorus;
mod config;
mod driver;
mod event;
mod gossip;
mod identity;
mod media;
mod packets;
mod phone;
mod registration;
mod wire;

pub use chorus::{Chorus, ChorusFigures};
pub use config::{OnCall, PhoneConfig, SignIn, Transport};
pub use event::{CallId, EndReason, PhoneEvent, PhoneEventKind};
pub use gossip::Gossip;
pub use packets::{PacketCounts, PacketLog};
pub use phone::{Phone, PhoneError, PhoneEvents};
pub use registration::instance as new_instance;
