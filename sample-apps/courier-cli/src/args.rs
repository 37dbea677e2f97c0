//! The command line, and the SDK's configuration that it stands for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use clap::{Parser, Subcommand, ValueEnum};
use doorstep::audio::{AudioFactory, Silence, WavAudio};
use doorstep::transport::{GatewayUrl, SpkiPin};
use doorstep::{
    Config, Credentials, PushMessage, PushTarget, Sensitive, StaticToken, Token, TokenFailure, TokenProvider,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The courier's app in a terminal: calls the customer of an order, waits to be called, or is woken by a push.
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
    /// Who wakes this app when it is closed.
    #[arg(long, value_enum, value_name = "WHO", requires = "push_param", requires = "push_token")]
    push_provider: Option<Provider>,
    /// TEAM.BUNDLE.voip with Apple, the project's id with Google.
    #[arg(long, value_name = "PARAM", requires = "push_provider")]
    push_param: Option<String>,
    /// What the provider knows this device by.
    #[arg(
        long,
        env = "DOORSTEP_PUSH_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        requires = "push_provider",
        requires = "instance"
    )]
    push_token: Option<String>,
    /// Names this installation, the same at every start; a new one each time when left out.
    #[arg(long, value_name = "UUID")]
    instance: Option<String>,
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
  courier-cli … --push-provider apns --push-param TEAM.com.example.voip --push-token … --instance … register
  courier-cli … --push-provider apns --push-param TEAM.com.example.voip --push-token … --instance … \
      woken --payload @push.json --answer-after 1500

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
    /// Registers and closes: from then on a call to the courier is a push to this device.
    Register,
    /// Starts as the system starts the app for a push. The call rings before there is a connection. Ends with the call,
    /// and stays registered.
    Woken {
        /// What the push says: JSON, or a file with it.
        #[arg(long, value_name = "JSON|@FILE")]
        payload: String,
        /// Answers by itself, so many milliseconds after it began to ring.
        #[arg(long, value_name = "MS", conflicts_with = "reject")]
        answer_after: Option<u64>,
        /// Rejects the call.
        #[arg(long)]
        reject: bool,
        /// Hangs up so many seconds after answering.
        #[arg(long, value_name = "S", value_parser = seconds)]
        hang_up_after: Option<Duration>,
    },
}

/// Who carries pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
}

impl Provider {
    /// `pn-provider` (RFC 8599).
    const fn name(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
        }
    }
}

impl Action {
    /// Whether the courier is to be reachable. Whoever only calls is connected a round trip sooner without.
    const fn is_reachable(&self) -> bool {
        match self {
            Self::Contact { .. } => false,
            Self::Wait { .. } | Self::Register | Self::Woken { .. } => true,
        }
    }

    /// Whether the registration stays when the program ends.
    pub(crate) const fn stays_registered(&self) -> bool {
        match self {
            Self::Contact { .. } | Self::Wait { .. } => false,
            Self::Register | Self::Woken { .. } => true,
        }
    }

    /// The push that has started the app, if one has.
    pub(crate) fn push(&self) -> anyhow::Result<Option<PushMessage>> {
        let payload = match self {
            Self::Woken { payload, .. } => payload,
            Self::Contact { .. } | Self::Wait { .. } | Self::Register => return Ok(None),
        };
        let json = match payload.strip_prefix('@') {
            Some(file) => std::fs::read(file).with_context(|| format!("--payload @{file}"))?,
            None => payload.clone().into_bytes(),
        };
        Ok(Some(PushMessage::from_json(&json)))
    }
}

impl Args {
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::new(self.gateway.clone(), Credentials::Token(self.tokens()?));
        config.register = self.action.is_reachable();
        config.instance.clone_from(&self.instance);
        config.push = self.push_target();
        config.transport.tls.pins.clone_from(&self.pin);
        config.transport.tls.pins_suffice = self.ca.is_none();
        if let Some(file) = &self.ca {
            config.transport.tls.extra_roots = certificates(file)?;
        }
        config.audio = self.audio()?;
        Ok(config)
    }

    fn push_target(&self) -> Option<PushTarget> {
        let (provider, param, token) =
            (self.push_provider?, self.push_param.clone()?, self.push_token.clone()?);
        Some(PushTarget { provider: provider.name().to_owned(), param, prid: Sensitive::new(token) })
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
    fn a_push_target_is_whole_or_refused() {
        let common = ["courier-cli", "--gateway", "wss://h/ws", "--token", "t", "--push-provider", "fcm"];
        let rest = ["--push-param", "project", "--push-token", "device", "--instance", "5f1f6a2e"];
        let parse =
            |rest: &[&str]| Args::try_parse_from(common.iter().chain(rest).chain(&["register"]).copied());
        let config = parse(&rest).unwrap().config().unwrap();
        let push = config.push.unwrap();
        assert_eq!((push.provider.as_str(), push.param.as_str()), ("fcm", "project"));
        assert_eq!(config.instance.as_deref(), Some("5f1f6a2e"));
        assert!(config.register);
        for without in 0..3 {
            let mut rest = rest.to_vec();
            rest.drain(without * 2..without * 2 + 2);
            assert!(parse(&rest).is_err(), "{rest:?}");
        }
    }

    #[test]
    fn a_payload_comes_from_the_command_line_or_a_file() {
        let action = |payload: &str| Action::Woken {
            payload: payload.to_owned(),
            answer_after: None,
            reject: false,
            hang_up_after: None,
        };
        let push = action(r#"{"v":2,"call":"c"}"#).push().unwrap().unwrap();
        assert_eq!(push.payload().unwrap_err().call.as_deref(), Some("c"));
        let error = action("@/does/not/exist.json").push().unwrap_err();
        assert!(error.to_string().contains("/does/not/exist.json"));
    }

    #[test]
    fn without_a_token_the_sentence_says_how_to_give_one() {
        let args =
            Args { token: None, ..Args::parse_from(["courier-cli", "--gateway", "wss://h/ws", "wait"]) };
        assert!(args.config().unwrap_err().to_string().contains("--token-file"));
    }
}
