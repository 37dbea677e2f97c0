//! What is said to the operator, on stderr: text or one JSON object per line. Numbers, tokens and addresses are wrapped where they are
//! held (`Sensitive`), so that no line can show them.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt};

/// What is said to the operator.
#[derive(Debug, Clone)]
pub struct Log {
    /// An `EnvFilter` directive.
    pub level: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}

/// Libraries that print what they carry: never below this, whatever is configured.
const TALKATIVE: [&str; 6] = ["tungstenite", "tokio_tungstenite", "sqlx", "hyper", "rustls", "mio"];
/// The ICE and DTLS libraries warn with the far side's address, and print passwords: never heard.
const LEAKY: &str = "rtc";

/// Sends what is said to stderr.
///
/// # Errors
/// When something else does already.
pub fn init(log: &Log) -> Result<(), TryInitError> {
    // Judged with the configuration; a directive that is none says nothing.
    let mut filter: Targets = log.level.parse().unwrap_or_default();
    for target in TALKATIVE {
        if filter.would_enable(target, &Level::INFO) {
            filter = filter.with_target(target, Level::WARN);
        }
    }
    filter = filter.with_target(LEAKY, LevelFilter::OFF);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    if log.json {
        tracing_subscriber::registry().with(lines.json().with_filter(filter)).try_init()
    } else {
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()
    }
}
