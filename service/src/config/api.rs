//! The section `[api]`, which every server has: as it is written, as it is judged, and in words.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use super::judge::{Judge, NOWHERE};
use super::keys::Kind::{List, Number, Text};
use super::keys::{Key, key};
use crate::tls::TlsFiles;

/// Its name.
const SECTION: &str = "api";

/// As it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawApi {
    listen: Option<String>,
    tls_cert: Option<String>,
    tls_key: Option<String>,
    keys: Vec<String>,
    max_body_bytes: u64,
}

impl Default for RawApi {
    fn default() -> Self {
        Self { listen: None, tls_cert: None, tls_key: None, keys: Vec::new(), max_body_bytes: 65_536 }
    }
}

/// Its keys. `listen` is the default address in quotes, `keys` says what the API's keys are and what makes one.
pub const fn api_section(listen: &'static str, keys: &'static str) -> [Key; 5] {
    [
        key(SECTION, "listen", Text, listen, "Where the HTTP API listens."),
        key(SECTION, "tls_cert", Text, "", "PEM file with the certificate chain; read again on SIGHUP."),
        key(SECTION, "tls_key", Text, "", "PEM file with its private key."),
        key(SECTION, "keys", List, "[]", keys),
        key(SECTION, "max_body_bytes", Number, "65536", "Longest request body."),
    ]
}

/// The HTTP API.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Its address.
    pub listen: SocketAddr,
    /// `None` only on loopback.
    pub tls: Option<TlsFiles>,
    /// SHA-256 of each key; none only on loopback.
    pub keys: Vec<[u8; 32]>,
    /// Bytes of a request body.
    pub max_body: usize,
}

impl ApiConfig {
    /// Judges the section. Where it names no address, it is this port on loopback; `maker` is the command that makes a key's hash.
    pub fn judge(judge: &mut Judge<'_>, raw: &RawApi, port: u16, maker: &str) -> Self {
        let listen = match &raw.listen {
            Some(address) => judge.address("api.listen", address).unwrap_or(NOWHERE),
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let tls = judge.tls_files(SECTION, raw.tls_cert.as_deref(), raw.tls_key.as_deref());
        let keys = judge.api_keys(SECTION, &raw.keys, maker);
        let has_tls = raw.tls_cert.is_some() || raw.tls_key.is_some();
        judge.guarded(SECTION, listen, has_tls, !raw.keys.is_empty());
        let max_body = judge.size("api.max_body_bytes", raw.max_body_bytes, 1024..=16_777_216);
        Self { listen, tls, keys, max_body }
    }

    /// What the API will do, in words.
    pub fn explain(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let keys = match self.keys.len() {
            0 => "no key asked for".to_owned(),
            1 => "one key".to_owned(),
            more => format!("{more} keys"),
        };
        format!("{scheme}://{}, {keys}, bodies up to {} bytes", self.listen, self.max_body)
    }

    /// What is allowed but should be known.
    pub fn warning(&self) -> Option<String> {
        let words = "the API asks for no key: whoever can log in on this machine may use it";
        self.keys.is_empty().then(|| words.to_owned())
    }
}
