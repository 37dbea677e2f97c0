//! Pushes: where they go, and what comes of one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorstep::{PushMessage, PushOutcome, Wake};

use crate::{DoorstepError, EndReason, runtime};

/// Where pushes for this app go (RFC 8599).
#[derive(Clone, uniffi::Record)]
pub struct PushTarget {
    /// `apns` or `fcm`.
    pub provider: String,
    /// `TEAM.BUNDLE.voip`, or the project.
    pub param: String,
    /// The device's token.
    pub token: String,
}

impl From<PushTarget> for doorstep::PushTarget {
    fn from(from: PushTarget) -> Self {
        Self { provider: from.provider, param: from.param, prid: from.token.into() }
    }
}

/// A push as the platform hands it over.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum PushInput {
    /// APNs: the dictionary as JSON (UTF-8).
    Json {
        /// The text.
        bytes: Vec<u8>,
    },
    /// FCM: the data message.
    Fields {
        /// Names and texts.
        fields: HashMap<String, String>,
    },
}

impl From<PushInput> for PushMessage {
    fn from(input: PushInput) -> Self {
        match input {
            PushInput::Json { bytes } => Self::from_json(&bytes),
            PushInput::Fields { fields } => Self::from_fields(fields),
        }
    }
}

/// What came of a push. The call that the system shows for it goes on as the core's call, or is taken off the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PushResult {
    /// It is about this call, which rings or goes on.
    Call {
        /// The call's number.
        id: u64,
        /// It was known before this push.
        known: bool,
    },
    /// There is no call for it: take it off the screen.
    NoCall {
        /// Why.
        reason: EndReason,
    },
}

impl From<PushOutcome> for PushResult {
    fn from(outcome: PushOutcome) -> Self {
        match (outcome.call(), outcome.end_reason()) {
            (Some(call), _) => {
                Self::Call { id: call.0, known: !matches!(outcome, PushOutcome::Rings { .. }) }
            }
            (None, Some(reason)) => Self::NoCall { reason: reason.into() },
            (None, None) => Self::NoCall { reason: EndReason::Expired },
        }
    }
}

/// A push that was handed in. Whether it is looked at or not, the push is followed.
#[derive(Debug, uniffi::Object)]
pub struct PushFollower(Mutex<Option<Wake>>);

impl PushFollower {
    pub(crate) fn new(wake: Wake) -> Self {
        Self(Mutex::new(Some(wake)))
    }
}

#[uniffi::export]
impl PushFollower {
    /// What came of it, within moments: nothing of the network is waited for.
    ///
    /// # Errors
    /// `WrongState` when it was asked before, `Platform`.
    pub async fn result(&self) -> Result<PushResult, DoorstepError> {
        let wake = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wake = wake.ok_or(DoorstepError::WrongState)?;
        runtime::run(async move { Ok(wake.outcome().await.into()) }).await
    }
}
