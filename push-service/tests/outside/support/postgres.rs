//! A Postgres of our own in a temporary folder, reached by a socket there; stopped when dropped.

use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(crate) struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
}

impl Postgres {
    /// `None`, with a line that says so, where Postgres is not installed; with CI=true that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "postgres is not installed");
            println!("SKIPPED: postgres is not installed (cargo xtask setup test)");
            return None;
        };
        let own = Self { dir: tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap(), bin };
        if is_root() {
            // It does not run as root.
            assert!(run(Command::new("chown").arg("postgres").arg(own.dir.path())), "chown failed");
        }
        let data = own.data();
        assert!(
            own.run("initdb", &["--no-sync", "--auth=trust", "--username=doorstep", "-D", &data]),
            "initdb failed"
        );
        let folder = own.dir.path().display().to_string();
        let options =
            format!("-c listen_addresses='' -c unix_socket_directories='{folder}' -c shared_buffers=32MB");
        let log = own.dir.path().join("log").display().to_string();
        assert!(own.run("pg_ctl", &["start", "-w", "-D", &data, "-l", &log, "-o", &options]), "no start");
        Some(own)
    }

    pub(crate) fn url(&self) -> String {
        let folder = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://doorstep@{folder}/postgres")
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
