//! A display that nobody sees, for the tests of windows: Xvfb, which chooses a free number by itself.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

/// It ends with this.
#[derive(Debug)]
pub(crate) struct Display {
    server: Child,
    /// As in `DISPLAY`.
    pub name: String,
}

impl Display {
    /// Starts it and waits until it can be used.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb could not be started")?;
        let mut number = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut number)?;
        }
        let display = Self { server, name: format!(":{}", number.trim()) };
        if number.trim().is_empty() {
            bail!("Xvfb gave no display");
        }
        Ok(display)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It has ended by itself when this fails.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
