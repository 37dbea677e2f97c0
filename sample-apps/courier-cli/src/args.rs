//! The command line, and the SDK's configuration that it stands for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use clap::{Parser, Subcommand};
use doorstep::audio::{AudioFactory, Silence, WavAudio};
use doorstep::transport::{GatewayUrl, SpkiPin};
use doorstep::{Config, Credentials, StaticToken, Token, TokenFailure, TokenProvider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The courier's app in a terminal: calls the customer of an order, or waits to be called.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where the gateway listens.
    #[arg(long, value_name = "wss://HOST:PORT/ws")]
    gateway: GatewayUrl,
    /// The courier's token, as the company's backend mints it.
    #[arg(long, env = "DOORSTEP_TOKEN", hide_env_values = true, conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds the token; it is read again whenever a fresh one is needed.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The gateway's key. Alone it is identity enough; with --ca the certificate must be good, too.
    #[arg(long, value_name = "sha256//BASE64")]
    pin: Vec<SpkiPin>,
    /// Certificates of authorities to trust besides the system's.
    #[arg(long, value_name = "FILE.pem")]
    ca: Option<PathBuf>,
    /// What the courier says once a call is answered.
    #[arg(long, value_name = "FILE.wav", conflicts_with = "live")]
    play: Option<PathBuf>,
    /// Where to keep what the courier hears. A second call overwrites the first.
    #[arg(long, value_name = "FILE.wav", conflicts_with = "live")]
    record: Option<PathBuf>,
    /// Talk and listen yourself: this computer's microphone and speaker.
    #[arg(long)]
    live: bool,
    /// One JSON object per event on stdout.
    #[arg(long)]
    pub(crate) json: bool,
    /// What to log, to stderr.
    #[arg(long, env = "RUST_LOG", default_value = "warn", value_name = "FILTER")]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) action: Action,
}

const EXAMPLES: &str = "Examples:
  courier-cli --gateway wss://calls.example.com/ws --token-file token contact 4711
  courier-cli --gateway wss://127.0.0.1:8443/ws --pin sha256//… --play hello.wav --record heard.wav \\
      contact 4711 --hang-up-after 8
  DOORSTEP_TOKEN=… courier-cli --gateway wss://calls.example.com/ws --live wait

Keys during a call, each followed by Enter: a answer, r reject, h hang up, o hold, u resume, m mute, 0-9 * # digits,
t ORDER transfers to another order's customer, q quits.";

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Calls the customer of an order. Succeeds if the customer answers.
    Contact {
        /// The order.
        order: String,
        /// Hangs up so many seconds after the answer.
        #[arg(long, value_name = "S", value_parser = seconds)]
        hang_up_after: Option<Duration>,
        /// Gives up when nobody has answered after so many seconds.
        #[arg(long, value_name = "S", value_parser = seconds)]
        ring_timeout: Option<Duration>,
    },
    /// Waits for customers to call.
    Wait {
        /// Answers by itself, so many milliseconds after a call has come.
        #[arg(long, value_name = "MS", conflicts_with = "reject")]
        answer_after: Option<u64>,
        /// Rejects every call.
        #[arg(long)]
        reject: bool,
        /// Ends after so many calls; never when left out.
        #[arg(long, value_name = "N")]
        calls: Option<u64>,
        /// Hangs up so many seconds after answering.
        #[arg(long, value_name = "S", value_parser = seconds)]
        hang_up_after: Option<Duration>,
    },
}

impl Args {
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::new(self.gateway.clone(), Credentials::Token(self.tokens()?));
        // Only who waits for calls need be reachable; whoever calls is connected a round trip sooner without.
        config.register = matches!(self.action, Action::Wait { .. });
        config.transport.tls.pins.clone_from(&self.pin);
        config.transport.tls.pins_suffice = self.ca.is_none();
        if let Some(file) = &self.ca {
            config.transport.tls.extra_roots = certificates(file)?;
        }
        config.audio = self.audio()?;
        Ok(config)
    }

    fn tokens(&self) -> anyhow::Result<Arc<dyn TokenProvider>> {
        match (&self.token, &self.token_file) {
            (Some(token), _) => Ok(Arc::new(StaticToken::new(token.trim()))),
            (None, Some(file)) => Ok(Arc::new(TokenFile(file.clone()))),
            (None, None) => bail!("a token is needed: --token, --token-file or DOORSTEP_TOKEN"),
        }
    }

    fn audio(&self) -> anyhow::Result<Arc<dyn AudioFactory>> {
        if self.live {
            return live_audio();
        }
        if self.play.is_none() && self.record.is_none() {
            return Ok(Arc::new(Silence));
        }
        if let Some(file) = &self.play {
            std::fs::metadata(file).with_context(|| format!("--play {}", file.display()))?;
        }
        Ok(Arc::new(WavAudio { play: self.play.clone(), record: self.record.clone() }))
    }
}

#[cfg(feature = "live")]
fn live_audio() -> anyhow::Result<Arc<dyn AudioFactory>> {
    Ok(Arc::new(doorstep::audio::LiveAudio::default()))
}

#[cfg(not(feature = "live"))]
fn live_audio() -> anyhow::Result<Arc<dyn AudioFactory>> {
    bail!("--live is not in this build: build courier-cli with --features live")
}

/// How an app would ask its company's backend.
struct TokenFile(PathBuf);

#[async_trait]
impl TokenProvider for TokenFile {
    async fn token(&self) -> Result<Token, TokenFailure> {
        let file = self.0.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
        let text = read.ok().and_then(Result::ok).ok_or(TokenFailure::Unavailable)?;
        Ok(Token::new(text.trim()))
    }
}

fn certificates(file: &PathBuf) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("--ca {} is no file of PEM certificates", file.display()))?;
    if certificates.is_empty() {
        bail!("--ca {} holds no certificate", file.display());
    }
    Ok(certificates)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds from 0 up".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_pin_alone_suffices_and_with_an_authority_it_does_not() {
        let pin = format!("sha256//{}=", "A".repeat(43));
        let common = ["courier-cli", "--gateway", "wss://h/ws", "--token", "t", "--pin", &pin];
        let config = |more: &[&str]| Args::parse_from(common.iter().chain(more)).config();
        assert!(config(&["contact", "4711"]).unwrap().transport.tls.pins_suffice);
        let error = config(&["--ca", "/does/not/exist.pem", "wait"]).unwrap_err();
        assert!(error.to_string().contains("/does/not/exist.pem"));
    }

    #[test]
    fn without_a_token_the_sentence_says_how_to_give_one() {
        let args =
            Args { token: None, ..Args::parse_from(["courier-cli", "--gateway", "wss://h/ws", "wait"]) };
        assert!(args.config().unwrap_err().to_string().contains("--token-file"));
    }
}
