//! What the gateway is told: a TOML file with the environment (`DOORSTEP_SECTION__KEY`) over it, judged whole before anything
//! starts. Secure by default: what listens beyond loopback needs TLS and a key.

mod explain;
mod judge;
pub mod keys;
mod raw;
mod validate;
mod validate_push;
mod validate_trunk;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorstep_service::config::{ApiConfig, Keys, Layout, read};
use doorstep_service::tls::TlsFiles;
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;
use ipnet::IpNet;

use crate::masking::{E164, NumberPlan};
use crate::media::Clip;

pub use doorstep_service::config::{Problem, Problems};
pub use doorstep_service::log::Log;
pub use explain::{explain, warnings};

/// How it is written.
const LAYOUT: Layout = Layout {
    keys: Keys(keys::KEYS),
    prefix: "DOORSTEP_",
    others: &["DOORSTEP_PUSH_"],
    handbook: "docs/gateway.md",
};

/// A configuration that was found good.
#[derive(Debug, Clone)]
pub struct Config {
    /// Couriers' side.
    pub edge: Edge,
    /// Who couriers are.
    pub auth: Auth,
    /// The carrier's side.
    pub trunk: Trunk,
    /// RTP and ICE.
    pub media: Media,
    /// The company's side.
    pub api: ApiConfig,
    /// What outlives the process.
    pub store: Store,
    /// How much is enough.
    pub limits: Limits,
    /// Where a customer's call goes that reaches no courier; `None`: it is refused.
    pub contact_centre: Option<ContactCentre>,
    /// What such a caller hears first, or instead.
    pub message: Option<Message>,
    /// Who wakes closed apps; `None`: nobody does.
    pub push: Option<Push>,
    /// Company numbers by configuration.
    pub numbers: Vec<E164>,
    /// What is said to the operator.
    pub log: Log,
}

impl Config {
    /// Reads and judges a file (none: only the environment) with the environment over it.
    ///
    /// # Errors
    /// All that is wrong, each with its place, its key and what is allowed.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let (raw, places) = read(LAYOUT, path, env)?;
        validate::validate(raw, &places)
    }
}

/// The WebSocket listener.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Its address.
    pub listen: SocketAddr,
    /// In the SIP URIs that apps see; the realm of digest challenges.
    pub domain: Host,
    /// `None` only on loopback.
    pub tls: Option<TlsFiles>,
    /// Bytes of one message.
    pub max_message: usize,
    /// Messages per second and connection.
    pub messages_per_second: u32,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one IPv4 address or IPv6 /64.
    pub max_connections_per_ip: usize,
    /// For TLS and the upgrade.
    pub handshake_timeout: Duration,
    /// Silence before a ping.
    pub idle_timeout: Duration,
}

/// How couriers show who they are.
#[derive(Debug, Clone)]
pub struct Auth {
    /// What tokens are checked with.
    pub jwt: Option<JwtSource>,
    /// Required `iss`.
    pub issuer: Option<String>,
    /// Required `aud`.
    pub audience: Option<String>,
    /// Couriers with passwords.
    pub digest: Vec<DigestUser>,
}

/// What tokens are checked with.
#[derive(Debug, Clone)]
pub enum JwtSource {
    /// HS256.
    Secret(Sensitive<Vec<u8>>),
    /// ES256 or RS256, one key.
    PublicKey(PathBuf),
    /// ES256 and RS256, by `kid`.
    Jwks(PathBuf),
}

/// A courier with a password.
#[derive(Debug, Clone)]
pub struct DigestUser {
    /// The courier's id is the user name.
    pub user: String,
    /// In clear: digest needs it.
    pub password: Sensitive<String>,
}

