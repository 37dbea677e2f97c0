//! gorush, which knows no other host than Apple's: a proxy leads it, and then our own server too, to the stand-in.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorstep_push_fakes::FakeApns;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// For it to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP proxy whose every CONNECT ends at one place.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, to));
            }
        });
        Self { address, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn lead(mut near: TcpStream, to: SocketAddr) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match near.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    // One of the two ends the connection when it is done.
    let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
    if near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        let _ = copy_bidirectional(&mut near, &mut far).await;
    }
}

/// A running gorush; killed when dropped.
pub(crate) struct Gorush {
    pub(crate) address: SocketAddr,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Gorush {
    pub(crate) async fn start(program: &Path, apple: &FakeApns, proxy: SocketAddr) -> Self {
        let dir = tempfile::tempdir_in(".").unwrap();
        let file = |name: &str| dir.path().canonicalize().unwrap().join(name);
        apple.write_key(&file("key.p8")).unwrap();
        std::fs::write(file("ca.pem"), apple.authority_pem()).unwrap();
        // It cannot be told to pick a port itself.
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let account = apple.account();
        let config = format!(
            "core:\n  address: \"127.0.0.1\"\n  port: \"{port}\"\n  mode: \"release\"\n  http_proxy: \"http://{proxy}\"\n\
             ios:\n  enabled: true\n  production: true\n  key_path: \"{}\"\n  key_type: \"p8\"\n  key_id: \"{}\"\n  team_id: \"{}\"\n  max_concurrent_pushes: 500\n\
             android:\n  enabled: false\nhuawei:\n  enabled: false\n\
             log:\n  access_log: \"{}\"\n  access_level: \"error\"\n  error_log: \"stderr\"\n",
            file("key.p8").display(),
            account.key_id,
            account.team,
            file("access.log").display(),
        );
        std::fs::write(file("gorush.yml"), config).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(file("gorush.yml"))
            .env("SSL_CERT_FILE", file("ca.pem"))
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let up = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("gorush does not start");
        Self { address, child, _dir: dir }
    }
}

impl Drop for Gorush {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
