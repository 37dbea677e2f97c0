//! What Swift and Kotlin see of Doorstep, by UniFFI. No logic: handles, snapshots of state, an ordered stream of events, and ports
//! that the platforms implement. The packages of the platforms wrap it; nothing of it shows in their public APIs.
//!
//! - Objects are handles. Dropping the last one of a client ends its calls and its registration in the background;
//!   [`Client::shut_down`] waits for it, and after [`Client::leave`] a push still wakes the app.
//! - Futures are not cancelled by the far side (UniFFI has no way to): each ends by itself, soon. What goes on has a stop.
//! - What the platform implements is called on threads of its own, never with a lock held, may be slow, and may fail.
//! - Sound does not cross here: see [`audio`] for its C functions.

pub mod audio;

mod call;
mod client;
mod config;
mod error;
mod events;
mod log;
mod push;
mod runtime;
mod state;
mod token;

pub use audio::{AudioControl, AudioError, AudioPort};
pub use call::Call;
pub use client::{Client, WokenClient, start_woken};
pub use config::{AudioChoice, ClientConfig};
pub use error::{CallbackError, DoorstepError};
pub use events::{Event, EventListener, Subscription};
pub use log::{LogLevel, LogLine, LogSink, set_log_sink};
pub use push::{PushFollower, PushInput, PushResult, PushTarget};
pub use state::{
    CallEnd, CallSnapshot, CallState, Connection, Direction, EndReason, Quality, Registration,
    TransferProgress, end_reason_code, end_reason_text,
};
pub use token::{AccessToken, TokenError, TokenProvider};

uniffi::setup_scaffolding!("doorstep_ffi");
