use std::collections::{BTreeMap, BTreeSet};

use doorstep_sip::Timestamp;
use doorstep_sip::ua::SessionId;

use crate::CallHandle;

/// What a deadline is for. At most one of each runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The connection that is being made takes too long.
    Opening,
    /// The next attempt to connect.
    Reconnect,
    /// Nobody needs the connection any more.
    Linger,
    /// The next keep-alive.
    Ping,
    /// The answer to it. Never moved by a further ping.
    Pong,
    /// The same on a connection that is being left.
    RetiringPong,
    /// The token provider takes too long.
    TokenAnswer,
    /// The token ends soon.
    TokenRefresh,
    /// Ask the token provider again.
    TokenRetry,
    /// What is still under way is given up.
    Shutdown,
    /// A call waits for a connection, or for its own description.
    Connect(CallHandle),
    /// It has rung long enough.
    Ring(CallHandle),
    /// The INVITE that a push announced should be here.
    Wake(CallHandle),
    /// The connection should be back.
    Window(CallHandle),
    /// Offer again.
    Offer(CallHandle),
    /// The voice path did not come back by itself.
    Path(CallHandle),
    /// The next digit by INFO.
    Digit(CallHandle),
    /// Nothing more is heard of a transfer.
    Transfer(CallHandle),
    /// The far side should have hung up after its transfer worked.
    Transferred(CallHandle),
    /// A session that was ended without a connection to say so on.
    Orphan(SessionId),
}

impl Deadline {
    /// All that a call can have.
    pub(super) const fn of_call(call: CallHandle) -> [Self; 9] {
        [
            Self::Connect(call),
            Self::Ring(call),
            Self::Wake(call),
            Self::Window(call),
            Self::Offer(call),
            Self::Path(call),
            Self::Digit(call),
            Self::Transfer(call),
            Self::Transferred(call),
        ]
    }
}

/// Deadlines, in order.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    at: BTreeMap<Deadline, Timestamp>,
    queue: BTreeSet<(Timestamp, Deadline)>,
}

impl Deadlines {
    pub(super) fn set(&mut self, deadline: Deadline, at: Timestamp) {
        if let Some(before) = self.at.insert(deadline, at) {
            self.queue.remove(&(before, deadline));
        }
        self.queue.insert((at, deadline));
    }

    pub(super) fn cancel(&mut self, deadline: Deadline) {
        if let Some(at) = self.at.remove(&deadline) {
            self.queue.remove(&(at, deadline));
        }
    }

    pub(super) fn get(&self, deadline: Deadline) -> Option<Timestamp> {
        self.at.get(&deadline).copied()
    }

    pub(super) fn runs(&self, deadline: Deadline) -> bool {
        self.at.contains_key(&deadline)
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Deadline> {
        let (at, deadline) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.cancel(deadline);
        Some(deadline)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn clear(&mut self) {
        self.at.clear();
        self.queue.clear();
    }
}