/// The carrier's side.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// UDP socket.
    pub udp: Option<SocketAddr>,
    /// TCP listener.
    pub tcp: Option<SocketAddr>,
    /// TLS listener.
    pub tls: Option<(SocketAddr, TlsFiles)>,
    /// Roots for the carrier's certificate; `None`: the system's.
    pub tls_ca: Option<PathBuf>,
    /// Through whom to call, the most preferred first.
    pub carriers: Vec<Carrier>,
    /// Who else may call, as if through the first.
    pub sources: Vec<IpNet>,
    /// What SIP messages name as ours.
    pub advertised: Option<HostPort>,
    /// Between OPTIONS; `None`: none.
    pub options_interval: Option<Duration>,
    /// Between look-ups of the carrier's name.
    pub dns_interval: Duration,
    /// Whether P-Asserted-Identity is believed.
    pub trust_asserted_identity: bool,
    /// Whether P-Asserted-Identity is sent.
    pub assert_identity: bool,
    /// How national numbers are read.
    pub numbers: NumberPlan,
}

/// A host with or without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address.
    pub host: Host,
    /// As written.
    pub port: Option<u16>,
}

/// Whom the gateway calls through.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// In events, metrics and logs; no two have the same.
    pub name: String,
    /// A name or an address.
    pub host: Host,
    /// Its SIP port.
    pub port: u16,
    /// How.
    pub transport: CarrierTransport,
    /// Where its calls may come from besides its own address.
    pub sources: Vec<IpNet>,
    /// Registration with it.
    pub register: Option<Registration>,
}

/// What carries SIP to the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarrierTransport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

/// Digest registration with the carrier.
#[derive(Debug, Clone)]
pub struct Registration {
    /// User name.
    pub user: Sensitive<String>,
    /// Password.
    pub password: Sensitive<String>,
    /// Domain of the address of record; the carrier's host when not given.
    pub domain: Host,
    /// What is asked for; `None`: credentials only answer challenges.
    pub expires: Option<Duration>,
}

/// RTP and ICE.
#[derive(Debug, Clone)]
pub struct Media {
    /// Host candidates; empty: found out at start.
    pub edge_ips: Vec<IpAddr>,
    /// RTP with the carrier; `None`: found out at start.
    pub trunk_ip: Option<IpAddr>,
    /// What SDP says to the carrier.
    pub trunk_advertised_ip: Option<IpAddr>,
    /// First and last UDP port; `None`: the system picks.
    pub ports: Option<(u16, u16)>,
    /// Whether RTP from elsewhere than the SDP says is dropped.
    pub strict_source: bool,
    /// Sampling rate, in Hz, of the voice that apps are asked to send.
    pub audio_rate: u32,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    /// SQLite file.
    pub path: PathBuf,
    /// How long a lock is waited for.
    pub busy_timeout: Duration,
}

/// How much is enough.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls of one courier at once.
    pub calls_per_courier: usize,
    /// Calls at once.
    pub calls: usize,
    /// Where the order says nothing.
    pub ring: Duration,
    /// Where the order says nothing.
    pub talk: Duration,
    /// For a courier to come back.
    pub flow_grace: Duration,
    /// For calls to end on SIGTERM.
    pub shutdown: Duration,
}

/// Where a customer's call goes that reaches no courier.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactCentre {
    /// Its number.
    pub number: E164,
    /// The company number shown to it.
    pub caller_id: E164,
}

/// A recording for callers who reach no courier.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub clip: Clip,
}

/// Who wakes closed apps.
#[derive(Debug, Clone)]
pub struct Push {
    /// `http` on loopback only.
    pub url: reqwest::Url,
    /// Our API key there.
    pub key: Sensitive<String>,
    /// Roots for its certificate; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// For a request, such as to take a wake.
    pub timeout: Duration,
    /// Where the apps' tokens are known.
    pub environment: Environment,
}

/// Which of Apple's services knows the apps' tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Apps from the App Store and TestFlight.
    Production,
    /// Apps that Xcode put on a device.
    Sandbox,
}

impl Environment {
    /// As the configuration and push-service write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }
}
