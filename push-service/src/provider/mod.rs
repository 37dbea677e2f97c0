//! What the queue asks of a push provider, and what it may answer. The queue decides by the verdict alone: it knows neither Apple's
//! nor Google's statuses.

pub mod apns;
mod check;
pub mod fcm;
mod payload;
mod sender;
mod set;
mod settings;
mod verdict_table;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use doorstep_sensitive::Sensitive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use check::Check;
pub use set::Providers;
pub use settings::{ProviderSettings, SettingsError};
pub use verdict_table::{Class, Row};

/// The time of day, handed in so that a test can move it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Who carries pushes to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Apple Push Notification service, by VoIP pushes.
    Apns,
    /// Firebase Cloud Messaging, HTTP v1.
    Fcm,
}

/// Which of Apple's two services knows the token. Google has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Apps from the App Store and TestFlight.
    Production,
    /// Apps that Xcode put on the device.
    Sandbox,
}

/// Where a push goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// By whom.
    pub provider: ProviderKind,
    /// RFC 8599 `pn-param`: for APNs `TEAM.BUNDLE.voip`, for FCM the project's id.
    pub param: String,
    /// RFC 8599 `pn-prid`: the device's token.
    pub token: Sensitive<String>,
    /// Apple's service; FCM ignores it.
    pub environment: Environment,
}

/// What a push tells the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call waits at the gateway.
    Incoming,
    /// The call is over. Never sent to Apple: iOS must show a call for each VoIP push.
    Cancel,
}

/// One push to one device. Sending it again uses the same `id`, so that a duplicate can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// `apns-id`, and in FCM's data `push`.
    pub id: Uuid,
    /// Where it goes.
    pub target: Target,
    /// What it tells.
    pub kind: Kind,
    /// The call's id, which the INVITE bears as its Call-ID.
    pub call: String,
    /// The order's id.
    pub order: Option<String>,
    /// What the courier's screen shows.
    pub label: Option<Sensitive<String>>,
    /// The gateway's WebSocket URL.
    pub gateway: Option<String>,
    /// Unix milliseconds.
    pub sent_at: u64,
    /// Unix milliseconds. It is never sent at or after this.
    pub expires_at: u64,
}

impl Push {
    /// Whether its time is over: it must not be sent any more.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        now >= u128::from(self.expires_at)
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The provider took it.
    Sent {
        /// The provider's name for it.
        provider_id: String,
        /// The HTTP status.
        status: u16,
    },
    /// It may go later: the provider is busy, or was not reached.
    Retry {
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// The provider's word, or what went wrong.
        reason: String,
        /// What the provider asked for (Retry-After).
        after: Option<Duration>,
    },
    /// The device's token is dead. The device is deleted unless it was registered after `since`.
    DeviceGone {
        /// The HTTP status.
        status: u16,
        /// The provider's word.
        reason: String,
        /// When the provider found out, if it says so.
        since: Option<SystemTime>,
    },
    /// This push will never be taken, whoever sends it.
    Rejected {
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// The provider's word.
        reason: String,
    },
    /// The service itself is set up wrongly: key, team, topic, project. Said once in the log, with the remedy.
    Misconfigured {
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// The provider's word.
        reason: String,
        /// What the operator should do.
        remedy: &'static str,
    },
}

/// A way to a provider. One for all pushes; it keeps its connections and its credentials' tokens.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Sends once and judges the answer. It never waits for a retry, and ends by the provider's own time limit.
    async fn send(&self, push: &Push) -> Verdict;
}
