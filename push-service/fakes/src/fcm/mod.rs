//! Google's side: the OAuth 2.0 token endpoint for service accounts (RFC 7523) and FCM HTTP v1's `messages:send`, over HTTP/2 or HTTP/1.1, as
//! "Using OAuth 2.0 for server to server applications" and the FCM reference (Google developer documentation) say.

mod documented;
mod oauth;
mod rules;

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::{Value, json};

use self::documented::status_of;
pub use self::documented::{DOCUMENTED, OAUTH_DOCUMENTED};
use self::oauth::{Denial, Oauth};
use self::rules::{Refusal, Rules};
use crate::log::{Answer, Log};
use crate::script::{Act, Script, Scripted};
use crate::server::{Call, Reply, Server, Service, response};
use crate::stand::{Stand, keep, treat};
use crate::{Authority, Clock, FakeError};

/// Names under which the certificate is valid: Google's two hosts, and localhost; its address is added.
const NAMES: [&str; 3] = ["fcm.googleapis.com", "oauth2.googleapis.com", "localhost"];
/// Size of a service account's key. Google makes them so.
const KEY_BITS: usize = 2048;

/// Whose pushes are taken.
#[derive(Debug, Clone)]
pub struct FcmAccount {
    /// The Firebase project's id.
    pub project: String,
    /// The service account.
    pub client_email: String,
    /// Its key's id.
    pub private_key_id: String,
}

impl Default for FcmAccount {
    fn default() -> Self {
        Self {
            project: "courier-example".to_owned(),
            client_email: "doorstep@courier-example.iam.gserviceaccount.com".to_owned(),
            private_key_id: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        }
    }
}

/// An FCM with its token endpoint. Dropping it ends it.
pub struct FakeFcm {
    stand: Stand,
    world: Arc<World>,
    account: FcmAccount,
}

struct World {
    oauth: Oauth,
    rules: Rules,
    script: Script,
    token_script: Script,
    log: Arc<Log>,
    clock: Clock,
}

struct KeyPair {
    private_pem: String,
    public_pem: String,
}

/// Made once per process: it takes a second, and no test tells two keys apart.
fn service_account_key() -> Result<&'static KeyPair, FakeError> {
    static KEY: OnceLock<Result<KeyPair, String>> = OnceLock::new();
    let made = KEY.get_or_init(|| {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS)
            .map_err(|error| error.to_string())?;
        let private_pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| error.to_string())?.to_string();
        let public_pem =
            key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|error| error.to_string())?;
        Ok(KeyPair { private_pem, public_pem })
    });
    made.as_ref().map_err(|error| FakeError::Key(error.clone()))
}

impl FakeFcm {
    /// Starts one with an authority and an account of its own.
    ///
    /// # Errors
    /// [`FakeError`] when no port, key or certificate is to be had.
    pub async fn start() -> Result<Self, FakeError> {
        Self::start_with(&Authority::new()?, FcmAccount::default(), Clock::default()).await
    }

    /// Starts one.
    ///
    /// # Errors
    /// [`FakeError`] when no port, key or certificate is to be had.
    pub async fn start_with(
        authority: &Authority,
        account: FcmAccount,
        clock: Clock,
    ) -> Result<Self, FakeError> {
        let key = service_account_key()?;
        let world = Arc::new(World {
            oauth: Oauth::new(&account, &key.public_pem)?,
            rules: Rules::new(&account.project),
            script: Script::default(),
            token_script: Script::default(),
            log: Arc::new(Log::new(Log::KEPT)),
            clock,
        });
        let tls = authority.server(&NAMES, &[b"h2", b"http/1.1"])?;
        let server = Server::start(authority.listen(), tls, Arc::clone(&world)).await?;
        Ok(Self { stand: Stand::new(server, authority.pem()), world, account })
    }

    /// The token endpoint's URL.
    pub fn token_uri(&self) -> String {
        format!("https://{}/token", self.address())
    }

    /// Whose pushes it takes.
    pub fn account(&self) -> &FcmAccount {
        &self.account
    }

    /// The service account's key as Google gives it out: a JSON document with the private key, whose `token_uri` is this server's.
    ///
    /// # Errors
    /// [`FakeError::Key`] when the key could not be made.
    pub fn service_account(&self) -> Result<Value, FakeError> {
        Ok(json!({
            "type": "service_account",
            "project_id": self.account.project,
            "private_key_id": self.account.private_key_id,
            "private_key": service_account_key()?.private_pem,
            "client_email": self.account.client_email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri(),
            "universe_domain": "googleapis.com",
        }))
    }

    /// Writes the service account's key where a client's settings can name it.
    ///
    /// # Errors
    /// [`FakeError::Io`] when the file cannot be written.
    pub fn write_service_account(&self, path: &Path) -> Result<(), FakeError> {
        Ok(std::fs::write(path, self.service_account()?.to_string())?)
    }

    /// What it shall do with sends instead of judging. The reason of a scripted answer is an `errorCode` of FCM's, or a `status` of
    /// Google's where there is none.
    pub fn script(&self) -> &Script {
        &self.world.script
    }

    /// What the token endpoint shall do instead of judging. The reason of a scripted answer is OAuth's `error`.
    pub fn token_script(&self) -> &Script {
        &self.world.token_script
    }

    /// The pushes it has got.
    pub fn log(&self) -> &Arc<Log> {
        &self.world.log
    }

