//! The other processes of the benchmark: JSON objects go to their standard input and come from their standard output.

use std::collections::VecDeque;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use doorstep_testkit::slow_path::Namespace;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines, Stdin, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::PATIENCE;

/// This program again, in another role and namespace. Killed when dropped.
pub(crate) struct Peer {
    role: &'static str,
    child: Child,
    orders: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    early: VecDeque<Value>,
}

impl Peer {
    pub(crate) fn start(role: &'static str, place: &Namespace) -> anyhow::Result<Self> {
        let mut command = Command::from(place.command(std::env::current_exe()?));
        command.args(["--role", role]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("the {role} could not be started"))?;
        let orders = child.stdin.take().context("no standard input")?;
        let events = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        Ok(Self { role, child, orders, events, early: VecDeque::new() })
    }

    /// The next event of this name; others wait for their turn.
    pub(crate) async fn expect(&mut self, name: &str) -> anyhow::Result<Value> {
        let is = |event: &Value| event["event"] == name;
        if let Some(event) = self.early.iter().position(is).and_then(|place| self.early.remove(place)) {
            return Ok(event);
        }
        loop {
            let line = timeout(PATIENCE, self.events.next_line()).await;
            let Ok(line) = line else { bail!("waited in vain for `{name}` of the {}", self.role) };
            let Some(line) = line? else { bail!("the {} ended before `{name}`", self.role) };
            let event: Value = serde_json::from_str(&line)?;
            if is(&event) {
                return Ok(event);
            }
            self.early.push_back(event);
        }
    }

    /// The end of a call; what else was told of it is forgotten.
    pub(crate) async fn over(&mut self) -> anyhow::Result<()> {
        self.expect("ended").await?;
        self.early.clear();
        Ok(())
    }

    pub(crate) async fn tell(&mut self, order: &Value) -> anyhow::Result<()> {
        Ok(self.orders.write_all(format!("{order}\n").as_bytes()).await?)
    }

    /// Closes its standard input and waits for its end.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.orders);
        let status = timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        if !status.success() {
            bail!("the {} ended with {status}", self.role);
        }
        Ok(())
    }
}

/// What this process, as such a peer, is told.
pub(crate) struct Orders(Lines<BufReader<Stdin>>);

impl Orders {
    pub(crate) fn new() -> Self {
        Self(BufReader::new(stdin()).lines())
    }

    /// The next one; `None` when it is time to end.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        let Some(line) = self.0.next_line().await? else { return Ok(None) };
        Ok(Some(serde_json::from_str(&line)?))
    }
}
