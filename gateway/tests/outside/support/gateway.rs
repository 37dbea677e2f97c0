//! The gateway's process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use doorstep_service_testkit::{ApiClient, ConfigFile, Program, disk, http_client};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Of tokens.
pub(crate) const SECRET: &str = "an HS256 secret of thirty-two or more bytes";
/// The customer's number.
pub(crate) const CUSTOMER: &str = "+4930901820";
/// The company's number.
pub(crate) const COMPANY: &str = "+493022220000";
const API_KEY: &str = "a key of the company's backend";

/// The key that the API takes.
pub(crate) fn api_key() -> &'static str {
    API_KEY
}

/// A gateway to be.
pub(crate) struct GatewayBuilder {
    pub(crate) dir: Arc<tempfile::TempDir>,
    pub(crate) config: ConfigFile,
    /// What runs the gateway: its program and arguments follow these words.
    pub(crate) launcher: Vec<String>,
}

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    pub(crate) dir: Arc<tempfile::TempDir>,
    config: PathBuf,
    launcher: Vec<String>,
    program: Program,
    api: ApiClient,
}

impl GatewayBuilder {
    /// With a carrier at `carrier`; the rest as loopback wants it.
    pub(crate) fn new(carrier: Option<SocketAddr>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store = dir.path().join("gateway.db");
        let hash = doorstep_gateway::api::hash_key(API_KEY);
        let mut builder = Self { dir, config: ConfigFile::default(), launcher: Vec::new() };
        builder
            .line("edge", "listen = \"127.0.0.1:0\"")
            .line("auth", format!("jwt_secret = \"{SECRET}\""))
            .line("api", format!("listen = \"127.0.0.1:0\"\nkeys = [\"{hash}\"]"))
            .line("store", format!("path = \"{}\"\nbusy_timeout_ms = 200", store.display()))
            .line("media", "edge_ips = [\"127.0.0.1\"]\ntrunk_ip = \"127.0.0.1\"\nport_min = 0\nport_max = 0")
            .line("numbers", format!("company = [\"{COMPANY}\"]"))
            .line("log", "level = \"debug\"\nformat = \"json\"");
        if let Some(carrier) = carrier {
            builder.line(
                "trunk",
                format!("udp = \"127.0.0.1:0\"\ncarrier = \"{carrier}\"\noptions_interval_s = 0"),
            );
        }
        builder
    }

    /// One more line of a section.
    pub(crate) fn line(&mut self, section: &'static str, line: impl Into<String>) -> &mut Self {
        self.config.line(section, line);
        self
    }

    /// Starts without TLS on the edge.
    pub(crate) fn start(&mut self) -> Gateway {
        self.line("edge", "insecure_loopback = true");
        self.start_as_is()
    }

    /// Starts as the lines say.
    pub(crate) fn start_as_is(&mut self) -> Gateway {
        let config = self.dir.path().join("gateway.toml");
        std::fs::write(&config, self.config.toml()).unwrap();
        Gateway::spawn(Arc::clone(&self.dir), config, self.launcher.clone())
    }
}

impl Gateway {
    /// With a carrier at `carrier`, and nothing else special.
    pub(crate) fn start(carrier: Option<SocketAddr>) -> Self {
        GatewayBuilder::new(carrier).start()
    }

    fn spawn(dir: Arc<tempfile::TempDir>, config: PathBuf, launcher: Vec<String>) -> Self {
        let program = env!("CARGO_BIN_EXE_doorstep-gateway").to_owned();
        let mut words = launcher.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("--config").arg(&config);
        let program = Program::start(command);
        let api = ApiClient::new(program.told("/api"), API_KEY, http_client(None));
        Self { dir, config, launcher, program, api }
    }

    /// Starts again with the same files.
    pub(crate) fn start_again(&self) -> Self {
        Self::spawn(Arc::clone(&self.dir), self.config.clone(), self.launcher.clone())
    }

    pub(crate) fn edge(&self) -> String {
        self.program.told("/edge")
    }

    pub(crate) fn edge_address(&self) -> SocketAddr {
        let edge = self.edge();
        edge.split("://").nth(1).unwrap().trim_end_matches("/ws").parse().unwrap()
    }

    pub(crate) fn udp(&self) -> SocketAddr {
        self.program.told("/trunk/udp").parse().unwrap()
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.program.told("/trunk/tcp").parse().unwrap()
    }

    pub(crate) fn tls(&self) -> SocketAddr {
        self.program.told("/trunk/tls").parse().unwrap()
    }

    pub(crate) fn api(&self) -> String {
        self.api.base.clone()
    }

    /// A request to the API with its key.
    pub(crate) async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.api.request(method, path, body.as_ref()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        self.api.send(method, path, body.as_ref()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.api.get(path).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.api.post(path, &body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.api.delete(path).await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.api.metrics().await
    }

    /// An event stream to its end.
    pub(crate) fn events(&self, path: &str) -> impl Future<Output = String> + Send + 'static {
        let (api, path) = (self.api.clone(), path.to_owned());
        async move { api.send(Method::GET, &path, None).await.unwrap().text().await.unwrap() }
    }

    /// The youngest call of an order, as soon as it is as wanted.
    pub(crate) async fn call_of(&self, order: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (status, page) = self.get(&format!("/v1/calls?order={order}")).await;
            let call = page["calls"].get(0).cloned();
            if let Some(call) = call.filter(|call| status == 200 && wanted(call)) {
                return call;
            }
        }
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.api.put(path, &body).await
    }

    /// An order of `courier` for the customer, open for an hour.
    pub(crate) async fn open_order(&self, id: &str, courier: &str) {
        let (status, body) = self.put(&format!("/v1/orders/{id}"), order(courier)).await;
        assert!(matches!(status, 200 | 201), "{status} {body}");
    }

    /// A token that the gateway takes.
    pub(crate) fn token(&self, courier: &str) -> String {
        token(&json!({ "sub": courier, "exp": now() + 3600 }))
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Waits until it has said this.
    pub(crate) async fn says(&self, words: &str) {
        self.program.says(words).await;
    }

    /// A path as the gateway sees it, when it runs in a mount namespace of its own.
    pub(crate) fn path_inside(&self, path: &Path) -> PathBuf {
        disk::inside(self.program.id(), path)
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.program.signal(signal);
    }

    /// Waits for its end; all that it has said, too.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, String) {
        self.program.gone().await
    }

    /// As the system's end does it: no chance to say goodbye.
    pub(crate) async fn kill_9(&mut self) {
        self.program.kill_9().await;
    }
}

/// The body of an order that is open for an hour.
pub(crate) fn order(courier: &str) -> Value {
    json!({
        "courier": courier,
        "customer": CUSTOMER,
        "label": "Order 4711",
        "closes_at": (now() + 3600) * 1000,
    })
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token signed with the gateway's secret.
pub(crate) fn token(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}
