//! Requests to push-service, each within its time; what cannot be had is told by a small enum and never by the library's words, which
//! hold the URL.

use std::fmt;
use std::time::Duration;

use doorstep_service::tls::{TlsError, client_config};
use doorstep_sip::Sensitive;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::health::Health;
use crate::config;
use crate::core::{CallId, CourierId, DeviceId, PushTarget};

/// The longest answer that is read.
const MAX_ANSWER: usize = 256 * 1024;
/// For a connection; within a request's own limit.
const CONNECT: Duration = Duration::from_secs(1);
/// A push-service that is known to be down gets this long to show that it is back.
const DOWN: Duration = Duration::from_millis(500);
/// What a long poll may take beyond what it asks for.
const POLL_SLACK: Duration = Duration::from_secs(5);

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `push.ca_file`, or the system's roots.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Not seen: the settings are fixed.
    #[error("the HTTP client cannot be made")]
    Http,
}

/// Why there is no answer that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, or one that broke.
    Unreachable,
    /// Too late.
    Late,
    /// It has too much to do, or cannot work (429, 5xx).
    Busy,
    /// It does not know our key (401, 403).
    Key,
    /// It does not take this request (other 4xx, or an answer that is none).
    Refused,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Late => "late",
            Self::Busy => "busy",
            Self::Key => "key",
            Self::Refused => "refused",
        }
    }

    /// Whether the same request may be taken later.
    pub(super) fn may_pass(self) -> bool {
        match self {
            Self::Unreachable | Self::Late | Self::Busy | Self::Key => true,
            Self::Refused => false,
        }
    }
}

/// One request is made at a time by each caller; the library keeps connections and shares them.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Sensitive<String>,
    environment: &'static str,
    limit: Duration,
    pub(super) health: Health,
}

#[derive(Serialize)]
struct DeviceBody<'a> {
    user: &'a str,
    provider: &'a str,
    param: &'a str,
    token: &'a str,
    environment: &'a str,
}

/// A wake as push-service takes it.
#[derive(Serialize)]
pub(super) struct WakeBody<'a> {
    pub(super) call: &'a str,
    pub(super) user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<&'a str>,
    /// Unix milliseconds.
    pub(super) expires_at: i64,
}

/// A wake as push-service tells of it. What else stands there is left alone.
#[derive(Debug, Deserialize)]
pub(super) struct WakeView {
    pub(super) devices: Vec<DeviceView>,
}

#[derive(Deserialize)]
struct DeviceList {
    devices: Vec<ListedDevice>,
}

#[derive(Deserialize)]
struct ListedDevice {
    id: String,
}

/// One device's part of it.
#[derive(Debug, Deserialize)]
pub(super) struct DeviceView {
    pub(super) device: String,
    pub(super) state: DeviceState,
}

/// How far a device's push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeviceState {
    /// It waits, or is being sent.
    Queued,
    /// The provider took it.
    Sent,
    /// The device's token is dead, or the device was removed.
    Gone,
    /// The provider will never take it.
    Failed,
    /// It ran out before a provider took it.
    Expired,
    /// It was cancelled before it was sent.
    Cancelled,
}

