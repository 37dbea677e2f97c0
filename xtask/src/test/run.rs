//! Runs one test program and reads it to its end, or ends it when it hangs.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::libtest::{Outcome, Reader};
use crate::build::Executable;
use crate::term;

/// No test program takes that long; one that does hangs, and must not take CI's hour with it.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How much of a dying program's last words is kept, in lines.
const LAST_WORDS: usize = 60;

/// Runs a test program as `cargo test` would.
pub(crate) fn test_program(program: &Executable, filter: Option<&str>, ci: bool) -> anyhow::Result<Outcome> {
    let mut command = Command::new(&program.path);
    command.arg("--show-output").args(filter).current_dir(&program.package_dir);
    command.env("CARGO_MANIFEST_DIR", &program.package_dir).env("CARGO_PKG_NAME", &program.package);
    if ci {
        command.env("DOORSTEP_REQUIRE_TOOLS", "1");
    }
    command.stderr(Stdio::piped());
    harness(command, LONGEST).with_context(|| format!("{} could not be run", program.path.display()))
}

/// Runs a command that prints as Rust's test harness does. Failing tests are named as they fail.
pub(crate) fn harness(mut command: Command, longest: Duration) -> anyhow::Result<Outcome> {
    let deadline = Instant::now() + longest;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone(), Line::Out);
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender.clone(), Line::Err);
    }
    drop(sender);

    let mut reader = Reader::default();
    let mut last_words = Vec::new();
    let mut hangs = false;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Line::Out(line)) => {
                if let Some(failed) = reader.line(&line) {
                    eprintln!("    {} {failed}", term::red("FAILED"));
                }
                last_words.push(line);
            }
            Ok(Line::Err(line)) => last_words.push(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                hangs = true;
                break;
            }
        }
        let surplus = last_words.len().saturating_sub(LAST_WORDS);
        last_words.drain(..surplus);
    }
    if hangs {
        last_words.push(format!("ended by force: it ran for more than {}", term::duration(longest)));
    }
    let code = end(&mut child, hangs)?;
    // 101 is the harness's own way to say that tests failed.
    let finished = !hangs && matches!(code, Some(0 | 101));
    let mut outcome = reader.finish(finished, &last_words.join("\n"));
    if finished && code == Some(101) && outcome.failures.is_empty() {
        outcome.failures.push(("the test program itself".to_owned(), last_words.join("\n")));
    }
    Ok(outcome)
}

enum Line {
    Out(String),
    Err(String),
}

/// Sends every line on; a line that is not UTF-8 is shown as well as it can be.
fn forward(from: impl Read + Send + 'static, to: mpsc::Sender<Line>, kind: fn(String) -> Line) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            line.clear();
            if to.send(kind(text)).is_err() {
                return;
            }
        }
    });
}

fn end(child: &mut Child, by_force: bool) -> anyhow::Result<Option<i32>> {
    if by_force {
        child.kill()?;
    }
    Ok(child.wait()?.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        command
    }

    const SUMMARY: &str = "echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";

    #[test]
    fn a_harness_that_ends_well_passes() {
        let outcome = harness(shell(&format!("echo 'test a ... ok'; {SUMMARY}")), LONGEST).unwrap();
        assert_eq!(outcome, Outcome::one_passed());
    }

    #[test]
    fn a_harness_that_dies_has_failed_and_its_last_words_are_kept() {
        let outcome = harness(shell("echo 'test a ... ok'; echo boom >&2; kill -ABRT $$"), LONGEST).unwrap();
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].1.contains("boom"));
    }

    #[test]
    fn a_harness_that_hangs_is_ended() {
        let outcome = harness(shell("exec sleep 600"), Duration::from_millis(50)).unwrap();
        assert!(outcome.failures[0].1.contains("ended by force"));
    }

    #[test]
    fn a_bad_exit_after_a_good_summary_is_a_failure() {
        let outcome = harness(shell(&format!("{SUMMARY}; exit 101")), LONGEST).unwrap();
        assert_eq!(outcome.failures.len(), 1);
    }
}
