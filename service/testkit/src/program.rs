use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::HANG;

/// Between two looks whether a program has ended: a child has no other way to tell.
const LOOK: Duration = Duration::from_millis(10);

/// A server's process that has said that it is ready; killed when dropped.
pub struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
    /// What it said: its addresses.
    pub ready: Value,
}

impl Program {
    /// Starts it and waits for its ready line (`--ready-json` is added).
    ///
    /// # Panics
    /// When it does not come up; with all that it has said.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .arg("--ready-json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (mut stderr, sink) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        let log_reader = std::thread::spawn(move || {
            let mut line = Vec::new();
            while stderr.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str(&line) else {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            let _ = child.wait();
            log_reader.join().unwrap();
            panic!("the program did not start: {line}{rest}\n{}", log.lock().unwrap());
        };
        // Whatever else is printed must not block the program.
        std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        Self { child, log, log_reader: Some(log_reader), ready }
    }

    /// A text of the ready line.
    ///
    /// # Panics
    /// When there is none at that JSON pointer.
    pub fn told(&self, pointer: &str) -> String {
        let told = self.ready.pointer(pointer).and_then(Value::as_str);
        told.unwrap_or_else(|| panic!("no {pointer} in {}", self.ready)).to_owned()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far on standard error.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub async fn says(&self, words: &str) {
        let said = async {
            while !self.log().contains(words) {
                tokio::time::sleep(LOOK).await;
            }
        };
        assert!(tokio::time::timeout(HANG, said).await.is_ok(), "{words:?} was not said:\n{}", self.log());
    }

    /// Sends it a signal by its name, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; all that it has said, too.
    pub async fn gone(&mut self) -> (ExitStatus, String) {
        let deadline = tokio::time::Instant::now() + HANG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(tokio::time::Instant::now() < deadline, "the program does not end:\n{}", self.log());
            tokio::time::sleep(LOOK).await;
        };
        if let Some(reader) = self.log_reader.take() {
            reader.join().unwrap();
        }
        (status, self.log())
    }

    /// As the system's end does it: no chance to say goodbye.
    pub async fn kill_9(&mut self) {
        self.child.kill().unwrap();
        self.gone().await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
