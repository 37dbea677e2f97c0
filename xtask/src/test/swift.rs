//! The Swift package's tests: its layout, its manifest, and what `swift test` says about XCTest's and Swift Testing's tests.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::Context as _;

use super::libtest::Outcome;
use super::manifest;
use crate::bindgen::Built;
use crate::swift;
use crate::term;

/// Seconds; nothing that works takes so long.
const LONGEST: &str = "900";
/// How much of a broken run's last words is kept, in lines.
const LAST_WORDS: usize = 60;

/// Runs them, after `build` has built the library and the programs. Tests that fail are told by name.
pub(crate) fn run(build: &[&str], filter: Option<&str>) -> anyhow::Result<Outcome> {
    term::say("Building the library for Swift");
    let built = Built::new(build)?;
    swift::write_bindings(&built)?;
    let mut outcome = Outcome::default();
    if filter.is_none() {
        outcome.add(layout(&built)?);
        outcome.add(manifest::run(&built)?);
    }
    term::say("swift test (bindings-swift)");
    let mut words = vec!["swift", "test"];
    words.extend(filter.into_iter().flat_map(|filter| ["--filter", filter]));
    outcome.add(tests(&built, &words, filter.is_some())?);
    Ok(outcome)
}

/// `swift-format`, as one check.
fn layout(built: &Built) -> anyhow::Result<Outcome> {
    // Not what others have written.
    let find =
        "find . -name '*.swift' -not -path './.build/*' -not -path './Generated/*' -print0 | xargs -0 \"$@\"";
    let words = ["sh", "-c", find, "sh", "swift-format", "lint", "--strict", "--parallel"].map(str::to_owned);
    let status = swift::command(built, &words)?.stdin(Stdio::null()).stdout(std::io::stderr()).status()?;
    let name = "swift-format lint";
    Ok(if status.success() {
        Outcome::one_passed()
    } else {
        Outcome::one_failed(name, "see above".to_owned())
    })
}

fn tests(built: &Built, words: &[&str], some: bool) -> anyhow::Result<Outcome> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut command = swift::limited(built, LONGEST, &words)?;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("Swift could not be started")?;
    let mut reader = Reader::default();
    let mut last_words = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            if let Some(failed) = reader.line(&line) {
                eprintln!("    {} {failed}", term::red("FAILED"));
            }
            last_words.push(line);
            let surplus = last_words.len().saturating_sub(LAST_WORDS);
            last_words.drain(..surplus);
        }
    }
    let status = child.wait()?;
    let mut outcome = reader.outcome;
    let nothing = outcome.passed + outcome.skipped.len() + outcome.failures.len() == 0 && !some;
    if (!status.success() && outcome.failures.is_empty()) || nothing {
        outcome.failures.push((format!("swift test ({status})"), last_words.join("\n")));
    }
    Ok(outcome)
}

/// Takes the output of `swift test` line by line.
#[derive(Default)]
struct Reader {
    outcome: Outcome,
    /// What the running test has said against itself, or for being skipped.
    said: Vec<String>,
}

impl Reader {
    /// The next line; returns the name of a test that has just failed.
    fn line(&mut self, line: &str) -> Option<String> {
        if let Some(rest) = line.strip_prefix("Test Case '") {
            let (name, verdict) = rest.split_once("' ")?;
            return self.verdict(name, verdict);
        }
        let marked = line.trim_start().strip_prefix(['✔', '✘', '➜', '➤', '↩']);
        let rest = marked.and_then(|rest| rest.trim_start().strip_prefix("Test "));
        let Some(rest) = rest else { return self.note(line) };
        for verdict in [" passed after ", " failed after ", " skipped", " recorded an issue"] {
            let Some((name, said)) = rest.split_once(verdict) else { continue };
            if verdict == " recorded an issue" {
                self.said.push(format!("{name}{said}"));
                return None;
            }
            if verdict == " skipped" {
                self.said.push(said.trim_matches([':', '.', ' ', '"']).to_owned());
            }
            // The whole run has a line like a test's.
            let run = name.starts_with("run with ");
            return if run { None } else { self.verdict(name.trim_matches('"'), verdict.trim_start()) };
        }
        None
    }

    /// XCTest's words about a test stand between its start and its end.
    fn note(&mut self, line: &str) -> Option<String> {
        if line.contains(": error: ") || line.contains("Test skipped") {
            self.said.push(line.to_owned());
        }
        None
    }

    fn verdict(&mut self, name: &str, verdict: &str) -> Option<String> {
        if verdict.starts_with("started") {
            self.said.clear();
            return None;
        }
        let said = std::mem::take(&mut self.said).join("\n");
        if verdict.starts_with("passed") {
            self.outcome.passed += 1;
        } else if verdict.starts_with("skipped") {
            let why = said.rsplit_once("Test skipped - ").map_or(said.as_str(), |(_, why)| why);
            self.outcome.skipped.push((name.to_owned(), why.to_owned()));
        } else if verdict.starts_with("failed") {
            self.outcome.failures.push((name.to_owned(), said));
            return Some(name.to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Outcome {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line);
        }
        reader.outcome
    }

    #[test]
    fn xctests_are_counted_and_failures_keep_what_they_said() {
        let outcome = read(
            "Test Suite 'X' started at 2026\nTest Case 'X.testA' started at 2026-11-25\n\
             Test Case 'X.testA' passed (0.0 seconds)\nTest Case 'X.testB' started at 2026\n\
             /x/X.swift:7: error: X.testB : XCTAssertEqual failed: (\"1\") is not equal to (\"2\") -\n\
             Test Case 'X.testB' failed (0.1 seconds)\nTest Case 'X.testC' started at 2026\n\
             /x/X.swift:9: X.testC : Test skipped - no phone\nTest Case 'X.testC' skipped (0.0 seconds)\n\
             Test Suite 'X' failed at 2026\n\t Executed 3 tests, with 1 test skipped and 1 failure (0 unexpected) in 0.1 seconds",
        );
        assert_eq!(outcome.passed, 1);
        assert_eq!(outcome.failures.len(), 1);
        assert_eq!(outcome.failures[0].0, "X.testB");
        assert!(outcome.failures[0].1.contains("is not equal"));
        assert_eq!(outcome.skipped, [("X.testC".to_owned(), "no phone".to_owned())]);
    }

    #[test]
    fn swift_testings_tests_are_counted_and_the_run_is_none() {
        let outcome = read(
            "◇ Test run started.\n◇ Test \"rings once\" started.\n✔ Test \"rings once\" passed after 0.001 seconds.\n\
             ✘ Test ringsTwice() recorded an issue at X.swift:3:5: Expectation failed: 1 == 2\n\
             ✘ Test ringsTwice() failed after 0.001 seconds with 1 issue.\n➜ Test third() skipped: \"no phone\"\n\
             ✘ Suite Rings failed after 0.1 seconds with 1 issue.\n✘ Test run with 3 tests failed after 0.1 seconds with 1 issue.",
        );
        assert_eq!(outcome.passed, 1);
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].1.contains("1 == 2"));
        assert_eq!(outcome.skipped, [("third()".to_owned(), "no phone".to_owned())]);
    }
}
