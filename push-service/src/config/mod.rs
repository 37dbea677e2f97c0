//! What the server is told: a TOML file with the environment (`DOORSTEP_PUSH_SECTION__KEY`) over it, judged whole before anything
//! starts. Secure by default: beyond loopback the API needs TLS and a key.

mod explain;
pub mod keys;
mod raw;
mod validate;

#[cfg(test)]
mod tests;

use std::path::Path;

use doorstep_service::config::{ApiConfig, Keys, Layout, read};
use doorstep_service::log::Log;

use crate::provider::ProviderSettings;
use crate::queue::Limits;
use crate::store::Place;

pub use doorstep_service::config::{Problem, Problems};
pub use explain::{explain, warnings};

/// How it is written.
pub const LAYOUT: Layout =
    Layout { keys: Keys(keys::KEYS), prefix: "DOORSTEP_PUSH_", others: &[], handbook: "docs/push.md" };

/// A configuration that was found good.
#[derive(Debug, Clone)]
pub struct Config {
    /// The HTTP API.
    pub api: ApiConfig,
    /// The database.
    pub store: Place,
    /// How much is enough.
    pub limits: Limits,
    /// The gateway's WebSocket URL, for payloads.
    pub gateway: Option<String>,
    /// Apple and Google; without one of them its phones cannot be woken.
    pub providers: ProviderSettings,
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
        validate::validate(&raw, &places)
    }
}
