//! Pushes: a call is announced before its INVITE can come, or said to be over.

use std::collections::VecDeque;
use std::time::Duration;

use doorstep_sip::msg::StatusCode;

use super::incoming::{MAX_CALL_ID, MAX_LABEL};
use super::link::Replace;
use super::outcome::readable;
use super::shutdown::Life;
use super::{Deadline, Endpoint};
use crate::{
    CallHandle, EndReason, Event, MalformedPush, OrderId, PushFault, PushField, PushKind, PushOutcome,
    PushPayload, Sensitive,
};

/// The gateway gives a connected app this long to answer an INVITE before it wakes it by a push: a connection on which
/// nothing came for as long is not to be trusted then.
const SILENT: Duration = Duration::from_secs(2);

/// Calls that are over, so that what comes late about them rings nobody up.
pub(super) struct Tombstones {
    most: usize,
    /// The oldest first.
    known: VecDeque<Tombstone>,
}

struct Tombstone {
    call_id: String,
    reason: EndReason,
    /// What an INVITE that comes late is told.
    status: StatusCode,
}

impl Tombstones {
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: VecDeque::new() }
    }

    /// Remembers that a call is over; the first to say so says why.
    pub(super) fn add(&mut self, call_id: &str, reason: EndReason, status: Option<StatusCode>) {
        if self.most == 0 || self.known.iter().any(|known| known.call_id == call_id) {
            return;
        }
        if self.known.len() >= self.most {
            self.known.pop_front();
        }
        let status = status.unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE);
        self.known.push_back(Tombstone { call_id: call_id.to_owned(), reason, status });
    }

    pub(super) fn find(&self, call_id: &str) -> Option<StatusCode> {
        self.tombstone(call_id).map(|known| known.status)
    }

    fn reason(&self, call_id: &str) -> Option<EndReason> {
        self.tombstone(call_id).map(|known| known.reason)
    }

    fn tombstone(&self, call_id: &str) -> Option<&Tombstone> {
        self.known.iter().find(|known| known.call_id == call_id)
    }
}

impl Endpoint {
    pub(super) fn push_came(&mut self, payload: PushPayload, unix_ms: u64) {
        let call_id = payload.call.chars().take(MAX_CALL_ID).collect();
        let malformed = |fault| PushOutcome::Malformed { fault };
        let outcome = if !payload.is_known_version() {
            malformed(PushFault::UnknownVersion)
        } else if readable(&payload.call, MAX_CALL_ID).is_none_or(|name| name != payload.call) {
            malformed(PushFault::Unreadable(PushField::Call))
        } else {
            match payload.kind {
                PushKind::Incoming => self.call_announced(payload, unix_ms),
                PushKind::Cancel => self.call_called_off(&payload.call),
            }
        };
        self.tell(Event::Push { call_id: Some(call_id), outcome });
    }

    pub(super) fn malformed_push_came(&mut self, push: MalformedPush) {
        let call_id = push.call.map(|call| call.chars().take(MAX_CALL_ID).collect());
        self.tell(Event::Push { call_id, outcome: PushOutcome::Malformed { fault: push.fault } });
    }

    fn call_announced(&mut self, payload: PushPayload, unix_ms: u64) -> PushOutcome {
        let known = self.calls.values().find(|call| call.is_incoming(&payload.call));
        if let Some((call, awaits)) = known.map(|call| (call.handle, call.awaits_invite())) {
            if awaits {
                self.reach_gateway();
            }
            return PushOutcome::Known { call };
        }
        let left = Duration::from_millis(payload.expires_at.saturating_sub(unix_ms));
        if let Some(reason) = self.tombstones.reason(&payload.call) {
            return PushOutcome::Over { reason };
        } else if left.is_zero() {
            return PushOutcome::Expired;
        } else if self.life != Life::Running {
            return PushOutcome::Shutdown;
        } else if self.calls.len() >= self.config.max_calls {
            return PushOutcome::TooManyCalls;
        }
        let handle = self.new_incoming(payload.call);
        if let Some(call) = self.calls.get_mut(&handle) {
            call.order = payload.order.and_then(|OrderId(id)| readable(&id, MAX_CALL_ID)).map(OrderId);
            call.label =
                payload.label.and_then(|label| readable(label.expose(), MAX_LABEL)).map(Sensitive::new);
        }
        self.deadlines.set(Deadline::Ring(handle), self.now + left.min(self.config.ring_timeout));
        self.tell_incoming(handle);
        if self.reach_gateway() {
            self.deadlines.set(Deadline::Wake(handle), self.now + self.config.wake_grace);
        }
        PushOutcome::Rings { call: handle }
    }

    /// The gateway sends the INVITE to those who register. Returns whether this side is registered on a connection that
    /// is known to work.
    fn reach_gateway(&mut self) -> bool {
        self.register();
        let Some(heard) = self.link.heard() else { return false };
        if self.now.saturating_since(heard) < SILENT {
            return self.registrar.is_registered();
        }
        // A connection that works brings the INVITE, not a push: this one died while the system let the app sleep.
        self.replace_link(Replace::Silent);
        false
    }

    fn call_called_off(&mut self, call_id: &str) -> PushOutcome {
        let known = self.calls.values_mut().find(|call| call.is_incoming(call_id));
        match known.map(|call| (call.handle, call.ringing_mut().is_some())) {
            Some((call, true)) => {
                self.refuse(call, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::Cancelled);
                PushOutcome::CalledOff { call }
            }
            // Answered: whoever says that it is over will hang up.
            Some((call, false)) => PushOutcome::GoesOn { call },
            None => match self.tombstones.reason(call_id) {
                Some(reason) => PushOutcome::Over { reason },
                None => {
                    self.tombstones.add(call_id, EndReason::Cancelled, None);
                    PushOutcome::Remembered
                }
            },
        }
    }

    /// Remembers of an incoming call that it is over, and what its INVITE is to be told if it still comes.
    pub(super) fn bury(&mut self, handle: CallHandle, status: StatusCode, reason: EndReason) {
        if let Some(call_id) = self.calls.get(&handle).and_then(|call| call.call_id.as_deref()) {
            self.tombstones.add(call_id, reason, Some(status));
        }
    }

    /// The gateway knows that this side is there, and sends no INVITE: the call is over.
    pub(super) fn woken_in_vain(&mut self, handle: CallHandle) {
        if self.calls.get(&handle).is_some_and(|call| call.session.is_none()) {
            self.refuse(handle, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::Expired);
        }
    }
}
