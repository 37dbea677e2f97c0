//! The configuration as it is written, before anybody has judged it.

use doorstep_sensitive::Sensitive;
use doorstep_service::config::RawApi;
use serde::Deserialize;

/// The file, with the environment over it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) api: RawApi,
    pub(super) store: Store,
    pub(super) queue: Queue,
    pub(super) payload: Payload,
    pub(super) apns: Apns,
    pub(super) fcm: Fcm,
    pub(super) log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) path: String,
    pub(super) database_url: Option<Sensitive<String>>,
    pub(super) database_url_file: Option<String>,
    pub(super) retention_h: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "doorstep-push.db".into(), database_url: None, database_url_file: None, retention_h: 24 }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Queue {
    pub(super) pending: u64,
    pub(super) sends: u64,
    pub(super) shutdown_s: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { pending: 20_000, sends: 500, shutdown_s: 10 }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Payload {
    pub(super) gateway: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Apns {
    pub(super) key_file: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) team: Option<String>,
    pub(super) topics: Vec<String>,
    pub(super) host: Option<String>,
    pub(super) sandbox_host: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) proxy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fcm {
    pub(super) service_account_file: Option<String>,
    pub(super) host: Option<String>,
    pub(super) token_uri: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) proxy: Option<String>,
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
