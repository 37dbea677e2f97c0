use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Stage;

/// Longest wait for any one event.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest message that is read from it.
const LONGEST: usize = 64 * 1024;

/// A baresip in the place of the customer's phone, led by its control connection (module `ctrl_tcp`).
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    control: TcpStream,
    buffer: Vec<u8>,
    folder: PathBuf,
    company: String,
}

/// What it is told to do in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Answers what rings.
    Accept,
    /// Ends, or refuses.
    HangUp,
    /// Puts the far side on hold.
    Hold,
    /// Takes it back.
    Resume,
    /// Presses a key.
    Key(char),
}

/// Something that it told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BaresipEvent {
    /// `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED`…
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom it talks with, as a URI.
    #[serde(default, rename = "peeruri")]
    pub peer: String,
    /// More, by kind.
    #[serde(default)]
    pub param: String,
}

impl Baresip {
    /// Starts one that knows `codecs` alone (`PCMA/8000/1`, comma-separated) and says `speech` in calls. It keeps what
    /// it hears in its folder.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(stage: &Stage, codecs: &str, speech: &Path, folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("baresip");
        std::fs::create_dir_all(&folder)?;
        let phone = stage.phone;
        let control = SocketAddr::new(phone.ip(), 4444);
        let config = CONFIG
            .replace("PHONE_IP", &phone.ip().to_string())
            .replace("PHONE", &phone.to_string())
            .replace("CONTROL", &control.to_string())
            .replace("SPEECH", &speech.display().to_string())
            .replace("FOLDER", &folder.display().to_string());
        std::fs::write(folder.join("config"), config)?;
        let account = format!(
            "<sip:{}@{}>;regint=0;outbound=\"sip:{}\";answermode=manual;dtmfmode=rtpevent;audio_codecs={codecs}\n",
            stage.customer,
            phone.ip(),
            stage.trunk
        );
        std::fs::write(folder.join("accounts"), account)?;
        std::fs::write(folder.join("contacts"), "")?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.kill_on_drop(true).spawn().context("baresip could not be started")?;
        let control = connect(control, &mut child)
            .await
            .with_context(|| std::fs::read_to_string(folder.join("log")).unwrap_or_default())?;
        Ok(Self { child, control, buffer: Vec::new(), folder, company: stage.company.clone() })
    }

    /// Calls the company.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn call_company(&mut self) -> anyhow::Result<()> {
        let company = self.company.clone();
        self.command("dial", &company).await
    }

    /// Does something in its call.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn act(&mut self, what: Call) -> anyhow::Result<()> {
        match what {
            Call::Accept => self.command("accept", "").await,
            Call::HangUp => self.command("hangup", "").await,
            Call::Hold => self.command("hold", "").await,
            Call::Resume => self.command("resume", "").await,
            Call::Key(key) => self.command("sndcode", &key.to_string()).await,
        }
    }

    /// Waits for an event of this kind and passes over the others.
    ///
    /// # Errors
    /// When it does not come, or the call ends before.
    pub async fn expect(&mut self, kind: &str) -> anyhow::Result<BaresipEvent> {
        let wait = async {
            loop {
                let event = self.next().await?;
                if event.kind == kind {
                    return Ok(event);
                }
                if event.kind == "CALL_CLOSED" {
                    bail!("baresip's call ended ({}) before {kind}", event.param);
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.with_context(|| format!("baresip did not tell of {kind}"))?
    }

    /// The recordings of what it heard: its `sndfile` module keeps each stream.
    ///
    /// # Errors
    /// When there is none.
    pub fn heard(&self) -> anyhow::Result<PathBuf> {
        let files = std::fs::read_dir(&self.folder)?.filter_map(Result::ok).map(|entry| entry.path());
        let mut heard = files.filter(|path| path.to_string_lossy().ends_with("dec.wav"));
        heard.next().context("baresip kept no recording")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it. It has nothing to finish between calls, and does not always obey its own `quit`.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn quit(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("baresip ended by itself")
    }

    async fn command(&mut self, command: &str, params: &str) -> anyhow::Result<()> {
        let message = json!({"command": command, "params": params, "token": command}).to_string();
        let framed = format!("{}:{message},", message.len());
        self.control.write_all(framed.as_bytes()).await.context("baresip's control connection is gone")
    }

    async fn next(&mut self) -> anyhow::Result<BaresipEvent> {
        loop {
            while let Some(message) = netstring(&mut self.buffer)? {
                // Answers to commands have no type.
                if let Ok(event) = serde_json::from_slice(&message) {
                    return Ok(event);
                }
            }
            if self.buffer.len() > LONGEST || self.control.read_buf(&mut self.buffer).await? == 0 {
                bail!("baresip's control connection is gone");
            }
        }
    }
}

/// Its listener comes up a moment after its start: each refusal is tried again until it is there or it has ended.
async fn connect(address: SocketAddr, child: &mut Child) -> anyhow::Result<TcpStream> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    while tokio::time::Instant::now() < deadline {
        pause.tick().await;
        if let Ok(control) = TcpStream::connect(address).await {
            return Ok(control);
        }
        if let Some(status) = child.try_wait()? {
            bail!("baresip ended at once: {status}");
        }
    }
    bail!("baresip does not listen for commands")
}

/// Takes `LENGTH:BYTES,` off the front, once it is whole.
fn netstring(buffer: &mut Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(colon) = buffer.iter().position(|byte| *byte == b':') else { return Ok(None) };
    let digits = buffer.get(..colon).unwrap_or_default();
    let length: usize = std::str::from_utf8(digits)?.parse().context("baresip does not speak netstrings")?;
    let (start, end) = (colon + 1, colon + 1 + length);
    if buffer.len() <= end {
        return Ok(None);
    }
    let message = buffer.get(start..end).unwrap_or_default().to_vec();
    buffer.drain(..=end);
    Ok(Some(message))
}

/// `sndfile` keeps both directions as WAV; `aubridge` is a speaker that needs no sound card.
const CONFIG: &str = "
poll_method epoll
sip_listen PHONE
net_interface PHONE_IP
module_path /usr/lib/baresip/modules
module g711.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen CONTROL
audio_source aufile,SPEECH
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_level no
rtp_ports 20000-20100
rtp_timeout 0
snd_path FOLDER
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_taken_whole_one_after_the_other() {
        let mut buffer = b"3:abc,5:de".to_vec();
        assert_eq!(netstring(&mut buffer).unwrap(), Some(b"abc".to_vec()));
        assert_eq!(netstring(&mut buffer).unwrap(), None);
        buffer.extend(b"fgh,");
        assert_eq!(netstring(&mut buffer).unwrap(), Some(b"defgh".to_vec()));
        assert!(netstring(&mut b"x:".to_vec()).is_err());
    }
}
