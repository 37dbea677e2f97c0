//! How calls end: once, with one last event, and with nothing of them left.

use doorstep_sip::ua::SessionId;

use super::call::Phase;
use super::outcome::Outcome;
use super::{Deadline, Endpoint};
use crate::{CallHandle, Direction, EndReason, Event, MediaCommand};

impl Endpoint {
    /// This side ends a call: the far side hears of it, and the user does not wait for its answer.
    pub(super) fn drop_call(&mut self, handle: CallHandle, outcome: impl Into<Outcome>) {
        let outcome = outcome.into();
        if let Some(call) = self.calls.get(&handle)
            && let Some(session) = call.session
        {
            let answered = match &call.phase {
                Phase::Active(_) => true,
                Phase::Calling(_) | Phase::Ringing(_) => false,
            };
            self.end_session(session, answered, outcome.reason);
        }
        self.end(handle, outcome);
    }

    /// CANCEL or BYE, now or when there is a connection again.
    fn end_session(&mut self, session: SessionId, answered: bool, reason: EndReason) {
        let open = self.ua.session_flow(session).is_some_and(|flow| self.is_open(flow));
        if answered && !open {
            self.orphans.insert(session);
            self.deadlines.set(Deadline::Orphan(session), self.now + self.config.reconnect_window);
            return;
        }
        let why = match reason {
            EndReason::HungUpHere => None,
            other => Some(format!("X-Doorstep;text=\"{}\"", other.code())),
        };
        // A session that has ended by itself meanwhile needs no end.
        let _ = self.ua.end(self.now, session, why);
    }

    /// The call is over.
    pub(super) fn end(&mut self, handle: CallHandle, outcome: impl Into<Outcome>) {
        let outcome = outcome.into();
        let Some(mut call) = self.calls.remove(&handle) else { return };
        for deadline in Deadline::of_call(handle) {
            self.deadlines.cancel(deadline);
        }
        self.ops.retain(|_, (of, _)| *of != handle);
        if let Some(session) = call.session {
            self.sessions.remove(&session);
        }
        if let Some(leg) = call.leg {
            self.order_media(MediaCommand::Close { leg });
        }
        if let (Direction::Incoming, Some(call_id)) = (call.direction, &call.call_id) {
            self.tombstones.add(call_id, outcome.reason, None);
        }
        if let Some(referrer) = call.calling_mut().and_then(|calling| calling.referred_by) {
            self.notify_referrer(referrer, outcome.status);
        }
        self.transfer_lost_its_other(handle);
        let text = outcome.text.unwrap_or_else(|| outcome.reason.text().to_owned());
        self.tell(Event::CallEnded { call: handle, reason: outcome.reason, text });
    }
}
