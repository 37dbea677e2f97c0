//! SIP over WebSocket (RFC 7118): one connection to the gateway, from its name to its last frame.
//!
//! [`Connector`] makes connections: DNS, TCP to whichever address answers first, TLS, the upgrade. A [`Connection`]
//! carries whole messages between two bounded queues and answers ping and close. Deciding when to connect, when again,
//! and when to ask for a sign of life, is the endpoint's.

mod connector;
mod dial;
mod error;
mod gateway;
mod identity;
mod pin;
mod socket;
mod url;

pub use connector::{Connector, TransportConfig};
pub use error::{TlsFailure, TransportError};
pub(crate) use gateway::Gateway;
pub use identity::TlsConfig;
pub use pin::{InvalidPin, SpkiPin};
pub use socket::{CloseCause, Connection, SocketCommand};
pub use url::{GatewayUrl, InvalidUrl};
