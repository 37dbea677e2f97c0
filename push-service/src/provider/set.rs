//! All providers that are set up.

use std::sync::Arc;

use async_trait::async_trait;

use super::apns::Apns;
use super::check::Check;
use super::fcm::Fcm;
use super::settings::{ProviderSettings, SettingsError};
use super::{Clock, Environment, Provider, ProviderKind, Push, Verdict};

/// Apple and Google, as far as they are set up. A push for one that is not is [`Verdict::Misconfigured`].
pub struct Providers {
    apns: Option<Apns>,
    fcm: Option<Fcm>,
}

impl Providers {
    /// Reads keys; sends nothing.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        Self::with_clock(settings, super::apns::system_clock())
    }

    /// The same with another clock, for tests.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_clock(settings: &ProviderSettings, clock: Clock) -> Result<Self, SettingsError> {
        Ok(Self {
            apns: settings.apns.as_ref().map(|apns| Apns::new(apns, Arc::clone(&clock))).transpose()?,
            fcm: settings.fcm.as_ref().map(|fcm| Fcm::new(fcm, clock)).transpose()?,
        })
    }

    /// Which are set up.
    pub fn kinds(&self) -> Vec<ProviderKind> {
        let apns = self.apns.as_ref().map(|_| ProviderKind::Apns);
        let fcm = self.fcm.as_ref().map(|_| ProviderKind::Fcm);
        apns.into_iter().chain(fcm).collect()
    }

    /// Tests the credentials of each against its service: Apple's two, and Google. Nothing reaches a phone.
    pub async fn check(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(apns) = &self.apns {
            checks.push(apns.check(Environment::Production).await);
            checks.push(apns.check(Environment::Sandbox).await);
        }
        if let Some(fcm) = &self.fcm {
            checks.push(fcm.check().await);
        }
        checks
    }
}

#[async_trait]
impl Provider for Providers {
    async fn send(&self, push: &Push) -> Verdict {
        let missing = |remedy| Verdict::Misconfigured { status: None, reason: "NotSetUp".to_owned(), remedy };
        match push.target.provider {
            ProviderKind::Apns => match &self.apns {
                Some(apns) => apns.send(push).await,
                None => missing(
                    "An iOS device is registered, and push-service has no [apns]: set it up (docs/push-providers.md).",
                ),
            },
            ProviderKind::Fcm => match &self.fcm {
                Some(fcm) => fcm.send(push).await,
                None => missing(
                    "An Android device is registered, and push-service has no [fcm]: set it up (docs/push-providers.md).",
                ),
            },
        }
    }
}
