//! The push service's process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::{HANG, World};

/// The key that the API takes.
pub(crate) const API_KEY: &str = "a key of the company's gateway";

/// A push service to be.
pub(crate) struct PushBuilder {
    pub(crate) config: PathBuf,
    /// Section and line.
    lines: Vec<(&'static str, String)>,
}

/// A running push service; killed when dropped.
pub(crate) struct Push {
    child: Child,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
    ready: Value,
    http: reqwest::Client,
}

impl PushBuilder {
    pub(crate) fn new(world: &World) -> Self {
        let dir = world.dir.path();
        let hash = doorstep_service::http::hash_key(API_KEY);
        let file = |name: &str| dir.join(name).display().to_string();
        let mut builder = Self { config: dir.join("push.toml"), lines: Vec::new() };
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
        self.lines.retain(|(section, _)| *section != "store");
        self.line("store", format!("database_url = \"{url}\""))
    }

    /// One more line of a section.
    pub(crate) fn line(&mut self, section: &'static str, line: impl Into<String>) -> &mut Self {
        self.lines.push((section, line.into()));
        self
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> &PathBuf {
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
        std::fs::write(&self.config, text).unwrap();
        &self.config
    }

    pub(crate) fn start(&self) -> Push {
        let config = self.write();
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorstep-push"))
            .arg("--config")
            .arg(config)
            .arg("--ready-json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        let log_reader = std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                kept.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            panic!("the push service did not start: {line}{rest}\n{}", log.lock().unwrap())
        });
        Push { child, log, log_reader: Some(log_reader), ready, http: http() }
    }
}

/// The service's own client is built without a choice of cryptography; a test's has to make one.
pub(crate) fn http() -> reqwest::Client {
    // Another test may have made it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

impl Push {
    pub(crate) fn api(&self) -> String {
        self.ready["api"].as_str().unwrap().to_owned()
    }

    /// A request with the key, which may fail when the service is killed meanwhile.
    pub(crate) async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.api())).bearer_auth(API_KEY);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.attempt(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.attempt(Method::DELETE, path, None).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.attempt(Method::PUT, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.attempt(Method::POST, path, Some(body)).await.unwrap()
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

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; all that it has said, too.
    pub(crate) async fn gone(&mut self) -> (ExitStatus, String) {
        let deadline = tokio::time::Instant::now() + HANG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(tokio::time::Instant::now() < deadline, "the push service does not end: {}", self.log());
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
        self.gone().await;
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
