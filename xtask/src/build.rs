//! Runs cargo and reads what it built.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The programs that the demo and the tests with real processes run.
pub(crate) const PROGRAMS: [&str; 6] = [
    "doorstep-demo",
    "doorstep-gateway",
    "doorstep-push",
    "doorstep-push-fakes",
    "courier-cli",
    "customer-phone",
];

/// Something executable that cargo built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Name of its package.
    pub package: String,
    /// Where that package lives; tests run there, as under `cargo test`.
    pub package_dir: PathBuf,
    /// Name of its target.
    pub target: String,
    /// `lib`, `bin`, `test`, `bench`, `example`.
    pub kind: String,
    /// Whether it is a test harness, rather than the program itself.
    pub is_test: bool,
    /// Where it lies.
    pub path: PathBuf,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A cargo command in the repository's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Set by the `cargo run` that runs this program: the inner cargo would take them for the caller's wish.
    for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_PATH"] {
        command.env_remove(variable);
    }
    command.args(args).current_dir(root());
    command
}

/// Runs a building cargo command (`build …`), shows its progress, and returns the executables that it made or found
/// fresh.
pub(crate) fn executables(args: &[&str]) -> anyhow::Result<Vec<Executable>> {
    let mut command = cargo(args);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo could not be started")?;
    let mut found = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            found.extend(executable(&line?));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo {} failed ({status})", args.join(" "));
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

fn executable(line: &str) -> Option<Executable> {
    // Other messages have other fields, and do not read as an artifact.
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    Some(Executable {
        package: package_name(&artifact.package_id)?.to_owned(),
        package_dir: artifact.manifest_path.parent()?.to_owned(),
        target: artifact.target.name,
        kind: artifact.target.kind.into_iter().next()?,
        is_test: artifact.profile.test,
        path: artifact.executable?,
    })
}

/// `path+file:///x/core/sip#doorstep-sip@0.1.0`, or `path+file:///x/xtask#0.1.0` where folder and package share a name.
fn package_name(id: &str) -> Option<&str> {
    let (url, version) = id.rsplit_once('#')?;
    match version.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_with_an_executable_is_read() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///x/core/sip#doorstep-sip@0.1.0",
            "manifest_path":"/x/core/sip/Cargo.toml","target":{"kind":["test"],"name":"torture"},
            "profile":{"test":true},"executable":"/t/debug/deps/torture-1"}"#;
        let found = executable(line).expect("an executable");
        assert_eq!((found.package.as_str(), found.target.as_str()), ("doorstep-sip", "torture"));
        assert_eq!(found.package_dir, Path::new("/x/core/sip"));
        assert!(found.is_test);
    }

    #[test]
    fn libraries_and_other_messages_are_passed_over() {
        let library = r#"{"reason":"compiler-artifact","package_id":"path+file:///x/xtask#0.1.0","manifest_path":"/x/Cargo.toml",
            "target":{"kind":["lib"],"name":"x"},"profile":{"test":false},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn a_package_named_as_its_folder_is_recognised() {
        assert_eq!(package_name("path+file:///x/xtask#0.1.0"), Some("xtask"));
    }
}
