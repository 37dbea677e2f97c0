//! The last line of `--json`.

use std::path::PathBuf;

use serde::Serialize;

use crate::act::Act;

/// What the demo came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Every act carried intelligible speech both ways, and nothing leaked.
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
    /// From the answer to the first audible sound in the later ear; without a courier, to that of the message.
    pub answer_to_audio_ms: Option<f64>,
    /// What the courier heard; none when the courier is live or not there.
    pub courier_heard_wav: Option<PathBuf>,
    /// What the customer heard.
    pub customer_heard_wav: Option<PathBuf>,
    /// What the courier's screen showed of the other side.
    pub courier_screen: Option<String>,
    /// What the customer's screen showed of the other side.
    pub customer_screen: Option<String>,
    /// How well the courier's recording holds what the customer said, 0 to 1.
    pub courier_heard_score: Option<f64>,
    /// How well the customer's recording holds what the courier (or the contact centre) said, 0 to 1.
    pub customer_heard_score: Option<f64>,
    /// Speech came through wherever it could be judged.
    pub intelligible: bool,
    /// In an act with a closed app.
    #[serde(flatten)]
    pub wake: Option<WakeSummary>,
    /// In the act without a courier.
    #[serde(flatten)]
    pub fallback: Option<FallbackSummary>,
}

/// How a closed app was woken. From the customer's press ("the carrier's INVITE") on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WakeSummary {
    /// From the carrier's INVITE until push-service has taken the wake.
    pub invite_to_wake_ms: Option<f64>,
    /// Until the provider has the push.
    pub wake_to_push_ms: Option<f64>,
    /// From the provider's having it until the app rings: the start of the app's program is in it.
    pub push_to_ringing_ms: Option<f64>,
    /// From the provider's having it until the app is connected.
    pub push_to_connected_ms: Option<f64>,
    /// From the provider's having it until the app has the INVITE.
    pub push_to_invite_ms: Option<f64>,
}

/// What a caller got who could not reach the courier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FallbackSummary {
    /// How well the customer's recording holds the gateway's spoken message, 0 to 1.
    pub message_score: Option<f64>,
    /// What the contact centre heard.
    pub centre_heard_wav: Option<PathBuf>,
    /// How well the contact centre's recording holds what the customer said, 0 to 1.
    pub centre_heard_score: Option<f64>,
}

impl ActSummary {
    /// An act of which nothing is known yet.
    pub fn new(name: Act) -> Self {
        Self {
            name,
            connected: false,
            press_to_ringing_ms: None,
            answer_to_audio_ms: None,
            courier_heard_wav: None,
            customer_heard_wav: None,
            courier_screen: None,
            customer_screen: None,
            courier_heard_score: None,
            customer_heard_score: None,
            intelligible: false,
            wake: None,
            fallback: None,
        }
    }
}
