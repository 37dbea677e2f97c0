//! The way to a provider's host: HTTP/2 over TLS on a connection that is kept, watched, and replaced when it is dead. One for
//! Apple and Google.
//!
//! A request that the other side has certainly not looked at (refused stream, GOAWAY below it) is sent again on a new connection at once. One that
//! may have been looked at is not: it ends as [`Lost`], and the queue sends it again with the same id.

use std::error::Error as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Proxy, RequestBuilder};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tracing::warn;

use super::settings::{Detour, Section, SettingsError};

/// How long an answer may take, connecting included. A wake lives about half a minute: what is not answered by then is asked again.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How often a quiet connection is asked whether it lives (HTTP/2 PING), so that a push does not find out.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long the answer to that may take.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes. A provider's are a few hundred.
const MAX_ANSWER: usize = 64 * 1024;

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// What the answer asks to wait (RFC 9110 section 10.2.3): seconds, or until a date.
    pub(super) fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        SystemTime::from(date).duration_since(now).ok()
    }
}

/// No answer. The request may have been looked at, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// What went wrong, without address or token.
    pub(super) reason: String,
}

/// The way to one host.
#[derive(Debug)]
pub(super) struct Sender {
    base: String,
    maker: Maker,
    line: RwLock<Line>,
}

/// Connections, all of one making.
#[derive(Debug, Clone)]
struct Line {
    number: u64,
    client: Client,
}

#[derive(Debug)]
struct Maker {
    tls: ClientConfig,
    proxy: Option<Proxy>,
    time_limit: Duration,
}

/// How a sender is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) section: Section,
    /// The provider's own host.
    pub(super) host: &'a str,
    /// The key of the setting that names another.
    pub(super) host_key: &'static str,
    pub(super) detour: &'a Detour,
}

impl Sender {
    pub(super) fn new(way: Way<'_>) -> Result<Self, SettingsError> {
        let Way { section, host, host_key, detour } = way;
        let section_name = section.0;
        if let Some(other) = &detour.host {
            warn!(provider = section_name, setting = host_key, host = %other, "pushes do not go to {host} but to another host");
        }
        if let Some(path) = &detour.ca_file {
            warn!(provider = section_name, ca_file = %path.display(), "certificates of another authority are trusted too");
        }
        if detour.proxy.is_some() {
            warn!(provider = section_name, "pushes go through a proxy");
        }
        let host = detour.host.as_deref().unwrap_or(host);
        let base = format!("https://{host}");
        let parsed = reqwest::Url::parse(&base).ok().filter(|url| url.host().is_some() && url.path() == "/");
        if parsed.is_none_or(|url| url.query().is_some() || url.fragment().is_some()) {
            return Err(section.error(host_key, format!("{host:?}"), "a host, or host:port"));
        }
        let maker =
            Maker { tls: tls(section, detour)?, proxy: proxy(section, detour)?, time_limit: TIME_LIMIT };
        let client =
            maker.make().map_err(|error| section.error(host_key, error, "a host that can be used"))?;
        Ok(Self { base, maker, line: RwLock::new(Line { number: 0, client }) })
    }

    /// Another time limit, for tests that wait for it.
    #[cfg(test)]
    pub(super) fn with_time_limit(mut self, limit: Duration) -> Self {
        self.maker.time_limit = limit;
        self.replace(0);
        self
    }

    /// Posts to a path of the host.
    pub(super) async fn post(
        &self,
        path: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, Lost> {
        self.post_url(&format!("{}{path}", self.base), fill).await
    }

    /// Posts to a URL of another host, with the same trust.
    pub(super) async fn post_url(
        &self,
        url: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, Lost> {
        let Line { number, client } = self.line.read().unwrap_or_else(PoisonError::into_inner).clone();
        match read(fill(client.post(url))).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                if error.is_timeout() {
                    // The connection may be dead without a word (a network that forgot it): nothing else shall wait on it.
                    self.replace(number);
                }
                Err(Lost { reason: words(&error) })
            }
        }
    }

    /// Puts fresh connections in the place of those numbered so, unless somebody has. What is in flight stays where it is.
    fn replace(&self, number: u64) {
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        if line.number == number {
            // The same settings have made a client before: they do not fail now, and if they did the old one would stay.
            if let Ok(client) = self.maker.make() {
                *line = Line { number: number + 1, client };
            }
        }
    }
}

impl Maker {
    fn make(&self) -> reqwest::Result<Client> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.time_limit)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(None)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_LIMIT)
            .http2_keep_alive_while_idle(true)
            // Both providers speak it. One connection for all: else the first burst would open one for each push.
            .http2_prior_knowledge()
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        builder.build()
    }
}

async fn read(request: RequestBuilder) -> reqwest::Result<Answer> {
    let mut response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        // What exceeds is no answer of a provider's; the status alone then decides.
        if body.len() + chunk.len() > MAX_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: body.into() })
}