impl Client {
    pub(super) fn new(config: &config::Push) -> Result<Self, StartError> {
        let mut tls = client_config(config.ca_file.as_deref())?.as_ref().clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(config.timeout))
            .build()
            .map_err(|_| StartError::Http)?;
        Ok(Self {
            http,
            base: config.url.clone(),
            key: config.key.clone(),
            environment: config.environment.as_str(),
            limit: config.timeout,
            health: Health::default(),
        })
    }

    /// Whether it is there, knows our key and can ask its store. What it says is kept in `health`.
    pub(super) async fn probe(&self) {
        let request = self.request(Method::GET, &["v1", "users", "doorstep-gateway", "devices"]);
        if self.exchange("probe", request, self.limit).await.is_err() {
            tracing::trace!("push-service is not found to be well");
        }
    }

    pub(super) async fn put_device(
        &self,
        device: &DeviceId,
        courier: &CourierId,
        target: &PushTarget,
    ) -> Result<(), Failure> {
        let body = DeviceBody {
            user: courier.expose(),
            provider: &target.provider,
            param: &target.param,
            token: target.prid.expose(),
            environment: self.environment,
        };
        let request = self.request(Method::PUT, &["v1", "devices", &device.0]).json(&body);
        self.exchange("put_device", request, self.limit).await.map(|_| ())
    }

    /// Also when it is not there.
    pub(super) async fn delete_device(&self, device: &DeviceId) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &["v1", "devices", &device.0]);
        self.exchange("delete_device", request, self.limit).await.map(|_| ())
    }

    /// Once more at once when the connection breaks: the call's id makes two requests one wake. Within the time limit in all.
    pub(super) async fn wake(&self, body: &WakeBody<'_>) -> Result<(), Failure> {
        let limit = if self.health.is_down() { self.limit.min(DOWN) } else { self.limit };
        let once = || {
            let request = self.request(Method::POST, &["v1", "wakes"]).json(body);
            self.exchange("wake", request, limit)
        };
        let twice = async {
            match once().await {
                Err(Failure::Unreachable) => once().await,
                other => other,
            }
        };
        match timeout(limit, twice).await {
            Ok(done) => done.map(|_| ()),
            Err(_) => Err(Failure::Late),
        }
    }

    /// How a wake stands, as soon as every device has its final state or after `wait`.
    pub(super) async fn wake_state(&self, call: &CallId, wait: Duration) -> Result<WakeView, Failure> {
        let mut url = self.url(&["v1", "wakes", &call.0]);
        url.query_pairs_mut().append_pair("wait_s", &wait.as_secs().to_string());
        let request = self.http.get(url).bearer_auth(self.key.expose());
        let answer = self.exchange("wake_state", request, wait + POLL_SLACK).await?;
        serde_json::from_slice(&answer).map_err(|_| Failure::Refused)
    }

    /// The ids of a courier's devices.
    pub(super) async fn devices_of(&self, courier: &CourierId) -> Result<Vec<String>, Failure> {
        let request = self.request(Method::GET, &["v1", "users", courier.expose(), "devices"]);
        let answer = self.exchange("devices_of", request, self.limit).await?;
        let list: DeviceList = serde_json::from_slice(&answer).map_err(|_| Failure::Refused)?;
        Ok(list.devices.into_iter().map(|device| device.id).collect())
    }

    pub(super) async fn cancel(&self, call: &CallId) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &["v1", "wakes", &call.0]);
        self.exchange("cancel", request, self.limit).await.map(|_| ())
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(self.key.expose())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The answer's body. What a DELETE does not find is as good as deleted.
    async fn exchange(
        &self,
        what: &'static str,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let answer = timeout(limit, send(request)).await.unwrap_or(Err(Failure::Late));
        match answer {
            Ok((status, body)) => {
                let judged = judge(status);
                self.health.heard(judged.err());
                match judged {
                    Ok(()) => Ok(body),
                    Err(Failure::Refused) if status == StatusCode::NOT_FOUND && is_deletion(what) => Ok(body),
                    Err(failure) => Err(failed(what, failure)),
                }
            }
            Err(failure) => {
                self.health.heard(Some(failure));
                Err(failed(what, failure))
            }
        }
    }
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Failure> {
    let failure =
        |error: reqwest::Error| if error.is_timeout() { Failure::Late } else { Failure::Unreachable };
    let mut response = request.send().await.map_err(failure)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::Refused);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::Key),
        StatusCode::TOO_MANY_REQUESTS => Err(Failure::Busy),
        status if status.is_server_error() => Err(Failure::Busy),
        _ => Err(Failure::Refused),
    }
}

fn is_deletion(what: &str) -> bool {
    matches!(what, "delete_device" | "cancel")
}

fn failed(what: &'static str, failure: Failure) -> Failure {
    metrics::counter!("doorstep_push_requests_failed_total", "what" => what, "why" => failure.as_str())
        .increment(1);
    tracing::debug!(what, why = failure.as_str(), "push-service did not do as asked");
    failure
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
