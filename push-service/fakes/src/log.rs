use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::watch;

/// How a push was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken: status 200. A phone gets it.
    Accepted,
    /// Taken, but the sender never learns: the connection was dropped before the answer. A phone gets it.
    AcceptedUnheard,
    /// Found good on request (FCM's `validate_only`); no phone gets it.
    Validated,
    /// Refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's word: APNs' `reason`, FCM's `errorCode` or `status`.
        reason: String,
    },
    /// The connection was dropped before the push was looked at.
    Dropped,
    /// The stream was reset.
    Reset,
    /// Never answered.
    Unanswered,
}

impl Answer {
    /// Whether a phone gets it.
    pub fn reaches_phone(&self) -> bool {
        match self {
            Self::Accepted | Self::AcceptedUnheard => true,
            Self::Validated | Self::Refused { .. } | Self::Dropped | Self::Reset | Self::Unanswered => false,
        }
    }
}

/// A push as it came. It holds the device's token in clear: it never leaves a test or the demo.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it was answered, by the stand-in's clock.
    pub at: SystemTime,
    /// The connection on which it came, counted from 0.
    pub connection: u64,
    /// The request's path.
    pub path: String,
    /// The request's headers in small letters, without `authorization`.
    pub headers: BTreeMap<String, String>,
    /// The device's token.
    pub token: String,
    /// The body, or null when it is no JSON.
    pub body: Value,
    /// The body's size in bytes.
    pub size: usize,
    /// How it was answered.
    pub answer: Answer,
}

impl Received {
    /// What the app gets: APNs' payload, or FCM's `message.data`.
    pub fn payload(&self) -> &Value {
        self.body.pointer("/message/data").unwrap_or(&self.body)
    }
}

/// Headers by name in small letters; credentials stay out.
pub(crate) fn headers(map: &http::HeaderMap) -> BTreeMap<String, String> {
    let shown = map.iter().filter(|(name, _)| *name != http::header::AUTHORIZATION);
    shown
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// Every push that a stand-in has answered, oldest first, up to [`Log::KEPT`]; what comes after is only counted.
#[derive(Debug)]
pub struct Log {
    kept: Mutex<Vec<Arc<Received>>>,
    keep: usize,
    counts: watch::Sender<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    answered: u64,
    reached: u64,
}

impl Log {
    /// How many pushes are kept with their content.
    pub const KEPT: usize = 200_000;

    pub(crate) fn new(keep: usize) -> Self {
        Self { kept: Mutex::default(), keep, counts: watch::Sender::default() }
    }

    pub(crate) fn push(&self, received: Received) {
        let reached = received.answer.reaches_phone();
        let mut kept = self.kept();
        if kept.len() < self.keep {
            kept.push(Arc::new(received));
        }
        self.counts.send_modify(|counts| {
            counts.answered += 1;
            counts.reached += u64::from(reached);
        });
    }

    /// All that are kept.
    pub fn all(&self) -> Vec<Arc<Received>> {
        self.kept().clone()
    }

    /// Those that a phone got.
    pub fn delivered(&self) -> Vec<Arc<Received>> {
        self.kept().iter().filter(|push| push.answer.reaches_phone()).cloned().collect()
    }

    /// How many were answered, in any way.
    pub fn answered(&self) -> u64 {
        self.counts.borrow().answered
    }

    /// How many reached a phone.
    pub fn reached(&self) -> u64 {
        self.counts.borrow().reached
    }

    /// Waits until as many were answered. It waits for ever when they do not come: give it the test's time limit.
    pub async fn wait_for_answered(&self, count: u64) {
        // The sender is our own: it cannot have gone.
        let _ = self.counts.subscribe().wait_for(|counts| counts.answered >= count).await;
    }

    /// Waits until as many have reached a phone.
    pub async fn wait_for_reached(&self, count: u64) {
        let _ = self.counts.subscribe().wait_for(|counts| counts.reached >= count).await;
    }

    /// The pushes one after the other, from the first one that is kept.
    pub fn feed(self: &Arc<Self>) -> Feed {
        Feed { log: Arc::clone(self), next: 0 }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Arc<Received>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a [`Log`] as it grows.
#[derive(Debug)]
pub struct Feed {
    log: Arc<Log>,
    next: usize,
}

impl Feed {
    /// The next push, whatever its answer. `None` once the log is full and all has been read. May be dropped and called again: no
    /// push is lost by that.
    pub async fn next(&mut self) -> Option<Arc<Received>> {
        let mut counts = self.log.counts.subscribe();
        loop {
            counts.borrow_and_update();
            let found = self.log.kept().get(self.next).cloned();
            if found.is_some() {
                self.next += 1;
                return found;
            }
            if self.next >= self.log.keep {
                return None;
            }
            counts.changed().await.ok()?;
        }
    }

    /// The next push that a phone gets.
    pub async fn next_delivered(&mut self) -> Option<Arc<Received>> {
        loop {
            let push = self.next().await?;
            if push.answer.reaches_phone() {
                return Some(push);
            }
        }
    }
}
