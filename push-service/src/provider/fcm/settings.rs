use std::path::PathBuf;

use serde::Deserialize;

use crate::provider::settings::Detour;

/// `[fcm]`: the project's service account, and how to get to Google.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FcmSettings {
    /// The JSON file that Google gave out for the service account. It names the project.
    pub service_account_file: PathBuf,
    /// `host` or `host:port` instead of `fcm.googleapis.com`.
    #[serde(default)]
    pub host: Option<String>,
    /// `https` URL of the token endpoint instead of the one that the file names.
    #[serde(default)]
    pub token_uri: Option<String>,
    /// PEM file of certificates that are trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// URL of an HTTP proxy that takes CONNECT.
    #[serde(default)]
    pub proxy: Option<String>,
}

impl FcmSettings {
    pub(super) fn detour(&self) -> Detour {
        Detour { host: self.host.clone(), ca_file: self.ca_file.clone(), proxy: self.proxy.clone() }
    }
}
