//! Calls over connections that come and go, and voice paths that break.

use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{FlowId, SessionId};

use super::call::{Negotiation, Phase};
use super::{Deadline, Endpoint};
use crate::{CallHandle, EndReason, LegId};

/// A voice path that broke may come back by itself for this long; then ICE starts anew.
const PATH_PATIENCE: Duration = Duration::from_secs(3);
/// So long a restart may take.
const PATH_RESTART: Duration = Duration::from_secs(10);
const MAX_PATH_RESTARTS: u8 = 2;

impl Endpoint {
    /// Goes on with whatever waits in any call.
    pub(super) fn tend_calls(&mut self) {
        let all: Vec<_> = self.calls.keys().copied().collect();
        for handle in all {
            match self.calls.get(&handle).map(|call| &call.phase) {
                Some(Phase::Calling(_)) => self.send_invite(handle),
                Some(Phase::Active(_)) => {
                    self.carry_over(handle);
                    self.tend_offer(handle);
                }
                Some(Phase::Ringing(_)) | None => {}
            }
        }
        self.tend_orphans();
    }

    pub(super) fn is_open(&self, flow: FlowId) -> bool {
        self.ua.flow(flow).is_some()
    }

    /// An answered call lost its connection; the voice may still flow.
    pub(super) fn flow_lost(&mut self, handle: CallHandle) {
        let session = self.calls.get(&handle).and_then(|call| call.session);
        let (Some(active), Some(session)) = (self.active_of(handle), session) else { return };
        let before = std::mem::replace(&mut active.negotiation, Negotiation::Idle);
        active.restart_ice |= std::mem::take(&mut active.restarting);
        active.dirty = true;
        let already = std::mem::replace(&mut active.reconnecting, true);
        match before {
            Negotiation::MakingOffer(op) => {
                self.ops.remove(&op);
            }
            Negotiation::MakingAnswer(op) | Negotiation::MakingRequested(op) => {
                self.ops.remove(&op);
                // Nobody can hear it, but the user agent is to know that this turn is over.
                let _ = self.ua.reject_offer(self.now, session, StatusCode::SERVICE_UNAVAILABLE);
            }
            Negotiation::Idle | Negotiation::Offered | Negotiation::Requested => {}
        }
        self.ua.withdraw_offer(session);
        if !already {
            self.deadlines.set(Deadline::Window(handle), self.now + self.config.reconnect_window);
            self.tell_changed(handle);
        }
    }

    /// Moves an answered call to the connection in use, and tells the far side by a re-INVITE.
    fn carry_over(&mut self, handle: CallHandle) {
        let Some(flow) = self.link.flow() else { return };
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let (session, connected) = (call.session, call.media_connected);
        let (Some(active), Some(session)) = (call.active_mut(), session) else { return };
        if self.ua.session_flow(session) == Some(flow) || self.ua.move_session(session, flow).is_err() {
            return;
        }
        active.dirty = true;
        active.restart_ice |= !connected;
        self.deadlines.cancel(Deadline::Offer(handle));
    }

    /// The far side has spoken over the connection in use.
    pub(super) fn reconnected(&mut self, handle: CallHandle) {
        let Some(active) = self.active_of(handle) else { return };
        if std::mem::take(&mut active.reconnecting) {
            self.deadlines.cancel(Deadline::Window(handle));
            self.tell_changed(handle);
            self.next_digit(handle);
        }
    }

    pub(super) fn not_reconnected(&mut self, handle: CallHandle) {
        self.drop_call(handle, EndReason::ConnectionLost);
    }

    fn tend_orphans(&mut self) {
        let Some(flow) = self.link.flow() else { return };
        while let Some(session) = self.orphans.pop_first() {
            self.deadlines.cancel(Deadline::Orphan(session));
            if self.ua.move_session(session, flow).is_ok() {
                let _ = self.ua.end(self.now, session, None);
            }
        }
    }

    /// No connection came back to end it on: the far side's session timer will.
    pub(super) fn give_up_orphan(&mut self, session: SessionId) {
        if self.orphans.remove(&session) {
            let _ = self.ua.end(self.now, session, None);
        }
    }

    /// The voice path came up or broke.
    pub(super) fn path_changed(&mut self, leg: LegId, connected: bool) {
        let Some(handle) = self.call_with(leg) else { return };
        let Some(call) = self.calls.get_mut(&handle) else { return };
        if std::mem::replace(&mut call.media_connected, connected) == connected {
            return;
        }
        if connected {
            if let Some(active) = call.active_mut() {
                active.path_restarts = 0;
            }
            self.deadlines.cancel(Deadline::Path(handle));
        } else {
            self.deadlines.set(Deadline::Path(handle), self.now + PATH_PATIENCE);
        }
        self.tell_changed(handle);
    }

    pub(super) fn path_did_not_come_back(&mut self, handle: CallHandle) {
        let Some(active) = self.active_of(handle) else { return };
        if active.reconnecting {
            // First the connection; it brings fresh candidates.
            self.deadlines.set(Deadline::Path(handle), self.now + PATH_RESTART);
        } else if active.path_restarts < MAX_PATH_RESTARTS {
            active.path_restarts += 1;
            active.restart_ice = true;
            active.dirty = true;
            self.deadlines.set(Deadline::Path(handle), self.now + PATH_RESTART);
        } else {
            self.drop_call(handle, EndReason::MediaFailed);
        }
    }
}
