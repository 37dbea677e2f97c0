//! What a user needs who moves sessions to other flows and joins them with others.

use super::{Offer, Phase, Session};
use crate::msg::Uri;
use crate::ua::timers::Timer;
use crate::ua::{SessionId, UserAgent};

impl UserAgent {
    /// Forgets an offer that met one of the far side's (491) and waits to go out again: the user will make another.
    /// An offer that is out stays out.
    pub fn withdraw_offer(&mut self, session: SessionId) {
        if let Some(found) = self.sessions.get_mut(&session)
            && found.retry.take().is_some()
        {
            self.timers.cancel(Timer::Reoffer(session));
        }
    }

    /// Where the far side of an answered call wants requests: its Contact. With
    /// [`replaces_value`](Self::replaces_value), where a third party reaches it (RFC 5589).
    pub fn remote_target(&self, session: SessionId) -> Option<&Uri> {
        match &self.sessions.get(&session)?.phase {
            Phase::Confirmed(dialog) => Some(dialog.target()),
            Phase::Calling(_) | Phase::Ringing(_) => None,
        }
    }
}

impl Session {
    /// The flow closed under an answered call. Whoever waited for an ACK on it waits no longer: the next request on
    /// another flow tells whether the far side is there. An offer of the far side that has no answer yet is over, too.
    pub(super) fn forget_what_was_under_way(&mut self) {
        self.unacknowledged = None;
        if matches!(self.offer, Offer::Received { .. }) {
            self.offer = Offer::None;
        }
    }
}
