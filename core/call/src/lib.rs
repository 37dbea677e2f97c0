//! One [`Endpoint`]: registration and every call's state, without I/O, without a clock and without randomness of its own.
//!
//! The driver hands in one [`Input`] at a time by [`Endpoint::handle_input`], then takes out every [`Output`] by
//! [`Endpoint::poll_output`] and sleeps until [`Endpoint::next_deadline`] or the next input. Everything that takes time
//! (connecting, the voice engine, the token provider) is an output that is answered by a later input with the same id; an
//! answer to a question that no longer stands is dropped. The same inputs give the same outputs, byte for byte, so that a
//! field bug can be recorded and replayed.
//!
//! Left out: what is in an SDP (but for the direction of audio and whether telephone-event is known), audio, sockets.

mod config;
mod end_reason;
mod endpoint;
mod ids;
mod input;
mod media;
mod output;
mod push;
mod record;
mod serde_frame;
mod snapshot;

pub use config::{Auth, EndpointConfig};
pub use doorstep_sip::ua::{FlowId, TransportKind};
pub use doorstep_sip::{Sensitive, Timestamp};
pub use end_reason::EndReason;
pub use endpoint::{Endpoint, Load};
pub use ids::{CallHandle, LegId, OpId, OrderId};
pub use input::{Command, DownReason, Input, Target, TokenFailure, TokenGrant, TransportInput};
pub use media::{MediaCommand, MediaEvent, MediaFailure, Quality, Sdp};
pub use output::{CommandError, ConnectionState, Event, Output, RegistrationState, TransferProgress};
pub use push::{MalformedPush, PushFault, PushField, PushKind, PushOutcome, PushPayload, PushTarget};
pub use record::{Record, RecordingError, replay};
pub use snapshot::{CallSnapshot, CallState, Direction};
