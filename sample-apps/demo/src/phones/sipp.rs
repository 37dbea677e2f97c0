use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::Stage;

/// How long a scenario may take. SIPp's own limit is a little shorter, so that it can still say what it waits for.
const LONGEST: Duration = Duration::from_secs(60);

/// A scenario file and what is filled in.
#[derive(Debug, Clone)]
pub struct Scenario<'a> {
    /// The XML.
    pub file: &'a Path,
    /// Who starts.
    pub direction: Direction,
    /// Payload types of its m-line.
    pub codecs: &'a str,
    /// Put in place of `STATUS`, where the XML holds that.
    pub status: &'a str,
    /// Sends every RTP packet back, so that whoever speaks hears themselves.
    pub echo: bool,
}

/// Who starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The phone is called.
    Called,
    /// The phone calls.
    Calls,
}

/// A SIPp that plays one scenario, once.
#[derive(Debug)]
pub struct Sipp {
    child: Child,
    errors: PathBuf,
    messages: PathBuf,
    output: PathBuf,
}

impl Sipp {
    /// Starts it in the place of the stage's customer's phone. Its files go to `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(stage: &Stage, scenario: &Scenario<'_>, folder: &Path) -> anyhow::Result<Self> {
        let xml = std::fs::read_to_string(scenario.file)
            .with_context(|| format!("{} cannot be read", scenario.file.display()))?;
        let file = |name: &str| folder.join(format!("sipp-{name}"));
        let (played, errors, messages, output) =
            (file("scenario.xml"), file("errors"), file("messages"), file("output"));
        std::fs::write(&played, xml.replace("STATUS", scenario.status))?;
        let ip = stage.phone.ip().to_string();
        let mut command = Command::new("sipp");
        if scenario.direction == Direction::Calls {
            command.arg(stage.trunk.to_string());
        }
        command.arg("-sf").arg(&played).args(["-i", &ip, "-p", &stage.phone.port().to_string()]);
        command.args(["-mi", &ip, "-mp", "6000", "-m", "1", "-nostdin"]);
        command.args(["-timeout", &(LONGEST.as_secs() - 5).to_string(), "-timeout_error"]);
        command.arg("-trace_err").arg("-error_file").arg(&errors);
        command.arg("-trace_msg").arg("-message_file").arg(&messages);
        for (key, value) in
            [("codecs", scenario.codecs), ("customer", &stage.customer), ("company", &stage.company)]
        {
            command.args(["-key", key, value]);
        }
        if scenario.echo {
            command.arg("-rtp_echo");
        }
        let screen = std::fs::File::create(&output)?;
        command.stdin(Stdio::null()).stdout(screen.try_clone()?).stderr(screen).kill_on_drop(true);
        let child = command.spawn().context("sipp could not be started")?;
        Ok(Self { child, errors, messages, output })
    }

    /// Every message that it sent and received.
    pub fn messages(&self) -> &Path {
        &self.messages
    }

    /// Waits for the end of the scenario.
    ///
    /// # Errors
    /// When anything came that the scenario does not foresee, or did not come; with what SIPp says of it.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let status = tokio::time::timeout(LONGEST, self.child.wait()).await.context("sipp hangs")??;
        if status.success() {
            return Ok(());
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let said = [read(&self.errors), read(&self.messages)].concat();
        let said = if said.is_empty() { read(&self.output) } else { said };
        bail!("sipp: {status}\n{said}")
    }
}
