//! A Postgres of our own in a temporary folder, reached by a socket there, or by TLS on loopback; stopped when dropped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use doorstep_service_testkit::Identity;

/// Somebody else may take a free port before Postgres does.
const ATTEMPTS: usize = 5;

pub(crate) struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
    tls: Option<Tls>,
}

struct Tls {
    identity: Identity,
    port: u16,
}

impl Postgres {
    /// `None`, with a line that says so, where Postgres is not installed; with CI=true that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let own = Self::install()?;
        assert!(own.begin(), "no start");
        Some(own)
    }

    /// The same, reached by TLS alone, with a certificate of its own for `localhost` and for no address.
    pub(crate) fn start_with_tls() -> Option<Self> {
        let mut own = Self::install()?;
        let identity = Identity::named(own.dir.path(), &["localhost"]);
        let key = own.dir.path().join("key.pem");
        assert!(run(Command::new("chmod").arg("600").arg(&key)), "chmod failed");
        if is_root() {
            assert!(run(Command::new("chown").arg("postgres").arg(&key)), "chown failed");
        }
        let rules = "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n";
        std::fs::write(PathBuf::from(own.data()).join("pg_hba.conf"), rules).unwrap();
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            own.tls = Some(Tls { identity: identity.clone(), port });
            if own.begin() {
                return Some(own);
            }
        }
        panic!("no start");
    }

    fn install() -> Option<Self> {
        let Some(bin) = programs() else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "postgres is not installed");
            println!("SKIPPED: postgres is not installed (cargo xtask setup test)");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let own = Self { dir, bin, tls: None };
        if is_root() {
            // It does not run as root.
            assert!(run(Command::new("chown").arg("postgres").arg(own.dir.path())), "chown failed");
        }
        assert!(
            own.run("initdb", &["--no-sync", "--auth=trust", "--username=doorstep", "-D", &own.data()]),
            "initdb failed"
        );
        Some(own)
    }

    /// Starts it, for the first time or after a [`stop`](Self::stop).
    pub(crate) fn begin(&self) -> bool {
        let folder = self.dir.path().display();
        let listen = match &self.tls {
            None => "-c listen_addresses=''".to_owned(),
            Some(tls) => format!(
                "-c listen_addresses=127.0.0.1 -c port={} -c ssl=on -c ssl_cert_file={folder}/cert.pem -c ssl_key_file={folder}/key.pem",
                tls.port
            ),
        };
        let options = format!("{listen} -c unix_socket_directories='{folder}' -c shared_buffers=32MB");
        let log = self.dir.path().join("log").display().to_string();
        self.run("pg_ctl", &["start", "-w", "-D", &self.data(), "-l", &log, "-o", &options])
    }

    /// Stops it as a power cut would.
    pub(crate) fn stop(&self) {
        assert!(self.run("pg_ctl", &["stop", "-m", "immediate", "-D", &self.data()]), "no stop");
    }

    pub(crate) fn url(&self) -> String {
        let folder = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://doorstep@{folder}/postgres")
    }

    /// By TCP, under that name or address; `more` is how.
    pub(crate) fn url_by(&self, host: &str, more: &str) -> String {
        format!("postgres://doorstep@{host}:{}/postgres?{more}", self.tls.as_ref().unwrap().port)
    }

    /// The PEM file that its certificate is checked against.
    pub(crate) fn root(&self) -> PathBuf {
        self.tls.as_ref().unwrap().identity.root()
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        let path = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        run(command.args(args).current_dir(self.dir.path()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        self.run("pg_ctl", &["stop", "-m", "immediate", "-D", &data]);
    }
}

/// Debian keeps them off the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut bins: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    bins.retain(|bin| bin.join("initdb").is_file());
    bins.sort();
    bins.pop()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// The server must not keep the test's own output open.
fn run(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
