//! Sends to one Firebase project.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use uuid::Uuid;

use super::FcmSettings;
use super::access::AccessTokens;
use super::account::Account;
use super::error::{ROWS, verdict};
use super::payload::body;
use crate::provider::check::Check;
use crate::provider::sender::{Answer, Lost, Sender, Way};
use crate::provider::settings::{Section, SettingsError};
use crate::provider::{Clock, Environment, Kind, Provider, ProviderKind, Push, Target, Verdict};

const SECTION: Section = Section("fcm");
const HOST: &str = "fcm.googleapis.com";
/// Longest registration token that is passed on, in characters. Google's are 140 to 300 and may grow.
const MAX_TOKEN: usize = 1024;

/// Google, for one project.
pub struct Fcm {
    access: AccessTokens,
    sender: Sender,
    clock: Clock,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
}

impl Fcm {
    /// Reads the service account's key. Nothing is sent yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &FcmSettings, clock: Clock) -> Result<Self, SettingsError> {
        let account = Account::read(SECTION, settings)?;
        if let Some(uri) = &settings.token_uri {
            tracing::warn!(provider = SECTION.0, token_uri = %uri, "access tokens do not come from Google but from another host");
        }
        let detour = settings.detour();
        let sender = Sender::new(Way { section: SECTION, host: HOST, host_key: "host", detour: &detour })?;
        Ok(Self { access: AccessTokens::new(account, Arc::clone(&clock)), sender, clock })
    }

    /// Tests the credentials by a message that Google judges and does not send. Takes as long as an answer may take.
    pub async fn check(&self) -> Check {
        let done =
            |good, words: String| Check { provider: ProviderKind::Fcm, environment: None, good, words };
        let project = self.access.project();
        let now = (self.clock)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) * 1000;
        let push = Push {
            id: Uuid::new_v4(),
            target: Target {
                provider: ProviderKind::Fcm,
                param: project.to_owned(),
                // Of a registration token's form, and nobody's.
                token: format!("check:APA91b{}", "0".repeat(134)).into(),
                environment: Environment::Production,
            },
            kind: Kind::Incoming,
            call: "check".to_owned(),
            order: None,
            label: None,
            gateway: None,
            sent_at: now,
            expires_at: now + 60_000,
        };
        match self.attempt(&push, true).await {
            Verdict::Sent { .. } => done(true, format!("Google takes messages of the project {project}.")),
            // It has judged the token, so it has taken account and project.
            Verdict::DeviceGone { .. } => {
                done(true, format!("Google takes messages of the project {project}."))
            }
            Verdict::Rejected { reason, .. }
                if reason == "INVALID_ARGUMENT" || reason == "SENDER_ID_MISMATCH" =>
            {
                done(true, format!("Google takes messages of the project {project}."))
            }
            Verdict::Misconfigured { reason, remedy, .. } => {
                done(false, format!("Google says {reason}. {remedy}"))
            }
            Verdict::Retry { status: None, reason, .. } => {
                let words = format!(
                    "No answer from Google: {reason}. Port 443 must be open for HTTP/2, or name a proxy."
                );
                done(false, words)
            }
            Verdict::Retry { reason, .. } | Verdict::Rejected { reason, .. } => {
                let remedy = ROWS.iter().find(|row| row.reason == reason).map_or("", |row| row.remedy);
                done(false, format!("Google says {reason}. {remedy}"))
            }
        }
    }

    async fn attempt(&self, push: &Push, validate_only: bool) -> Verdict {
        let Ok(body) = body(push, validate_only) else {
            return Verdict::Rejected { status: None, reason: "PayloadTooLarge".to_owned() };
        };
        let mut renewed = false;
        loop {
            let token = match self.access.current(&self.sender).await {
                Ok(token) => token,
                Err(verdict) => return verdict,
            };
            match self.post(&body, &token).await {
                Ok(answer) if answer.status == 200 => {
                    // The name is Google's own; an answer without one is taken all the same.
                    let name = serde_json::from_slice::<Accepted>(&answer.body).map(|accepted| accepted.name);
                    return Verdict::Sent { provider_id: name.unwrap_or_default(), status: 200 };
                }
                Ok(answer) => {
                    let verdict = verdict(&answer, (self.clock)());
                    if answer.status != 401 || renewed || !matches!(verdict, Verdict::Misconfigured { .. }) {
                        return verdict;
                    }
                    // The access token was taken back: once with a new one.
                    renewed = true;
                    self.access.forget(&token).await;
                }
                Err(Lost { reason }) => return Verdict::Retry { status: None, reason, after: None },
            }
        }
    }

    async fn post(&self, body: &str, token: &str) -> Result<Answer, Lost> {
        let path = format!("/v1/projects/{}/messages:send", self.access.project());
        let fill = |request: reqwest::RequestBuilder| {
            request
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned())
        };
        self.sender.post(&path, fill).await
    }
}

#[async_trait]
impl Provider for Fcm {
    async fn send(&self, push: &Push) -> Verdict {
        let rejected = |reason: &str| Verdict::Rejected { status: None, reason: reason.to_owned() };
        if push.is_expired((self.clock)()) {
            return rejected("Expired");
        }
        if push.target.param != self.access.project() {
            return rejected("AnotherProject");
        }
        let token = push.target.token.expose();
        if token.is_empty() || token.len() > MAX_TOKEN {
            return rejected("INVALID_ARGUMENT");
        }
        self.attempt(push, false).await
    }
}
