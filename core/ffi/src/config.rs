//! What a client is told at its start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorstep::audio::{AudioFactory, Silence, Tone, WavAudio};
use doorstep::transport::{GatewayUrl, SpkiPin};
use doorstep::{Config, Credentials};

use crate::audio::AudioPort;
use crate::push::PushTarget;
use crate::token::Tokens;
use crate::{DoorstepError, TokenProvider};

/// Between two measurements of a call: often enough for bars on a screen, and nothing beside a call's own work.
const QUALITY: Duration = Duration::from_secs(2);

/// Everything a client is told at its start.
#[derive(uniffi::Record)]
pub struct ClientConfig {
    /// `wss://HOST[:PORT]/PATH`; `ws://` only on this machine.
    pub gateway: String,
    /// Where the courier's tokens come from.
    pub tokens: Arc<dyn TokenProvider>,
    /// Names this installation, the same at every start (a UUID).
    pub instance: Option<String>,
    /// Where pushes for this app go.
    #[uniffi(default = None)]
    pub push: Option<PushTarget>,
    /// Microphone and speaker.
    pub audio: AudioChoice,
    /// Public keys (`sha256//BASE64`, of the SPKI) of which the gateway must have one: on top of a certificate that the platform
    /// trusts, or instead of it with `pins_suffice`. Empty: any key.
    #[uniffi(default = [])]
    pub pins: Vec<String>,
    /// The pinned key is identity enough: for a gateway with a certificate of its own making.
    #[uniffi(default = false)]
    pub pins_suffice: bool,
    /// Whether to be reachable for calls from the start.
    #[uniffi(default = true)]
    pub reachable: bool,
}

/// Microphone and speaker.
#[derive(Clone, uniffi::Enum)]
pub enum AudioChoice {
    /// The platform's own.
    Port {
        /// Through which it crosses.
        port: Arc<AudioPort>,
    },
    /// Neither: for trials.
    Silence,
    /// A tone instead of a microphone: for trials.
    Tone {
        /// Its frequency.
        hz: f64,
    },
    /// WAV files: for trials.
    Files {
        /// What is said.
        play: Option<String>,
        /// Where to keep what is heard.
        record: Option<String>,
    },
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl TryFrom<ClientConfig> for Config {
    type Error = DoorstepError;

    fn try_from(from: ClientConfig) -> Result<Self, DoorstepError> {
        let invalid = |why: String| DoorstepError::InvalidGateway { why };
        let gateway: GatewayUrl = from.gateway.parse().map_err(|error| invalid(format!("{error}")))?;
        let mut config = Self::new(gateway, Credentials::Token(Arc::new(Tokens(from.tokens))));
        for pin in &from.pins {
            let pin: SpkiPin = pin.parse().map_err(|_| DoorstepError::InvalidPin)?;
            config.transport.tls.pins.push(pin);
        }
        config.transport.tls.pins_suffice = from.pins_suffice;
        config.instance = from.instance;
        config.register = from.reachable;
        config.push = from.push.map(Into::into);
        config.media.quality_interval = Some(QUALITY);
        config.audio = match from.audio {
            AudioChoice::Port { port } => port as Arc<dyn AudioFactory>,
            AudioChoice::Silence => Arc::new(Silence),
            AudioChoice::Tone { hz } => Arc::new(Tone { hz }),
            AudioChoice::Files { play, record } => {
                Arc::new(WavAudio { play: play.map(Into::into), record: record.map(Into::into) })
            }
        };
        Ok(config)
    }
}
