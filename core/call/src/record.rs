//! Recordings: what went into an endpoint, one JSON object a line, so that a bug of the field becomes a test.
//!
//! A recording holds what the wire held (addresses, numbers); it is kept and sent as carefully. Tokens and passwords are
//! not in it: they never get into an endpoint's inputs.

use doorstep_sip::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Endpoint, EndpointConfig, Input, Output};

/// One input, and when it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// What.
    pub input: Input,
}

/// A line of a recording that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the recording cannot be read")]
pub struct RecordingError {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

impl Record {
    /// The record as one line, without a line break.
    ///
    /// # Errors
    /// None that is known: an input is always representable as JSON.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is not what [`to_line`](Self::to_line) wrote.
    pub fn from_line(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}

/// Feeds a recording to a new endpoint and returns all that it put out. With the configuration and the seed of the
/// recorded one, that is what the recorded one put out, byte for byte. Empty lines are skipped.
///
/// # Errors
/// With the first line that cannot be read.
pub fn replay(
    recording: &str,
    config: EndpointConfig,
    seed: [u8; 32],
) -> Result<Vec<Output>, RecordingError> {
    let mut endpoint = Endpoint::new(config, seed);
    let mut outputs = Vec::new();
    for (at, line) in recording.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record = Record::from_line(line).map_err(|source| RecordingError { line: at + 1, source })?;
        endpoint.handle_input(record.at, record.input);
        outputs.extend(std::iter::from_fn(|| endpoint.poll_output()));
    }
    Ok(outputs)
}
