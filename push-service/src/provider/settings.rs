//! What both providers are told alike: how to get there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::provider::apns::ApnsSettings;
use crate::provider::fcm::FcmSettings;

/// What is set up; at least one should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// `[apns]`.
    pub apns: Option<ApnsSettings>,
    /// `[fcm]`.
    pub fcm: Option<FcmSettings>,
}

/// Why a provider cannot be set up. It holds no secret.
#[derive(Debug, Error)]
#[error("{section}.{key}: {found}; it takes {allowed}")]
pub struct SettingsError {
    /// The table of the configuration.
    pub section: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// What is wrong.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

/// Makes errors of one section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section(pub(super) &'static str);

impl Section {
    pub(super) fn error(
        self,
        key: &'static str,
        found: impl ToString,
        allowed: &'static str,
    ) -> SettingsError {
        SettingsError { section: self.0, key, found: found.to_string(), allowed }
    }

    /// The text of a file.
    pub(super) fn read(
        self,
        key: &'static str,
        path: &Path,
        allowed: &'static str,
    ) -> Result<String, SettingsError> {
        fs::read_to_string(path)
            .map_err(|error| self.error(key, format!("{}: {error}", path.display()), allowed))
    }
}

/// A way to a provider that is not the straight one: a relay or a proxy of the company's, or a stand-in in tests. Each is told in
/// the log as a warning when it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Detour {
    /// `host` or `host:port` instead of the provider's own.
    pub(super) host: Option<String>,
    /// PEM file of certificates that are trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// URL of an HTTP proxy that takes CONNECT.
    pub(super) proxy: Option<String>,
}
