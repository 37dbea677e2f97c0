//! The gateway without its sockets: [`GatewayCore`], what the driver feeds it ([`Input`]) and what it tells the driver to do
//! ([`Output`]), with the questions to the store ([`Lookup`]), the orders to the media plane
//! ([`MediaCommand`]) and what push-service is told ([`PushCommand`]). One input is applied whole, then the outputs are drained. Nothing here reads a clock or touches a socket.

mod calls;
mod config;
mod counting;
mod dialing;
mod edge;
mod gateway;
mod headers;
mod health;
mod ids;
mod io;
mod legs;
mod lookup;
mod media_port;
mod pending;
mod push;
mod reading;
mod refusal;
mod registrar;
mod registration;
#[cfg(test)]
mod tests;
mod trunk;

pub use config::{CarrierConfig, CoreConfig, Credentials, Limits, RegistrarConfig};
pub use gateway::GatewayCore;
pub use ids::{
    CallId, CarrierId, CourierId, FlowId, FlowInfo, Frame, Hidden, LegId, OpId, OrderId, PhoneNumber, Sdp,
    Side, Timestamp, TransportKind,
};
pub use io::{CallEventKind, Command, GatewayEvent, Identity, Input, Output, Peer};
pub use lookup::{
    Binding, CallMedia, CallRecord, Direction, EndReason, Fallback, Grant, Lookup, LookupResult, PushTarget,
    Route,
};
pub use media_port::{ClipId, LegProfile, LegStats, MediaCommand, MediaEvent, MediaFailure};
pub use push::{DeviceId, PushCommand, WakeOutcome};
pub use refusal::ErrorCode;
