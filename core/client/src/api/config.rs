use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorstep_call::{EndpointConfig, PushTarget};
use doorstep_sip::Sensitive;

use super::token::TokenProvider;
use crate::audio::{AudioFactory, Silence};
use crate::media::MediaConfig;
use crate::transport::{GatewayUrl, TransportConfig};

/// Everything a client is told at its start. [`new`](Self::new) gives sane values for all but the gateway and the
/// credentials.
#[derive(Clone)]
pub struct Config {
    /// Where the gateway listens.
    pub gateway: GatewayUrl,
    /// How this client shows who it is.
    pub credentials: Credentials,
    /// User part of this side's SIP address. Empty, as at first, for our gateway, which knows the courier by the token;
    /// another server knows by this.
    pub user: String,
    /// Names this installation (a UUID, RFC 5626 section 4.1), so that a restart replaces its registration instead of
    /// adding one. `None`: a new one for each client.
    pub instance: Option<String>,
    /// Whether to be reachable for calls from the start.
    pub register: bool,
    /// Where pushes for this app go (RFC 8599).
    pub push: Option<PushTarget>,
    /// The connection to the gateway.
    pub transport: TransportConfig,
    /// The voice engine.
    pub media: MediaConfig,
    /// Microphone and speaker; silence at first.
    pub audio: Arc<dyn AudioFactory>,
    /// Times and limits of calls and registration. Names and credentials in it come from the fields above.
    pub endpoint: EndpointConfig,
    /// How many events may wait for a slow reader.
    pub event_queue: usize,
    /// How long [`shutdown`](crate::Client::shutdown) may take, until what is left is dropped.
    pub shutdown_timeout: Duration,
}

/// How a client shows who it is.
#[derive(Clone)]
pub enum Credentials {
    /// By a token on the WebSocket upgrade: at our gateway.
    Token(Arc<dyn TokenProvider>),
    /// By digest (RFC 8760): at another server.
    Digest {
        /// The name that the server knows.
        username: String,
        /// The password.
        password: Sensitive<String>,
    },
    /// Not at all: a server that trusts the network.
    None,
}

impl Config {
    /// A client of this gateway.
    pub fn new(gateway: GatewayUrl, credentials: Credentials) -> Self {
        let domain = gateway.host().to_owned();
        Self {
            gateway,
            credentials,
            user: String::new(),
            instance: None,
            register: true,
            push: None,
            transport: TransportConfig::default(),
            media: MediaConfig::default(),
            audio: Arc::new(Silence),
            endpoint: EndpointConfig::new(domain, "", ""),
            event_queue: 256,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}
