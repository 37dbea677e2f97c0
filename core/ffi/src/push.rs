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

/// A push as the platform hands it over. It may hold a name: it has no `Debug`.
#[derive(Clone, uniffi::Enum)]
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
        match outcome {
            PushOutcome::Rings { call } => Self::Call { id: call.0, known: false },
            PushOutcome::Known { call } | PushOutcome::GoesOn { call } => {
                Self::Call { id: call.0, known: true }
            }
            PushOutcome::CalledOff { .. } | PushOutcome::Remembered => {
                Self::NoCall { reason: EndReason::Cancelled }
            }
            PushOutcome::Over { reason } => Self::NoCall { reason: reason.into() },
            PushOutcome::Expired => Self::NoCall { reason: EndReason::Expired },
            PushOutcome::Malformed { .. } => Self::NoCall { reason: EndReason::ProtocolError },
            PushOutcome::TooManyCalls => Self::NoCall { reason: EndReason::TooManyCalls },
            PushOutcome::Shutdown => Self::NoCall { reason: EndReason::Shutdown },
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

#[cfg(test)]
mod tests {
    use doorstep::{CallHandle, PushFault};

    use super::*;

    /// The core says what each outcome means for the screen; this crate only spells it for the platforms.
    #[test]
    fn every_outcome_means_what_the_core_says() {
        let call = CallHandle(7);
        for outcome in [
            PushOutcome::Rings { call },
            PushOutcome::Known { call },
            PushOutcome::CalledOff { call },
            PushOutcome::GoesOn { call },
            PushOutcome::Remembered,
            PushOutcome::Over { reason: doorstep::EndReason::AnsweredElsewhere },
            PushOutcome::Expired,
            PushOutcome::Malformed { fault: PushFault::NotAnObject },
            PushOutcome::TooManyCalls,
            PushOutcome::Shutdown,
        ] {
            let (call, reason) = match PushResult::from(outcome) {
                PushResult::Call { id, .. } => (Some(CallHandle(id)), None),
                PushResult::NoCall { reason } => (None, Some(reason)),
            };
            assert_eq!(call, outcome.call(), "{outcome:?}");
            assert_eq!(reason, outcome.end_reason().map(Into::into), "{outcome:?}");
        }
    }
}
