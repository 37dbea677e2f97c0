//! The real program, before the stand-in.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use doorstep_push_fakes::FakeApns;
use serde_json::{Value, json};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Server {
    /// With one iPhone registered; straight to the stand-in, or by a proxy as if it were Apple.
    pub(crate) async fn start(apple: &FakeApns, proxy: Option<SocketAddr>) -> Self {
        let way = match proxy {
            Some(proxy) => format!("proxy = \"http://{proxy}\""),
            None => format!("host = \"{}\"", apple.host()),
        };
        let dir = tempfile::tempdir_in(".").unwrap();
        let file = |name: &str| dir.path().join(name);
        apple.write_key(&file("key.p8")).unwrap();
        std::fs::write(file("ca.pem"), apple.authority_pem()).unwrap();
        let account = apple.account();
        let config = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"{}\"\n[payload]\ngateway = \"wss://voice.example.com/ws\"\n\
             [apns]\nkey_file = \"{}\"\nkey_id = \"{}\"\nteam = \"{}\"\n{way}\nca_file = \"{}\"\n[log]\nlevel = \"warn\"\n",
            file("push.db").display(),
            file("key.p8").display(),
            account.key_id,
            account.team,
            file("ca.pem").display(),
        );
        std::fs::write(file("push.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorstep-push"))
            .arg("--config")
            .arg(file("push.toml"))
            .arg("--ready-json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let api = ready["api"].as_str().unwrap().to_owned();
        let address = api.trim_start_matches("http://").parse().unwrap();
        let topic = topic(apple);
        let token = format!("{:064x}", 1);
        apple.know(token.clone(), topic.clone());
        let device = json!({ "user": "courier-17", "provider": "apns", "param": format!("{}.{topic}", account.team), "token": token });
        // The service's own client is built without a choice of cryptography.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let put = reqwest::Client::new().put(format!("{api}/v1/devices/iphone")).json(&device).send().await;
        assert_eq!(put.unwrap().status(), 201);
        Self { address, child, _dir: dir }
    }

    pub(crate) fn rss_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

/// Of the VoIP pushes.
pub(crate) fn topic(apple: &FakeApns) -> String {
    apple.account().topics.iter().find(|topic| topic.ends_with(".voip")).unwrap().clone()
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
