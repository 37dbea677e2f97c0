//! The last line of `--json`.

use std::path::PathBuf;

use serde::Serialize;

use crate::act::Act;

/// What the demo came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Both acts carried intelligible speech both ways, and nothing leaked.
    pub ok: bool,
    /// In order.
    pub acts: Vec<ActSummary>,
    /// How many secrets were found on the wrong side.
    pub leaks: usize,
}

/// What one act came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActSummary {
    /// Which.
    pub name: Act,
    /// Both sides were in the call.
    pub connected: bool,
    /// From the caller's press of the button until it hears ringing.
    pub press_to_ringing_ms: Option<f64>,
    /// From the answer to the first audible sound in the later ear.
    pub answer_to_audio_ms: Option<f64>,
    /// What the courier heard; none when the courier is live.
    pub courier_heard_wav: Option<PathBuf>,
    /// What the customer heard.
    pub customer_heard_wav: Option<PathBuf>,
    /// What the courier's screen showed of the other side.
    pub courier_screen: Option<String>,
    /// What the customer's screen showed of the other side.
    pub customer_screen: Option<String>,
    /// How well the courier's recording holds what the customer said, 0 to 1.
    pub courier_heard_score: Option<f64>,
    /// How well the customer's recording holds what the courier said, 0 to 1.
    pub customer_heard_score: Option<f64>,
    /// Speech came through wherever it could be judged.
    pub intelligible: bool,
}
