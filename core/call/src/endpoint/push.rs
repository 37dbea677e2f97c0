//! Pushes: a call is announced before its INVITE can come, or said to be over.

use std::collections::VecDeque;
use std::time::Duration;

use doorstep_sip::msg::StatusCode;

use super::incoming::MAX_CALL_ID;
use super::outcome::readable;
use super::shutdown::Life;
use super::{Deadline, Endpoint};
use crate::{CallHandle, EndReason, Event, OrderId, PushKind, PushPayload, Sensitive};

const MAX_LABEL: usize = 200;

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
        match readable(&payload.call, MAX_CALL_ID)
            .filter(|call_id| *call_id == payload.call && payload.v == 1)
        {
            None => {
                let call_id = payload.call.chars().take(MAX_CALL_ID).collect();
                self.tell(Event::PushDropped { call_id, reason: EndReason::ProtocolError });
            }
            Some(call_id) => match payload.kind {
                PushKind::Incoming => self.call_announced(call_id, payload, unix_ms),
                PushKind::Cancel => self.call_called_off(&call_id),
            },
        }
    }

    fn call_announced(&mut self, call_id: String, payload: PushPayload, unix_ms: u64) {
        if self.calls.values().any(|call| call.is_incoming(&call_id)) {
            return;
        }
        let left = Duration::from_millis(payload.expires_at.saturating_sub(unix_ms));
        let dropped = if let Some(reason) = self.tombstones.reason(&call_id) {
            Some(reason)
        } else if left.is_zero() {
            Some(EndReason::Expired)
        } else if self.life != Life::Running {
            Some(EndReason::Shutdown)
        } else if self.calls.len() >= self.config.max_calls {
            Some(EndReason::TooManyCalls)
        } else {
            None
        };
        if let Some(reason) = dropped {
            self.tell(Event::PushDropped { call_id, reason });
            return;
        }
        let handle = self.new_incoming(call_id);
        if let Some(call) = self.calls.get_mut(&handle) {
            call.order = payload.order.and_then(|OrderId(id)| readable(&id, MAX_CALL_ID)).map(OrderId);
            call.label =
                payload.label.and_then(|label| readable(label.expose(), MAX_LABEL)).map(Sensitive::new);
        }
        self.deadlines.set(Deadline::Ring(handle), self.now + left.min(self.config.ring_timeout));
        self.tell_incoming(handle);
        // The gateway sends the INVITE to those who register.
        self.register();
        if self.registrar.is_registered() && self.link.flow().is_some() {
            self.deadlines.set(Deadline::Wake(handle), self.now + self.config.wake_grace);
        }
    }

    fn call_called_off(&mut self, call_id: &str) {
        let known = self.calls.values_mut().find(|call| call.is_incoming(call_id));
        match known.map(|call| (call.handle, call.ringing_mut().is_some())) {
            Some((handle, true)) => {
                self.refuse(handle, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::Cancelled);
            }
            // Answered: whoever says that it is over will hang up.
            Some((_, false)) => {}
            None => self.tombstones.add(call_id, EndReason::Cancelled, None),
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
