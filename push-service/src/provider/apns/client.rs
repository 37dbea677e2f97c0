//! Sends to Apple's two services with one key.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use jsonwebtoken::EncodingKey;
use reqwest::header::AUTHORIZATION;
use tracing::warn;
use uuid::Uuid;

use super::ApnsSettings;
use super::error::{ROWS, reason, verdict};
use super::payload::{Request, request};
use super::token::Tokens;
use crate::provider::check::Check;
use crate::provider::sender::{Answer, Lost, Sender, Way};
use crate::provider::settings::{Section, SettingsError};
use crate::provider::{Clock, Environment, Kind, Provider, ProviderKind, Push, Target, Verdict};

const SECTION: Section = Section("apns");
const PRODUCTION_HOST: &str = "api.push.apple.com";
const SANDBOX_HOST: &str = "api.sandbox.push.apple.com";
/// End of the topic of VoIP pushes.
const VOIP: &str = ".voip";
/// Longest device token that is passed on, in characters. Apple's are 64 and may grow.
const MAX_TOKEN: usize = 200;
/// What Apple says to a token that it never gave out, after it has found the credentials good.
const TOKEN_UNKNOWN: &str = "BadDeviceToken";
const EXPIRED: &str = "ExpiredProviderToken";
const TOO_MANY_UPDATES: &str = "TooManyProviderTokenUpdates";

/// Apple, by one team's key.
pub struct Apns {
    team: String,
    topics: Vec<String>,
    tokens: Tokens,
    production: Sender,
    sandbox: Sender,
    clock: Clock,
}

