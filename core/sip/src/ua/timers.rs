use std::collections::{BTreeMap, BTreeSet};

use super::SessionId;
use crate::Timestamp;

/// A client or server transaction within this user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TxId(pub(super) u64);

/// What a deadline is for. At most one of each kind runs per transaction or session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Timers A and E.
    ClientRetransmit(TxId),
    /// Timers B, D, F, K and M.
    ClientEnd(TxId),
    /// Timer G.
    ServerRetransmit(TxId),
    /// Timers H, I, J and L.
    ServerEnd(TxId),
    /// 2xx or reliable 1xx again, until ACK or PRACK.
    AnswerRetransmit(SessionId),
    /// Give up waiting for that ACK or PRACK.
    AnswerEnd(SessionId),
    /// Time to refresh the session.
    Refresh(SessionId),
    /// The session was not refreshed.
    Expiry(SessionId),
    /// Offer again after 491.
    Reoffer(SessionId),
    /// No final response to a cancelled INVITE.
    CancelEnd(SessionId),
}

/// Deadlines, in order.
#[derive(Debug, Default)]
pub(super) struct Timers {
    at: BTreeMap<Timer, Timestamp>,
    queue: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        if let Some(before) = self.at.insert(timer, at) {
            self.queue.remove(&(before, timer));
        }
        self.queue.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