/// What went wrong, from the innermost cause: the outer ones name the URL, and with it the token.
fn words(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        return "no answer in time".to_owned();
    } else if error.is_connect() {
        "not reached"
    } else {
        "connection lost"
    };
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

fn tls(section: Section, detour: &Detour) -> Result<ClientConfig, SettingsError> {
    const PEM: &str = "a PEM file with the certificates of an authority";
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut extra = Vec::new();
    if let Some(path) = &detour.ca_file {
        let text = section.read("ca_file", path, PEM)?;
        extra = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| section.error("ca_file", format!("{}: {error}", path.display()), PEM))?;
        if extra.is_empty() {
            return Err(section.error("ca_file", format!("{}: no certificate in it", path.display()), PEM));
        }
    }
    let broken = |error: rustls::Error| section.error("ca_file", error, PEM);
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .map_err(broken)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        // "dangerous" is the name of the hook that takes a verifier; this one is the system's.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols.push(b"h2".to_vec());
    Ok(config)
}

fn proxy(section: Section, detour: &Detour) -> Result<Option<Proxy>, SettingsError> {
    let Some(url) = &detour.proxy else { return Ok(None) };
    // The URL may hold a password: it is not repeated.
    let proxy = Proxy::https(url.as_str())
        .map_err(|_| section.error("proxy", "no URL", "a URL such as \"http://proxy.example.com:3128\""))?;
    Ok(Some(proxy))
}

#[cfg(test)]
mod tests {
    use doorstep_push_fakes::{Act, FakeApns, Scripted};

    use super::*;

    struct Bench {
        fake: FakeApns,
        sender: Sender,
        _ca: tempfile::NamedTempFile,
    }

    impl Bench {
        async fn new() -> Self {
            let fake = FakeApns::start().await.unwrap();
            let ca = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(ca.path(), fake.authority_pem()).unwrap();
            let detour = Detour { host: Some(fake.host()), ca_file: Some(ca.path().to_owned()), proxy: None };
            let way =
                Way { section: Section("test"), host: "example.com", host_key: "host", detour: &detour };
            Self { fake, sender: Sender::new(way).unwrap(), _ca: ca }
        }

        async fn post(&self) -> Result<u16, Lost> {
            self.sender.post("/3/device/x", |request| request.body("{}")).await.map(|answer| answer.status)
        }
    }

    #[tokio::test]
    async fn a_connection_that_answers_no_more_is_not_waited_on_twice() {
        let mut bench = Bench::new().await;
        bench.post().await.unwrap();
        let opened = bench.fake.connections_opened();
        bench.fake.script().next(1, Act::Silence);
        bench.sender = bench.sender.with_time_limit(Duration::from_millis(200));
        assert_eq!(bench.post().await, Err(Lost { reason: "no answer in time".to_owned() }));
        bench.sender = bench.sender.with_time_limit(TIME_LIMIT);
        bench.post().await.unwrap();
        assert!(bench.fake.connections_opened() > opened);
    }

    #[tokio::test]
    async fn what_is_lost_is_said_without_address_and_token() {
        let bench = Bench::new().await;
        bench.fake.refuse().await;
        let lost = bench.post().await.unwrap_err().reason;
        assert!(lost.starts_with("not reached: Connection refused"), "{lost}");
        bench.fake.admit().await;
        bench.fake.script().next(1, Act::Drop);
        let lost = bench.post().await.unwrap_err().reason;
        assert!(lost.starts_with("connection lost"), "{lost}");
        for secret in ["127.0.0.1", "/3/device", &bench.fake.address().port().to_string()] {
            assert!(!lost.contains(secret), "{lost}");
        }
    }

    #[tokio::test]
    async fn a_host_whose_authority_is_unknown_is_not_talked_to() {
        let fake = FakeApns::start().await.unwrap();
        let other = Bench::new().await;
        let lost =
            other.sender.post_url(&format!("https://{}/3/device/x", fake.host()), |request| request).await;
        let lost = lost.unwrap_err().reason;
        assert!(lost.contains("invalid peer certificate"), "{lost}");
        assert_eq!(fake.log().answered(), 0);
    }

    #[tokio::test]
    async fn retry_after_is_read_as_seconds_and_as_a_date() {
        let bench = Bench::new().await;
        bench.fake.script().next(1, Scripted::new(503, "x").retry_after(Duration::from_secs(7)));
        let mut answer = bench.sender.post("/3/device/x", |request| request).await.unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(answer.retry_after(now), Some(Duration::from_secs(7)));
        let mut at = |date: &str| {
            answer.headers.insert(RETRY_AFTER, date.parse().unwrap());
            answer.retry_after(now)
        };
        assert_eq!(at("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(at("Sun, 06 Nov 1994 08:49:36 GMT"), None);
        assert_eq!(at("soon"), None);
    }
}
