//! The push service's process.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use doorstep_service_testkit::{ApiClient, ConfigFile, HANG, Program, disk, http_client};
use reqwest::Method;
use serde_json::Value;

use super::World;

/// The key that the API takes.
pub(crate) const API_KEY: &str = "a key of the company's gateway";

/// A push service to be.
pub(crate) struct PushBuilder {
    pub(crate) path: PathBuf,
    pub(crate) config: ConfigFile,
    /// What runs it: its program and arguments follow these words.
    pub(crate) launcher: Vec<String>,
    /// Reaches its API.
    pub(crate) http: reqwest::Client,
}

/// A running push service; killed when dropped.
pub(crate) struct Push {
    pub(crate) program: Program,
    api: ApiClient,
}

impl PushBuilder {
    pub(crate) fn new(world: &World) -> Self {
        let dir = world.dir.path();
        let hash = doorstep_service::http::hash_key(API_KEY);
        let file = |name: &str| dir.join(name).display().to_string();
        let mut builder = Self {
            path: dir.join("push.toml"),
            config: ConfigFile::default(),
            launcher: Vec::new(),
            http: http_client(None),
        };
        let account = world.apns.account();
        builder
            .line("api", format!("listen = \"127.0.0.1:0\"\nkeys = [\"{hash}\"]"))
            .line("store", format!("path = \"{}\"", file("push.db")))
            .line("payload", "gateway = \"wss://voice.example.com/ws\"")
            .line("apns", format!("key_file = \"{}\"\nca_file = \"{}\"", file("key.p8"), file("apns.pem")))
            .line("apns", format!("key_id = \"{}\"\nteam = \"{}\"", account.key_id, account.team))
            .line("apns", format!("topics = [\"{}\"]", world.topic()))
            .line("apns", format!("host = \"{0}\"\nsandbox_host = \"{0}\"", world.apns.host()))
            .line("fcm", format!("service_account_file = \"{}\"", file("account.json")))
            .line("fcm", format!("host = \"{}\"\nca_file = \"{}\"", world.fcm.host(), file("fcm.pem")))
            .line("fcm", format!("token_uri = \"{}\"", world.fcm.token_uri()))
            .line("log", "level = \"debug\"\nformat = \"json\"");
        builder
    }

    /// With a Postgres instead of the file.
    pub(crate) fn postgres(&mut self, url: &str) -> &mut Self {
        self.config.replace("store", format!("database_url = \"{url}\""));
        self
    }

    /// One more line of a section.
    pub(crate) fn line(&mut self, section: &'static str, line: impl Into<String>) -> &mut Self {
        self.config.line(section, line);
        self
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> &PathBuf {
        std::fs::write(&self.path, self.config.toml()).unwrap();
        &self.path
    }

    pub(crate) fn start(&self) -> Push {
        let program = env!("CARGO_BIN_EXE_doorstep-push").to_owned();
        let mut words = self.launcher.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("--config").arg(self.write());
        let program = Program::start(command);
        let api = ApiClient::new(program.told("/api"), API_KEY, self.http.clone());
        Push { program, api }
    }
}

impl Push {
    pub(crate) fn api(&self) -> String {
        self.api.base.clone()
    }

    /// A request with the key, which may fail when the service is killed meanwhile.
    pub(crate) async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Value)> {
        self.api.attempt(method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.api.get(path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.api.delete(path).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.api.put(path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.api.post(path, body).await
    }

    /// Waits until `/readyz` answers so.
    pub(crate) async fn readiness(&self, status: u16) -> Value {
        let deadline = tokio::time::Instant::now() + HANG;
        loop {
            let (is, body) = self.get("/readyz").await;
            if is == status {
                return body;
            }
            assert!(tokio::time::Instant::now() < deadline, "/readyz says {is}, not {status}: {body}");
            tokio::task::yield_now().await;
        }
    }

    /// A wake's state when it is over.
    pub(crate) async fn ended(&self, call: &str) -> Value {
        let deadline = tokio::time::Instant::now() + HANG;
        loop {
            let (status, body) = self.get(&format!("/v1/wakes/{call}?wait_s=30")).await;
            assert_eq!(status, 200, "{call}: {body}");
            if body["final"] == true {
                return body;
            }
            assert!(tokio::time::Instant::now() < deadline, "{call} does not end: {body}");
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.program.signal(signal);
    }

    /// Waits for its end; all that it has said, too.
    pub(crate) async fn gone(&mut self) -> (ExitStatus, String) {
        self.program.gone().await
    }

    /// As the system's end does it: no chance to say goodbye.
    pub(crate) async fn kill_9(&mut self) {
        self.program.kill_9().await;
    }

    /// A path as it sees it, when it runs in a mount namespace of its own.
    pub(crate) fn path_inside(&self, path: &Path) -> PathBuf {
        disk::inside(self.program.id(), path)
    }
}
