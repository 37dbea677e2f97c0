use std::sync::Arc;
use std::time::Duration;

use doorstep_sip::Sensitive;
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{Request, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_key};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::identity::client_config;
use super::socket::{Connection, Io};
use super::{GatewayUrl, TlsConfig, TlsFailure, TransportError, dial};

/// The WebSocket subprotocol (RFC 7118 section 4).
const SUBPROTOCOL: &str = "sip";
/// What of a server's reason is kept.
const MAX_REASON_CHARS: usize = 200;

/// How to connect, and what a connection may cost.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// How the gateway proves who it is.
    pub tls: TlsConfig,
    /// Lets `ws://` leave this machine. Tokens and calls are then readable on the way: for laboratories only.
    pub allow_insecure: bool,
    /// From the first look-up to the open WebSocket.
    pub connect_timeout: Duration,
    /// How long the sending of a message may take before the connection counts as dead.
    pub send_timeout: Duration,
    /// Largest message, in bytes, that is read; a larger one ends the connection.
    pub max_message_bytes: usize,
    /// How many messages may wait, each way.
    pub queue: usize,
    /// `User-Agent` of the upgrade.
    pub user_agent: String,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            tls: TlsConfig::default(),
            allow_insecure: false,
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(10),
            max_message_bytes: 64 * 1024,
            queue: 64,
            user_agent: concat!("doorstep/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl TransportConfig {
    /// Whether it lets anybody connect there.
    pub(super) fn may_reach(&self, url: &GatewayUrl) -> bool {
        url.is_secure() || url.is_loopback() || self.allow_insecure
    }
}

/// Makes connections to one gateway. TLS sessions are resumed from one to the next.
pub struct Connector {
    url: GatewayUrl,
    config: TransportConfig,
    tls: Arc<ClientConfig>,
}

impl Connector {
    /// Reads the platform's trusted roots, which may touch the disk: not for an async task.
    ///
    /// # Errors
    /// [`TransportError::Insecure`] for a `ws://` address that is not this machine's, unless allowed;
    /// [`TransportError::Tls`] when there is nothing to check certificates by.
    pub fn new(url: GatewayUrl, config: TransportConfig) -> Result<Self, TransportError> {
        if !config.may_reach(&url) {
            return Err(TransportError::Insecure);
        }
        let tls = client_config(&config.tls).map_err(TransportError::Tls)?;
        Ok(Self { url, config, tls })
    }

    /// Where it connects to.
    pub fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// One connection, or why there is none. With a token, `Authorization: Bearer` goes with the upgrade.
    ///
    /// # Errors
    /// Any [`TransportError`]; [`TransportError::TimedOut`] after `connect_timeout`.
    pub async fn connect(&self, token: Option<&Sensitive<String>>) -> Result<Connection, TransportError> {
        tokio::time::timeout(self.config.connect_timeout, self.open(token))
            .await
            .unwrap_or(Err(TransportError::TimedOut))
    }

    async fn open(&self, token: Option<&Sensitive<String>>) -> Result<Connection, TransportError> {
        let request = self.request(token)?;
        let only_loopback = !self.url.is_secure() && !self.config.allow_insecure;
        let tcp = dial::dial(self.url.host(), self.url.port(), only_loopback).await?;
        let stream: Box<dyn Io> = if self.url.is_secure() {
            let name = ServerName::try_from(self.url.host().to_owned())
                .map_err(|_| TransportError::Tls(TlsFailure::WrongName))?;
            let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
            Box::new(tls.map_err(|error| TransportError::from_tls(&error))?)
        } else {
            Box::new(tcp)
        };
        Ok(Connection::new(self.upgrade(request, stream).await?, &self.config))
    }

    fn request(&self, token: Option<&Sensitive<String>>) -> Result<Request<()>, TransportError> {
        let malformed = |_| TransportError::MalformedToken;
        let mut request = Request::new(());
        *request.uri_mut() = self.url.uri().clone();
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(self.url.authority()).map_err(|_| TransportError::Dns)?;
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&generate_key()).map_err(malformed)?);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        if let Ok(agent) = HeaderValue::from_str(&self.config.user_agent) {
            headers.insert(USER_AGENT, agent);
        }
        if let Some(token) = token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(malformed)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn upgrade(
        &self,
        request: Request<()>,
        stream: Box<dyn Io>,
    ) -> Result<WebSocketStream<Box<dyn Io>>, TransportError> {
        let limits = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * self.config.max_message_bytes)
            .max_message_size(Some(self.config.max_message_bytes))
            .max_frame_size(Some(self.config.max_message_bytes));
        match tokio_tungstenite::client_async_with_config(request, stream, Some(limits)).await {
            Ok((stream, _)) => Ok(stream),
            Err(WsError::Http(response)) => Err(refusal(&response)),
            Err(WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
                Err(TransportError::NotSip)
            }
            Err(WsError::Io(error)) => Err(TransportError::from_io(&error)),
            Err(_) => Err(TransportError::NotWebSocket),
        }
    }
}

fn refusal(response: &Response) -> TransportError {
    match response.status() {
        StatusCode::UNAUTHORIZED => TransportError::Unauthorized { reason: reason(response) },
        StatusCode::FORBIDDEN => TransportError::Forbidden { reason: reason(response) },
        StatusCode::NOT_FOUND => TransportError::NotFound,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            TransportError::Busy { retry_after: retry_after(response.headers()) }
        }
        status => TransportError::Refused { status: status.as_u16() },
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The server's words for people: a plain text body, or a problem's detail or title (RFC 9457).
fn reason(response: &Response) -> Option<String> {
    let body = std::str::from_utf8(response.body().as_deref()?).ok()?;
    let text = match serde_json::from_str::<serde_json::Value>(body) {
        Ok(problem) => ["detail", "title", "error"]
            .iter()
            .find_map(|key| problem.get(key)?.as_str().map(str::to_owned))?,
        Err(_) => body.to_owned(),
    };
    let printable: String = text.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
    let trimmed = printable.trim();
    (!trimmed.is_empty() && !trimmed.starts_with('<')).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        let mut response = Response::new(Some(body.as_bytes().to_vec()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    #[test]
    fn a_refusal_keeps_the_servers_words() {
        let told = |body| match refusal(&response(401, body)) {
            TransportError::Unauthorized { reason } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(told("token expired\r\n"), Some("token expired".to_owned()));
        assert_eq!(
            told(r#"{"title":"Unauthorized","detail":"token expired"}"#),
            Some("token expired".to_owned())
        );
        let long = "x".repeat(5000);
        assert_eq!(told(&long).unwrap().len(), MAX_REASON_CHARS);
        assert_eq!(told("<html>proxy</html>"), None);
        assert_eq!(told(""), None);
    }

    #[test]
    fn a_busy_server_may_say_how_long_to_wait() {
        let mut busy = response(503, "");
        assert_eq!(refusal(&busy), TransportError::Busy { retry_after: None });
        busy.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(refusal(&busy), TransportError::Busy { retry_after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn an_unencrypted_connection_stays_on_this_machine_unless_allowed() {
        let tls = TlsConfig {
            pins: vec![super::super::SpkiPin::of_spki(b"k")],
            pins_suffice: true,
            ..Default::default()
        };
        let url = GatewayUrl::parse("ws://192.0.2.1/ws").unwrap();
        let config = TransportConfig { tls, ..TransportConfig::default() };
        assert_eq!(Connector::new(url.clone(), config.clone()).err(), Some(TransportError::Insecure));
        assert!(Connector::new(url, TransportConfig { allow_insecure: true, ..config }).is_ok());
    }
}
