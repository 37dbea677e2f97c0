//! The gateway's process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// Section and line.
    pub(crate) lines: Vec<(&'static str, String)>,
    /// What runs the gateway: its program and arguments follow these words.
    pub(crate) launcher: Vec<String>,
}

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    pub(crate) dir: Arc<tempfile::TempDir>,
    config: PathBuf,
    launcher: Vec<String>,
    child: Child,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
    ready: Value,
    http: reqwest::Client,
}

impl GatewayBuilder {
    /// With a carrier at `carrier`; the rest as loopback wants it.
    pub(crate) fn new(carrier: Option<SocketAddr>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store = dir.path().join("gateway.db");
        let hash = doorstep_gateway::api::hash_key(API_KEY);
        let mut builder = Self { dir, lines: Vec::new(), launcher: Vec::new() };
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
        self.lines.push((section, line.into()));
        self
    }

    /// The file's text.
    pub(crate) fn toml(&self) -> String {
        let mut sections: Vec<&str> = self.lines.iter().map(|(section, _)| *section).collect();
        sections.sort_unstable();
        sections.dedup();
        let mut text = String::new();
        for section in sections {
            text.push_str(&format!("[{section}]\n"));
            for (_, line) in self.lines.iter().filter(|(own, _)| *own == section) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// Starts without TLS on the edge.
    pub(crate) fn start(&mut self) -> Gateway {
        self.line("edge", "insecure_loopback = true");
        self.start_as_is()
    }

    /// Starts as the lines say.
    pub(crate) fn start_as_is(&mut self) -> Gateway {
        let config = self.dir.path().join("gateway.toml");
        std::fs::write(&config, self.toml()).unwrap();
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
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .arg("--config")
            .arg(&config)
            .arg("--ready-json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, sink) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        let log_reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        // Whatever else is printed must not block the program.
        std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let Ok(ready) = serde_json::from_str(&line) else {
            let _ = child.wait();
            log_reader.join().unwrap();
            panic!("the gateway did not start: {}", log.lock().unwrap());
        };
        let http = super::http_client(None);
        Self { dir, config, launcher, child, log, log_reader: Some(log_reader), ready, http }
    }

    /// Starts again with the same files.
    pub(crate) fn start_again(&self) -> Self {
        Self::spawn(Arc::clone(&self.dir), self.config.clone(), self.launcher.clone())
    }

    pub(crate) fn edge(&self) -> String {
        self.ready["edge"].as_str().unwrap().to_owned()
    }

    pub(crate) fn edge_address(&self) -> SocketAddr {
        let edge = self.edge();
        edge.split("://").nth(1).unwrap().trim_end_matches("/ws").parse().unwrap()
    }

    pub(crate) fn udp(&self) -> SocketAddr {
        self.ready["trunk"]["udp"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.ready["trunk"]["tcp"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn tls(&self) -> SocketAddr {
        self.ready["trunk"]["tls"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn api(&self) -> String {
        self.ready["api"].as_str().unwrap().to_owned()
    }

    /// A request to the API with its key.
    pub(crate) async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.api())).bearer_auth(API_KEY);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.request(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.request(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.request(Method::DELETE, path, None).await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.send(Method::GET, "/metrics", None).await.text().await.unwrap()
    }

    /// An event stream to its end.
    pub(crate) fn events(&self, path: &str) -> impl Future<Output = String> + Send + 'static {
        let request = self.http.get(format!("{}{path}", self.api())).bearer_auth(API_KEY);
        async move { request.send().await.unwrap().text().await.unwrap() }
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
        self.request(Method::PUT, path, Some(body)).await
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
        self.log.lock().unwrap().clone()
    }

    /// A path as the gateway sees it, when it runs in a mount namespace of its own.
    pub(crate) fn path_inside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; all that it has said, too.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = tokio::time::Instant::now() + super::HANG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(tokio::time::Instant::now() < deadline, "the gateway does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        if let Some(reader) = self.log_reader.take() {
            reader.join().unwrap();
        }
        (status, self.log())
    }

    /// As the system's end does it: no chance to say goodbye.
    pub(crate) async fn kill_9(&mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
