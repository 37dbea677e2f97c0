//! `Package.swift` as a Mac reads it: which library an app links, with and without one that was built here, and with a release.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;

use super::libtest::Outcome;
use crate::bindgen::Built;
use crate::build;
use crate::swift;

/// What stands for a release that there is not yet.
const RELEASE: (&str, &str) = (
    "https://example.com/DoorstepCoreFFI.xcframework.zip",
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
);
const LOCAL: &str = "Generated/DoorstepCoreFFI.xcframework";

/// Has SwiftPM evaluate it in each case.
pub(super) fn run(built: &Built) -> anyhow::Result<Outcome> {
    let text = fs::read_to_string(swift::home().join("Package.swift"))?;
    let apple = replaced(&text, "#if os(Linux)", "#if os(Windows)")?;
    let (url, checksum) = RELEASE;
    let released = replaced(
        &apple,
        "checksum: String)? = nil",
        &format!("checksum: String)? = (\"{url}\", \"{checksum}\")"),
    )?;
    let mut outcome = Outcome::default();
    outcome.add(case(
        "without a library says how to build one",
        built,
        &apple,
        false,
        |library| match library {
            Err(said) => said.contains("cargo xtask package ios"),
            Ok(_) => false,
        },
    )?);
    outcome.add(case("links the library that was built here", built, &apple, true, is_local)?);
    outcome.add(case(
        "prefers the library that was built here to the release",
        built,
        &released,
        true,
        is_local,
    )?);
    outcome.add(case("links the release by its checksum", built, &released, false, |library| {
        library.as_ref().is_ok_and(|library| library["url"] == url && library["checksum"] == checksum)
    })?);
    Ok(outcome)
}

fn is_local(library: &Result<Value, String>) -> bool {
    library.as_ref().is_ok_and(|library| library["path"] == LOCAL && library["url"].is_null())
}

/// One check: `holds` is told the binary target, or what SwiftPM says against the manifest.
fn case(
    name: &str,
    built: &Built,
    manifest: &str,
    has_local: bool,
    holds: impl Fn(&Result<Value, String>) -> bool,
) -> anyhow::Result<Outcome> {
    let folder = build::root().join("target/swift/manifest");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(if has_local { folder.join(LOCAL) } else { folder.clone() })?;
    fs::write(folder.join("Package.swift"), manifest)?;
    let library = library(built, &folder)?;
    let name = format!("Package.swift {name}");
    Ok(if holds(&library) {
        Outcome::one_passed()
    } else {
        Outcome::one_failed(&name, format!("{library:#?}"))
    })
}

fn library(built: &Built, folder: &Path) -> anyhow::Result<Result<Value, String>> {
    let folder = folder.display().to_string();
    let words = ["swift", "package", "--package-path", &folder, "dump-package"].map(str::to_owned);
    let output = swift::command(built, &words)?.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let package: Value = serde_json::from_slice(&output.stdout).context("swift package dump-package")?;
    let targets = package["targets"].as_array().cloned().unwrap_or_default();
    let library = targets.into_iter().find(|target| target["type"] == "binary");
    Ok(library.ok_or_else(|| "no binary target".to_owned()))
}

/// A manifest that no longer has the words would be tested as it is on Linux.
fn replaced(text: &str, from: &str, to: &str) -> anyhow::Result<String> {
    if !text.contains(from) {
        anyhow::bail!("bindings-swift/Package.swift does not say {from:?} any more");
    }
    Ok(text.replace(from, to))
}
