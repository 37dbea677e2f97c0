//! The configuration as it is written, before anybody has judged it.

use doorstep_service::config::RawApi;
use doorstep_sip::Sensitive;
use serde::Deserialize;

/// The file, with the environment over it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) edge: Edge,
    pub(super) auth: Auth,
    pub(super) trunk: Trunk,
    pub(super) media: Media,
    pub(super) api: RawApi,
    pub(super) store: Store,
    pub(super) limits: Limits,
    pub(super) fallback: Fallback,
    pub(super) push: Push,
    pub(super) numbers: Numbers,
    pub(super) log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Edge {
    pub(super) listen: String,
    pub(super) domain: String,
    pub(super) tls_cert: Option<String>,
    pub(super) tls_key: Option<String>,
    pub(super) insecure_loopback: bool,
    pub(super) max_message_bytes: u64,
    pub(super) messages_per_second: u64,
    pub(super) max_connections: u64,
    pub(super) max_connections_per_ip: u64,
    pub(super) handshake_timeout_s: u64,
    pub(super) idle_timeout_s: u64,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7443".into(),
            domain: "doorstep.invalid".into(),
            tls_cert: None,
            tls_key: None,
            insecure_loopback: false,
            max_message_bytes: 65_536,
            messages_per_second: 50,
            max_connections: 10_000,
            max_connections_per_ip: 200,
            handshake_timeout_s: 10,
            idle_timeout_s: 900,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    pub(super) jwt_secret: Option<Sensitive<String>>,
    pub(super) jwt_secret_file: Option<String>,
    pub(super) jwt_public_key: Option<String>,
    pub(super) jwks_file: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) digest: Vec<DigestUser>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DigestUser {
    pub(super) user: String,
    pub(super) password: Option<Sensitive<String>>,
    pub(super) password_file: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Trunk {
    pub(super) udp: Option<String>,
    pub(super) tcp: Option<String>,
    pub(super) tls: Option<String>,
    pub(super) tls_cert: Option<String>,
    pub(super) tls_key: Option<String>,
    pub(super) tls_ca: Option<String>,
    pub(super) carrier: Option<String>,
    pub(super) transport: String,
    pub(super) sources: Vec<String>,
    pub(super) advertised: Option<String>,
    pub(super) register: Option<Register>,
    pub(super) carriers: Vec<Carrier>,
    pub(super) options_interval_s: u64,
    pub(super) dns_interval_s: u64,
    pub(super) trust_asserted_identity: bool,
    pub(super) assert_identity: bool,
    pub(super) country: Option<String>,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            udp: None,
            tcp: None,
            tls: None,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            carrier: None,
            transport: "udp".into(),
            sources: Vec::new(),
            advertised: None,
            register: None,
            carriers: Vec::new(),
            options_interval_s: 30,
            dns_interval_s: 60,
            trust_asserted_identity: false,
            assert_identity: false,
            country: None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Register {
    pub(super) user: String,
    pub(super) password: Option<Sensitive<String>>,
    pub(super) password_file: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) expires: u64,
}

impl Default for Register {
    fn default() -> Self {
        Self { user: String::new(), password: None, password_file: None, domain: None, expires: 3600 }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Carrier {
    pub(super) name: String,
    pub(super) carrier: String,
    pub(super) transport: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<Sensitive<String>>,
    pub(super) password_file: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) expires: u64,
    pub(super) sources: Vec<String>,
}

impl Default for Carrier {
    fn default() -> Self {
        Self {
            name: String::new(),
            carrier: String::new(),
            transport: "udp".into(),
            user: None,
            password: None,
            password_file: None,
            domain: None,
            expires: 3600,
            sources: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Media {
    pub(super) edge_ips: Vec<String>,
    pub(super) trunk_ip: Option<String>,
    pub(super) trunk_advertised_ip: Option<String>,
    pub(super) port_min: u64,
    pub(super) port_max: u64,
    pub(super) source: String,
    pub(super) audio_rate: u32,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            edge_ips: Vec::new(),
            trunk_ip: None,
            trunk_advertised_ip: None,
            port_min: 16_384,
            port_max: 32_767,
            source: "symmetric".into(),
            audio_rate: 8_000,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) path: String,
    pub(super) busy_timeout_ms: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "doorstep-gateway.db".into(), busy_timeout_ms: 2000 }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) calls_per_courier: u64,
    pub(super) calls: u64,
    pub(super) ring_s: u64,
    pub(super) talk_s: u64,
    pub(super) flow_grace_s: u64,
    pub(super) shutdown_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_per_courier: 3, calls: 500, ring_s: 60, talk_s: 7200, flow_grace_s: 30, shutdown_s: 10 }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fallback {
    pub(super) contact_centre: Option<Sensitive<String>>,
    pub(super) caller_id: Option<Sensitive<String>>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Push {
    pub(super) url: Option<String>,
    pub(super) key: Option<Sensitive<String>>,
    pub(super) key_file: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) timeout_ms: u64,
    pub(super) environment: String,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            url: None,
            key: None,
            key_file: None,
            ca_file: None,
            timeout_ms: 2000,
            environment: "production".into(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Numbers {
    pub(super) company: Vec<Sensitive<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: "text".into() }
    }
}