    /// Its time.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// How many access tokens it has given out.
    pub fn access_tokens_issued(&self) -> u64 {
        self.world.oauth.issued()
    }

    /// Takes back all access tokens: the next send with one is 401.
    pub fn revoke_access_tokens(&self) {
        self.world.oauth.revoke();
    }

    /// From now on only tokens named here are known; others are `INVALID_ARGUMENT`.
    pub fn know(&self, token: impl Into<String>) {
        self.world.rules.know(token.into());
    }

    /// The app with this token is gone: 404 `UNREGISTERED`.
    pub fn uninstall(&self, token: impl Into<String>) {
        self.world.rules.uninstall(token.into());
    }

    /// This token belongs to another project: 403 `SENDER_ID_MISMATCH`.
    pub fn give_away(&self, token: impl Into<String>) {
        self.world.rules.give_away(token.into());
    }

    /// Ends it, and waits for the end.
    pub async fn stop(self) {
        self.stand.stop().await;
    }
}

impl Deref for FakeFcm {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

impl Service for World {
    async fn answer(&self, call: Call) -> Reply {
        if call.head.uri.path() == "/token" {
            return self.token(&call).await;
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let token = body.pointer("/message/token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let act = self.script.decide(&token).await;
        let judge = || self.judge(&call, &body);
        let (answer, reply) = treat(act, judge, |scripted| self.scripted(scripted, None));
        keep(&self.log, &self.clock, &call, token, body, answer);
        reply
    }
}

impl World {
    async fn token(&self, call: &Call) -> Reply {
        let judged = |world: &Self| match world.oauth.grant(
            &call.head,
            &call.body,
            call_uri(call).as_deref(),
            &world.clock,
        ) {
            Ok(token) => {
                let lifetime = Oauth::LIFETIME.as_secs();
                let body = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
                response(200, &[("content-type", JSON.to_owned())], body.to_string())
            }
            Err(Denial { status, error, description }) => denied(status, error, description, None),
        };
        match self.token_script.decide("").await {
            Act::Judge | Act::After(..) => Reply::Http(judged(self)),
            Act::GoAway => Reply::HttpAndGoAway(judged(self)),
            Act::Answer(scripted) => {
                let Scripted { status, reason, retry_after, timestamp: _ } = scripted;
                Reply::Http(denied(status, &reason, "as the script wants", retry_after))
            }
            Act::Drop | Act::AcceptAndDrop => Reply::Drop,
            Act::Reset => Reply::Reset,
            Act::Silence => Reply::Silence,
        }
    }

    fn judge(&self, call: &Call, body: &Value) -> (Answer, Reply) {
        if !self.oauth.admits(&call.head, &self.clock) {
            return self.scripted(Scripted::new(401, "UNAUTHENTICATED"), None);
        }
        match self.rules.judge(&call.head, body) {
            Ok(accepted) => {
                let name = format!("projects/{}/messages/{}", self.rules.project(), accepted.message_id);
                let answer = if accepted.validated_only { Answer::Validated } else { Answer::Accepted };
                (
                    answer,
                    Reply::Http(response(
                        200,
                        &[("content-type", JSON.to_owned())],
                        json!({ "name": name }).to_string(),
                    )),
                )
            }
            Err(Refusal { status, code, field }) => self.scripted(Scripted::new(status, code), field),
        }
    }

    fn scripted(&self, scripted: Scripted, field: Option<String>) -> (Answer, Reply) {
        let Scripted { status, reason, retry_after, timestamp: _ } = scripted;
        let mut headers = vec![("content-type", JSON.to_owned())];
        headers.extend(retry_after.map(|after| ("retry-after", after.as_secs().to_string())));
        if status == 200 {
            let name = format!("projects/{}/messages/scripted", self.rules.project());
            return (
                Answer::Accepted,
                Reply::Http(response(200, &headers, json!({ "name": name }).to_string())),
            );
        }
        let (google_status, error_code) = status_of(status, &reason);
        let mut details = Vec::new();
        if let Some(code) = error_code {
            details.push(
                json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code }),
            );
        }
        if let Some(field) = &field {
            let violation = json!({ "field": field, "description": format!("Invalid value at '{field}'") });
            details.push(json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation] }));
        }
        let message = format!("{reason}, says the stand-in.");
        let error =
            json!({ "code": status, "message": message, "status": google_status, "details": details });
        let reply = Reply::Http(response(status, &headers, json!({ "error": error }).to_string()));
        (Answer::Refused { status, reason }, reply)
    }
}

const JSON: &str = "application/json; charset=UTF-8";

fn denied(
    status: u16,
    error: &str,
    description: &str,
    after: Option<Duration>,
) -> http::Response<http_body_util::Full<bytes::Bytes>> {
    let mut headers = vec![("content-type", JSON.to_owned())];
    headers.extend(after.map(|after| ("retry-after", after.as_secs().to_string())));
    response(status, &headers, json!({ "error": error, "error_description": description }).to_string())
}

/// The URL that the client has asked for: HTTP/2 says it in `:authority`, HTTP/1.1 in `host`.
fn call_uri(call: &Call) -> Option<String> {
    let host = call.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let authority = call.head.uri.authority().map(http::uri::Authority::as_str).or(host)?;
    Some(format!("https://{authority}{}", call.head.uri.path()))
}