impl Apns {
    /// Reads the key. Nothing is sent yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &ApnsSettings, clock: Clock) -> Result<Self, SettingsError> {
        const IDENTIFIER: &str = "the ten letters and digits that Apple shows beside it";
        const KEY: &str = "the file AuthKey_….p8 as Apple gave it out (PEM, a P-256 key)";
        for (name, value) in [("key_id", &settings.key_id), ("team", &settings.team)] {
            if value.len() != 10 || !value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(SECTION.error(name, format!("{value:?}"), IDENTIFIER));
            }
        }
        if let Some(topic) = settings.topics.iter().find(|topic| !is_topic(topic)) {
            let allowed = "bundle ids with .voip at the end, such as \"com.example.courier.voip\"";
            return Err(SECTION.error("topics", format!("{topic:?}"), allowed));
        }
        let pem = SECTION.read("key_file", &settings.key_file, KEY)?;
        let unusable =
            |error| SECTION.error("key_file", format!("{}: {error}", settings.key_file.display()), KEY);
        let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(unusable)?;
        let tokens =
            Tokens::new(&settings.key_id, &settings.team, key, Arc::clone(&clock)).map_err(unusable)?;
        let sender = |host, host_key, other: Option<&String>| {
            Sender::new(Way { section: SECTION, host, host_key, detour: &settings.detour(other) })
        };
        Ok(Self {
            team: settings.team.clone(),
            topics: settings.topics.clone(),
            tokens,
            production: sender(PRODUCTION_HOST, "host", settings.host.as_ref())?,
            sandbox: sender(SANDBOX_HOST, "sandbox_host", settings.sandbox_host.as_ref())?,
            clock,
        })
    }

    /// Tests the credentials by a push that no phone can get: to a token that Apple never gave out. Takes as long as an answer may take.
    pub async fn check(&self, environment: Environment) -> Check {
        let done = |good, words: String| Check {
            provider: ProviderKind::Apns,
            environment: Some(environment),
            good,
            words,
        };
        let Some(topic) = self.topics.first() else {
            return done(false, "topics names no app, so nothing can be tested: name one, such as \"com.example.courier.voip\".".to_owned());
        };
        let now = (self.clock)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) * 1000;
        let push = Push {
            id: Uuid::new_v4(),
            target: Target {
                provider: ProviderKind::Apns,
                param: format!("{}.{topic}", self.team),
                token: "0".repeat(64).into(),
                environment,
            },
            kind: Kind::Incoming,
            call: "check".to_owned(),
            order: None,
            label: None,
            gateway: None,
            sent_at: now,
            expires_at: now + 60_000,
        };
        let wrong = |reason: &str, remedy: &str| done(false, format!("Apple says {reason}. {remedy}"));
        match self.send(&push).await {
            Verdict::Rejected { reason, .. } if reason == TOKEN_UNKNOWN => done(
                true,
                format!("Apple takes the key for {topic}. What only a device can tell, test-push asks."),
            ),
            // An answer that a stand-in may give; Apple knows no such token.
            Verdict::Sent { .. } => done(true, format!("The host takes the key for {topic}, and any token.")),
            Verdict::Misconfigured { reason, remedy, .. } => wrong(&reason, remedy),
            Verdict::Retry { status: None, reason, .. } => done(
                false,
                format!(
                    "No answer from Apple: {reason}. Port 443 to Apple must be open for HTTP/2 (17.0.0.0/8), or name a proxy."
                ),
            ),
            Verdict::Retry { reason, .. }
            | Verdict::DeviceGone { reason, .. }
            | Verdict::Rejected { reason, .. } => {
                let remedy = ROWS.iter().find(|row| row.reason == reason).map_or("", |row| row.remedy);
                wrong(&reason, remedy)
            }
        }
    }

    async fn deliver(&self, push: &Push, request: &Request) -> Verdict {
        let Ok(token) = self.tokens.current() else {
            // It has signed at the start.
            let reason = "the key does not sign".to_owned();
            return Verdict::Misconfigured { status: None, reason, remedy: "Look at key_file." };
        };
        let mut answer = self.post(&push.target, request, &token).await;
        if let Some(another) = answer.as_ref().ok().and_then(|answer| self.another_token(answer, &token)) {
            answer = self.post(&push.target, request, &another).await;
        }
        match answer {
            Ok(answer) if answer.status == 200 => {
                let given = answer.headers.get("apns-id").and_then(|id| id.to_str().ok());
                let provider_id = given.map_or_else(|| push.id.hyphenated().to_string(), str::to_owned);
                Verdict::Sent { provider_id, status: 200 }
            }
            Ok(answer) => verdict(&answer, (self.clock)()),
            Err(Lost { reason }) => Verdict::Retry { status: None, reason, after: None },
        }
    }

    /// With which token the push may go after this answer.
    fn another_token(&self, answer: &Answer, refused: &str) -> Option<Arc<str>> {
        match (answer.status, reason(answer).as_str()) {
            (403, EXPIRED) => {
                warn!(
                    "Apple calls a provider token expired that is less than an hour old by this machine's clock: look at the clock"
                );
                self.tokens.renew(refused)
            }
            (429, TOO_MANY_UPDATES) => self.tokens.step_back(refused),
            _ => None,
        }
    }

    async fn post(&self, target: &Target, request: &Request, token: &str) -> Result<Answer, Lost> {
        let sender = match target.environment {
            Environment::Production => &self.production,
            Environment::Sandbox => &self.sandbox,
        };
        let path = format!("/3/device/{}", target.token.expose());
        sender
            .post(&path, |builder| request.fill(builder.header(AUTHORIZATION, format!("bearer {token}"))))
            .await
    }

    /// The topic of a device, or why it gets nothing.
    fn topic<'a>(&self, param: &'a str) -> Result<&'a str, &'static str> {
        let (team, topic) = param.split_once('.').ok_or("BadParam")?;
        if !is_topic(topic) {
            return Err("BadParam");
        }
        if team != self.team {
            return Err("AnotherTeam");
        }
        if !self.topics.is_empty() && !self.topics.iter().any(|known| known == topic) {
            return Err("TopicNotSetUp");
        }
        Ok(topic)
    }
}

#[async_trait]
impl Provider for Apns {
    async fn send(&self, push: &Push) -> Verdict {
        let rejected = |reason: &str| Verdict::Rejected { status: None, reason: reason.to_owned() };
        match push.kind {
            Kind::Incoming => {}
            Kind::Cancel => return rejected("CancelIsNotSentToApple"),
        }
        if push.is_expired((self.clock)()) {
            return rejected("Expired");
        }
        let token = push.target.token.expose();
        if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return rejected(TOKEN_UNKNOWN);
        }
        let topic = match self.topic(&push.target.param) {
            Ok(topic) => topic,
            Err(reason) => return rejected(reason),
        };
        match request(push, topic) {
            Ok(request) => self.deliver(push, &request).await,
            Err(_) => rejected("PayloadTooLarge"),
        }
    }
}

/// A bundle id with `.voip`: what may stand in a header and in Apple's portal.
fn is_topic(topic: &str) -> bool {
    let bundle = topic.strip_suffix(VOIP).unwrap_or_default();
    !bundle.is_empty()
        && bundle.len() <= 155
        && bundle.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}
