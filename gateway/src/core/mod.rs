//! The vocabulary of the gateway without its sockets: what the driver feeds the sans-IO core ([`Input`]) and what the core tells
//! the driver to do ([`Output`]), with the questions to the store ([`Lookup`]) and the orders to the media plane
//! ([`MediaCommand`]). One input is applied whole, then the outputs are drained. Nothing here reads a clock or touches a socket.

mod config;
mod ids;
mod io;
mod lookup;
mod media_port;
mod refusal;

pub use config::{CarrierConfig, CoreConfig, Credentials, Limits, RegistrarConfig};
pub use ids::{
    CallId, CarrierId, CourierId, FlowId, FlowInfo, Frame, Hidden, LegId, OpId, OrderId, PhoneNumber, Sdp,
    Side, Timestamp, TransportKind,
};
pub use io::{CallEventKind, Command, GatewayEvent, Identity, Input, Output, Peer};
pub use lookup::{
    Binding, CallRecord, Direction, EndReason, Fallback, Grant, Lookup, LookupResult, PushTarget, Route,
};
pub use media_port::{LegProfile, LegStats, MediaCommand, MediaEvent, MediaFailure};
pub use refusal::ErrorCode;
