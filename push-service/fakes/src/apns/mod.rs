//! Apple's side: `POST /3/device/{token}` over HTTP/2 with provider tokens, as "Sending notification requests to APNs", "Establishing
//! a token-based connection to APNs" and "Handling notification responses from APNs" (Apple developer documentation) say.

mod documented;
mod rules;
mod token;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

pub use self::documented::DOCUMENTED;
use self::rules::{Refusal, Rules};
use crate::log::{Answer, Log};
use crate::script::{Script, Scripted};
use crate::server::{Call, Reply, Server, Service, response};
use crate::stand::{Stand, keep, treat};
use crate::{Authority, Clock, FakeError};

/// Names under which the certificate is valid: Apple's two hosts, and localhost; its address is added.
const NAMES: [&str; 3] = ["api.push.apple.com", "api.sandbox.push.apple.com", "localhost"];

/// Whose pushes are taken.
#[derive(Debug, Clone)]
pub struct ApnsAccount {
    /// The developer team, the provider token's `iss`.
    pub team: String,
    /// The key's id, the provider token's `kid`.
    pub key_id: String,
    /// Topics of the team's apps, with `.voip` where they take VoIP pushes.
    pub topics: Vec<String>,
}

impl Default for ApnsAccount {
    fn default() -> Self {
        Self {
            team: "DOORTEAM01".to_owned(),
            key_id: "DOORKEY001".to_owned(),
            topics: vec!["com.example.courier.voip".to_owned(), "com.example.courier".to_owned()],
        }
    }
}

/// An APNs of our own. Dropping it ends it.
pub struct FakeApns {
    stand: Stand,
    world: Arc<World>,
    key_pem: String,
    account: ApnsAccount,
}

struct World {
    rules: Rules,
    script: Script,
    log: Arc<Log>,
    clock: Clock,
}

impl FakeApns {
    /// Starts one with an authority and an account of its own.
    ///
    /// # Errors
    /// [`FakeError`] when no port or no certificate is to be had.
    pub async fn start() -> Result<Self, FakeError> {
        Self::start_with(&Authority::new()?, ApnsAccount::default(), Clock::default()).await
    }

    /// Starts one. Its signing key is made here.
    ///
    /// # Errors
    /// [`FakeError`] when no port or no certificate is to be had.
    pub async fn start_with(
        authority: &Authority,
        account: ApnsAccount,
        clock: Clock,
    ) -> Result<Self, FakeError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let world = Arc::new(World {
            rules: Rules::new(&account, &key.public_key_pem())?,
            script: Script::default(),
            log: Arc::new(Log::new(Log::KEPT)),
            clock,
        });
        let tls = authority.server(&NAMES, &[b"h2"])?;
        let server = Server::start(authority.listen(), tls, Arc::clone(&world)).await?;
        let stand = Stand::new(server, authority.pem());
        Ok(Self { stand, world, key_pem: key.serialize_pem(), account })
    }

    /// The signing key as Apple gives it out: the content of `AuthKey_….p8`.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Whose pushes it takes.
    pub fn account(&self) -> &ApnsAccount {
        &self.account
    }

    /// Writes the signing key where a client's settings can name it.
    ///
    /// # Errors
    /// [`FakeError::Io`] when the file cannot be written.
    pub fn write_key(&self, path: &Path) -> Result<(), FakeError> {
        Ok(std::fs::write(path, &self.key_pem)?)
    }

    /// What it shall do instead of judging.
    pub fn script(&self) -> &Script {
        &self.world.script
    }

    /// What it has got.
    pub fn log(&self) -> &Arc<Log> {
        &self.world.log
    }

    /// Its time.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// From now on only tokens named here are known; others are `BadDeviceToken`. A known token pushed under another topic is
    /// `DeviceTokenNotForTopic`.
    pub fn know(&self, token: impl Into<String>, topic: impl Into<String>) {
        self.world.rules.know(token.into(), topic.into());
    }

    /// The app with this token is gone since `at`: 410 `Unregistered` with that timestamp.
    pub fn uninstall(&self, token: impl Into<String>, at: SystemTime) {
        self.world.rules.uninstall(token.into(), at);
    }

    /// Ends it, and waits for the end.
    pub async fn stop(self) {
        self.stand.stop().await;
    }
}

impl Deref for FakeApns {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

impl Service for World {
    async fn answer(&self, call: Call) -> Reply {
        let token = call.head.uri.path().strip_prefix("/3/device/").unwrap_or_default().to_owned();
        let act = self.script.decide(&token).await;
        let judge = || self.judge(&call, &token);
        let (answer, reply) = treat(act, judge, |scripted| self.scripted(&call, scripted));
        let body = serde_json::from_slice(&call.body).unwrap_or_default();
        keep(&self.log, &self.clock, &call, token, body, answer);
        reply
    }
}

impl World {
    fn judge(&self, call: &Call, token: &str) -> (Answer, Reply) {
        match self.rules.judge(&call.head, &call.body, token, &self.clock) {
            Ok(()) => {
                (Answer::Accepted, Reply::Http(response(200, &[("apns-id", apns_id(call))], Bytes::new())))
            }
            Err(Refusal { status, reason, timestamp }) => {
                self.scripted(call, Scripted { timestamp, ..Scripted::new(status, reason) })
            }
        }
    }

    fn scripted(&self, call: &Call, scripted: Scripted) -> (Answer, Reply) {
        let Scripted { status, reason, retry_after, timestamp } = scripted;
        let mut headers = vec![("apns-id", apns_id(call))];
        headers.extend(retry_after.map(|after| ("retry-after", after.as_secs().to_string())));
        if status == 200 {
            return (Answer::Accepted, Reply::Http(response(status, &headers, Bytes::new())));
        }
        let mut body = serde_json::json!({ "reason": reason });
        if let Some(since) = timestamp.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) {
            body["timestamp"] = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).into();
        }
        let reply = Reply::Http(response(status, &headers, body.to_string()));
        (Answer::Refused { status, reason }, reply)
    }
}

/// The client's `apns-id`, or one of our own, as Apple does.
fn apns_id(call: &Call) -> String {
    let given = call.head.headers.get("apns-id").and_then(|id| id.to_str().ok());
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}
