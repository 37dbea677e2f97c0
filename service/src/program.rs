//! What a server's program does beside serving: it prints, takes signals, and makes the line of an API key.

use std::future::Future;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::http::hash_key;
use crate::log::{self, Log};

/// A sentence for the person who started the program.
pub type Failure = String;

/// For what still runs when the work is done.
const PATIENCE: Duration = Duration::from_secs(1);
/// Shorter keys can be guessed.
const SHORTEST_KEY: usize = 20;

/// Prints on stdout, whole.
///
/// # Errors
/// When stdout is closed.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("stdout: {error}"))
}

/// Reads an API key from stdin and prints the line for `api.keys`.
///
/// # Errors
/// When there is none, or it is short.
pub fn print_key_hash() -> Result<(), Failure> {
    let mut key = String::new();
    io::stdin().lock().read_line(&mut key).map_err(|error| error.to_string())?;
    match key.trim() {
        "" => Err("an API key is expected on stdin".to_owned()),
        key if key.len() < SHORTEST_KEY => {
            Err(format!("an API key must have {SHORTEST_KEY} characters or more, at random"))
        }
        key => print(&format!("{}\n", hash_key(key))),
    }
}

/// Does the work on a runtime of its own, with the log set up.
///
/// # Errors
/// The work's own, or when log or runtime cannot be had.
pub fn run(log: &Log, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    log::init(log).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(PATIENCE);
    done
}

/// What the operator or the system may say to a running server.
#[derive(Debug)]
pub struct Signals {
    /// SIGHUP: read again what may change.
    pub hang_up: Signal,
    /// SIGTERM: stop.
    pub terminate: Signal,
    /// SIGINT: stop; a second one, at once.
    pub interrupt: Signal,
}

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(|error| format!("signals cannot be taken: {error}"));
        Ok(Self {
            hang_up: take(SignalKind::hangup())?,
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
        })
    }
}
