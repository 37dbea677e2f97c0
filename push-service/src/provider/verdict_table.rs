//! What a provider's word means for the queue, as a table: a row per word, so that documentation and tests can be held to it.

use std::time::{Duration, SystemTime};

use super::Verdict;

/// What the queue does upon a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Sends again, with back-off or when the provider says, until the wake expires.
    Retry,
    /// Deletes the device, unless it was registered since.
    DeviceGone,
    /// Gives this push up; others are not concerned.
    Rejected,
    /// Gives this push up and tells the operator: all pushes will fare alike.
    Misconfigured,
}

impl Class {
    /// As docs/push-providers.md calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "sent again",
            Self::DeviceGone => "device deleted",
            Self::Rejected => "given up",
            Self::Misconfigured => "set-up is wrong",
        }
    }
}

/// One word of a provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The HTTP status that it comes with.
    pub status: u16,
    /// The word: APNs' `reason`, FCM's `errorCode`, or Google's `status` in brackets where FCM gives no code.
    pub reason: &'static str,
    /// What the queue does.
    pub class: Class,
    /// What the operator can do.
    pub remedy: &'static str,
}

/// A row, short.
pub(super) const fn row(status: u16, reason: &'static str, class: Class, remedy: &'static str) -> Row {
    Row { status, reason, class, remedy }
}

/// What an answer said beside its word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Details {
    pub(super) retry_after: Option<Duration>,
    pub(super) since: Option<SystemTime>,
}

impl Class {
    /// The verdict on a push that was answered so.
    pub(super) fn verdict(
        self,
        status: u16,
        reason: String,
        remedy: &'static str,
        details: Details,
    ) -> Verdict {
        match self {
            Self::Retry => Verdict::Retry { status: Some(status), reason, after: details.retry_after },
            Self::DeviceGone => Verdict::DeviceGone { status, reason, since: details.since },
            Self::Rejected => Verdict::Rejected { status: Some(status), reason },
            Self::Misconfigured => Verdict::Misconfigured { status: Some(status), reason, remedy },
        }
    }

    /// What a status means whose word is not in the table.
    pub(super) fn of_unknown(status: u16) -> Self {
        match status {
            401 | 403 => Self::Misconfigured,
            408 | 429 | 500..=599 => Self::Retry,
            410 => Self::DeviceGone,
            _ => Self::Rejected,
        }
    }
}

/// The remedy for a word that is not in the table.
pub(super) const UNKNOWN: &str = "The provider's word is not documented. Look at the provider's status page and its reference, and report it.";
