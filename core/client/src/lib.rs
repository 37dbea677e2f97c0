//! Masked voice calls for courier and taxi apps: the client SDK's Rust API.
//!
//! A [`Client`] is a courier's end of the line. It keeps one connection to the gateway, is reachable over it, and makes and
//! takes [`Call`]s. What happens comes as [`Event`]s; how a call stands can be looked at, or watched, at any time.
//!
//! Inside, one task owns [`doorstep_call::Endpoint`], which decides everything; connections, voice and the token provider
//! run beside it. Nothing personal is logged. Needs a tokio runtime with time and I/O; voice wants more than one thread.

pub mod audio;
pub mod media;
pub mod transport;

mod api;
mod driver;

pub use api::{
    ApiError, Call, Client, Config, ConnectError, Credentials, Ended, Event, EventStream, StaticToken, Token,
    TokenProvider,
};
pub use doorstep_call::{
    CallHandle, CallSnapshot, CallState, CommandError, ConnectionState, Direction, EndReason, EndpointConfig,
    OrderId, PushKind, PushPayload, PushTarget, Quality, RegistrationState, Sensitive, Target, Timestamp,
    TokenFailure, TransferProgress,
};

// Only for its feature that leaves `trace!` out of the build, see the workspace's Cargo.toml.
use log as _;
