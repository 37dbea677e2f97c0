//! The SDK's log, handed to the app's own. What is personal was redacted where it is held.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::{CallbackError, DoorstepError};

/// Lines that may wait for a slow sink; what exceeds them is dropped.
const QUEUE: usize = 512;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What may go wrong.
    Warn,
    /// What happens.
    Info,
    /// How.
    Debug,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How bad.
    pub level: LogLevel,
    /// Which part of the SDK.
    pub target: String,
    /// What, with its values.
    pub message: String,
}

/// Takes the SDK's log. Written by the integrator.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// The next line, on a thread of the log's own.
    ///
    /// # Errors
    /// Anything; nothing comes of it.
    fn log(&self, line: LogLine) -> Result<(), CallbackError>;
}

/// Sends the log of all clients to `sink`, from this level on; once in a process.
///
/// # Errors
/// `WrongState` when a sink is set already, `Platform` without a thread for it.
#[uniffi::export]
pub fn set_log_sink(sink: Arc<dyn LogSink>, level: LogLevel) -> Result<(), DoorstepError> {
    let (lines, queue) = sync_channel::<LogLine>(QUEUE);
    let tell = move || {
        while let Ok(line) = queue.recv() {
            // The sink is where it would be told.
            let _ = sink.log(line);
        }
    };
    let thread = thread::Builder::new().name("doorstep-log".to_owned()).spawn(tell);
    thread.map_err(|_| DoorstepError::Platform)?;
    // Refused, it drops `lines`, and the thread ends.
    let lines = Lines { lines, level: level.into() };
    tracing::subscriber::set_global_default(lines).map_err(|_| DoorstepError::WrongState)
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Takes our own events and nothing else: there are no spans in the core, and what other crates say may be personal.
struct Lines {
    lines: SyncSender<LogLine>,
    level: LevelFilter,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && metadata.target().starts_with("doorstep")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        let mut text = Text(String::new());
        event.record(&mut text);
        let target = event.metadata().target().to_owned();
        // A line that finds no room is lost: a call must not wait for a log.
        let _ = self.lines.try_send(LogLine { level, target, message: text.0 });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Never asked: no span is enabled.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String does not fail.
        let _ = if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{rest}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
