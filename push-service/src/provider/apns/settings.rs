use std::path::PathBuf;

use serde::Deserialize;

use crate::provider::settings::Detour;

/// `[apns]`: the company's key, and how to get to Apple.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApnsSettings {
    /// The `AuthKey_….p8` that Apple gave out once.
    pub key_file: PathBuf,
    /// The key's ten-character id.
    pub key_id: String,
    /// The team's ten-character id.
    pub team: String,
    /// Topics that are pushed to, such as `com.example.courier.voip`; empty: any topic of the team's. The first one is used to check
    /// the credentials.
    #[serde(default)]
    pub topics: Vec<String>,
    /// `host` or `host:port` instead of `api.push.apple.com`.
    #[serde(default)]
    pub host: Option<String>,
    /// `host` or `host:port` instead of `api.sandbox.push.apple.com`.
    #[serde(default)]
    pub sandbox_host: Option<String>,
    /// PEM file of certificates that are trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// URL of an HTTP proxy that takes CONNECT.
    #[serde(default)]
    pub proxy: Option<String>,
}

impl ApnsSettings {
    pub(super) fn detour(&self, host: Option<&String>) -> Detour {
        Detour { host: host.cloned(), ca_file: self.ca_file.clone(), proxy: self.proxy.clone() }
    }
}
