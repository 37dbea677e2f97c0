//! The Kotlin packages' tests: the library, the Kotlin that UniFFI writes from it, and Maven, whose reports are read.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;

use super::libtest::Outcome;
use crate::bindgen::Built;
use crate::build;
use crate::display::Display;
use crate::term;

/// Where Maven's modules are: the SDK's, which Maven starts from, and the sample apps'.
const HOMES: [&str; 2] = ["bindings-kotlin", "sample-apps"];

/// Runs them, after `build` has built the library and the programs. Tests that fail are told by name.
pub(crate) fn run(build: &[&str], filter: Option<&str>) -> anyhow::Result<Outcome> {
    term::say("Building the library for Kotlin");
    let built = Built::new(build)?;
    let programs = &built.folder;
    let generated = build::root().join("target/kotlin/generated");
    built.write("kotlin", &generated)?;

    term::say("mvn test (bindings-kotlin)");
    let started = Instant::now();
    let home = build::root().join("bindings-kotlin");
    let display = Display::start()?;
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "--fail-at-end", "test", "-Dmaven.test.failure.ignore=true"])
        .arg(format!("-Ddoorstep.generated={}", generated.display()))
        .arg(format!("-Ddoorstep.library={}", programs.display()))
        .arg(format!("-Ddoorstep.programs={}", programs.display()))
        .args(filter.map(|filter| format!("-Dtest=*#*{filter}*")))
        .env("DISPLAY", &display.name)
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    remove_reports()?;
    if !maven.status().context("mvn could not be started")?.success() {
        return Ok(Outcome::one_failed("mvn test", "see above".to_owned()));
    }
    let outcome = reports()?;
    if outcome.passed + outcome.failures.len() + outcome.skipped.len() == 0 && filter.is_none() {
        let took = term::duration(started.elapsed());
        return Ok(Outcome::one_failed("mvn test", format!("no test ran within {took}")));
    }
    Ok(outcome)
}

/// Each module's surefire reports.
fn report_folders() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for home in HOMES {
        for module in std::fs::read_dir(build::root().join(home))? {
            folders.push(module?.path().join("target/surefire-reports"));
        }
    }
    folders.retain(|folder| folder.is_dir());
    Ok(folders)
}

/// Those of an earlier run must not count.
fn remove_reports() -> anyhow::Result<()> {
    for folder in report_folders()? {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn reports() -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for folder in report_folders()? {
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "xml") {
                let text = std::fs::read_to_string(&path)?;
                outcome.add(report(&text).with_context(|| path.display().to_string())?);
            }
        }
    }
    Ok(outcome)
}

/// One report in the JUnit format.
fn report(xml: &str) -> anyhow::Result<Outcome> {
    let document = roxmltree::Document::parse(xml)?;
    let mut outcome = Outcome::default();
    for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
        let class = case.attribute("classname").unwrap_or_default();
        let name = format!("{class}: {}", case.attribute("name").unwrap_or_default());
        let child = |names: &[&str]| case.children().find(|node| names.contains(&node.tag_name().name()));
        if let Some(failure) = child(&["failure", "error"]) {
            outcome.failures.push((name, failure.text().unwrap_or_default().to_owned()));
        } else if let Some(skipped) = child(&["skipped"]) {
            outcome.skipped.push((name, skipped.attribute("message").unwrap_or("skipped").to_owned()));
        } else {
            outcome.passed += 1;
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_counted() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?><testsuite tests="4" failures="1" errors="1" skipped="1">
            <testcase name="a" classname="dev.X"/>
            <testcase name="b" classname="dev.X"><failure message="m" type="t"><![CDATA[expected 1]]></failure></testcase>
            <testcase name="c" classname="dev.X"><error type="t">boom</error></testcase>
            <testcase name="d" classname="dev.X"><skipped message="no phone"/></testcase></testsuite>"#;
        let outcome = report(xml).expect("a report");
        assert_eq!(outcome.passed, 1);
        let failures = [("dev.X: b", "expected 1"), ("dev.X: c", "boom")];
        assert_eq!(outcome.failures, failures.map(|(name, said)| (name.to_owned(), said.to_owned())));
        assert_eq!(outcome.skipped, [("dev.X: d".to_owned(), "no phone".to_owned())]);
    }

    #[test]
    fn a_broken_report_is_an_error() {
        assert!(report("<testsuite").is_err());
    }
}
