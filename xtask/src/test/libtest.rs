//! Reads what Rust's test harness prints with `--show-output`.
//!
//! A test that lacks a tool passes and says `SKIPPED: reason`; it is counted as skipped, as ignored ones are.

use std::collections::BTreeMap;

/// What some tests came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How many held.
    pub passed: usize,
    /// What broke: the test's name and what it said.
    pub failures: Vec<(String, String)>,
    /// What was not run: the test's name and why.
    pub skipped: Vec<(String, String)>,
}

impl Outcome {
    /// One check that held.
    pub(crate) fn one_passed() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that did not.
    pub(crate) fn one_failed(name: &str, output: String) -> Self {
        Self { failures: vec![(name.to_owned(), output)], ..Self::default() }
    }

    /// One check that could not be made.
    pub(crate) fn one_skipped(name: &str, why: String) -> Self {
        Self { skipped: vec![(name.to_owned(), why)], ..Self::default() }
    }

    /// Adds another's results.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        self.skipped.extend(other.skipped);
    }
}

/// Takes the harness's standard output line by line.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    summaries: usize,
    passed: usize,
    failed: usize,
    failed_names: Vec<String>,
    ignored: Vec<(String, String)>,
    output: BTreeMap<String, String>,
    block: Option<String>,
}

impl Reader {
    /// The next line; returns the name of a test that has just failed.
    pub(crate) fn line(&mut self, line: &str) -> Option<&str> {
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.block = Some(name.to_owned());
            return None;
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.block = None;
            self.summaries += 1;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            return None;
        }
        if matches!(line, "successes:" | "failures:") {
            self.block = None;
            return None;
        }
        if let Some(name) = &self.block {
            let text = self.output.entry(name.clone()).or_default();
            text.push_str(line);
            text.push('\n');
            return None;
        }
        let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        if verdict == "FAILED" {
            self.failed_names.push(name.to_owned());
            return self.failed_names.last().map(String::as_str);
        }
        if let Some(reason) = verdict.strip_prefix("ignored") {
            let reason = reason.strip_prefix(", ").unwrap_or("ignored").to_owned();
            self.ignored.push((name.to_owned(), reason));
        }
        None
    }

    /// What it came to. `finished` says that the harness ended by itself, and as one does after its last line;
    /// `rest` is what it said outside of tests, for the case that it did not.
    pub(crate) fn finish(mut self, finished: bool, rest: &str) -> Outcome {
        let mut outcome = Outcome { skipped: self.ignored, ..Outcome::default() };
        for name in &self.failed_names {
            let said = self.output.remove(name).unwrap_or_default();
            outcome.failures.push((name.clone(), said));
        }
        for (name, said) in &self.output {
            if let Some(reason) = said.lines().find_map(|line| line.trim().strip_prefix("SKIPPED:")) {
                outcome.skipped.push((name.clone(), reason.trim().to_owned()));
                self.passed = self.passed.saturating_sub(1);
            }
        }
        outcome.passed = self.passed;
        let explained = outcome.failures.len();
        let complete = finished && self.summaries > 0 && self.failed <= explained;
        if !complete && (explained == 0 || !finished) {
            outcome.failures.push(("the test program itself".to_owned(), rest.to_owned()));
        }
        outcome
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> usize {
    let part = counts.split([';', '.']).map(str::trim).find_map(|part| part.strip_suffix(word));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reader {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line);
        }
        reader
    }

    #[test]
    fn passed_ignored_and_skipped_tests_are_told_apart() {
        let outcome = read(
            "\nrunning 4 tests\ntest a ... ok\ntest b ... ignored, takes an hour\ntest c ... ok\ntest d ... ok\n\n\
             successes:\n\n---- c stdout ----\nSKIPPED: sipp is not installed\n\n---- d stdout ----\nnothing of note\n\n\n\
             successes:\n    a\n    c\n    d\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        )
        .finish(true, "");
        assert_eq!(outcome.passed, 2);
        assert_eq!(outcome.failures, []);
        let skipped = [("b", "takes an hour"), ("c", "sipp is not installed")];
        assert_eq!(outcome.skipped, skipped.map(|(name, why)| (name.to_owned(), why.to_owned())));
    }

    #[test]
    fn a_failure_keeps_what_the_test_said() {
        let outcome = read(
            "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nthread 'b' panicked\nleft: 1\n\n\n\
             failures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        )
        .finish(true, "");
        assert_eq!(outcome.passed, 1);
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].1.contains("left: 1"));
    }

    #[test]
    fn a_failing_test_is_named_at_once() {
        let mut reader = Reader::default();
        assert_eq!(reader.line("test a ... ok"), None);
        assert_eq!(reader.line("test deep::b ... FAILED"), Some("deep::b"));
    }

    #[test]
    fn a_program_that_dies_is_a_failure() {
        let outcome = read("running 2 tests\ntest a ... ok\n").finish(false, "stack overflow");
        assert_eq!(outcome.failures, [("the test program itself".to_owned(), "stack overflow".to_owned())]);
    }

    #[test]
    fn a_summary_that_counts_more_failures_than_were_named_is_not_lost() {
        let outcome =
            read("test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n");
        assert_eq!(outcome.finish(true, "").failures.len(), 1);
    }

    #[test]
    fn a_failing_test_that_said_skipped_has_failed() {
        let outcome = read(
            "test a ... FAILED\nfailures:\n---- a stdout ----\nSKIPPED: no\nfailures:\n    a\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        )
        .finish(true, "");
        assert_eq!((outcome.failures.len(), outcome.skipped.len()), (1, 0));
    }

    #[test]
    fn several_harnesses_in_one_stream_add_up() {
        let text =
            "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(read(&text.repeat(3)).finish(true, "").passed, 3);
    }
}
