//! What the endpoint keeps of one call.

use std::collections::VecDeque;

use bytes::Bytes;
use doorstep_sip::msg::{Headers, Uri};
use doorstep_sip::ua::SessionId;
use doorstep_sip::{Sensitive, Timestamp};

use super::sdp::Said;
use crate::{CallHandle, CallSnapshot, CallState, Direction, LegId, OpId, OrderId};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) handle: CallHandle,
    pub(super) direction: Direction,
    pub(super) call_id: Option<String>,
    pub(super) order: Option<OrderId>,
    pub(super) label: Option<Sensitive<String>>,
    pub(super) takes_over: Option<CallHandle>,
    pub(super) started_at: Timestamp,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) phase: Phase,
    pub(super) session: Option<SessionId>,
    pub(super) leg: Option<LegId>,
    pub(super) media_connected: bool,
    /// The voice engine may play what is received.
    pub(super) audible: bool,
    pub(super) muted: bool,
    /// This side wants the far side held.
    pub(super) held_here: bool,
    /// The far side's last description holds this side.
    pub(super) held_there: bool,
    /// The far side's last description knows telephone-event.
    pub(super) telephone_event: bool,
    /// Digits that wait, and the one that is being sent.
    pub(super) digits: VecDeque<char>,
    pub(super) digit: Option<(OpId, char)>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one per call")]
pub(super) enum Phase {
    /// Outgoing, without a final response.
    Calling(Calling),
    /// Incoming, not answered; its INVITE may be still to come.
    Ringing(Ringing),
    /// Answered.
    Active(Active),
}

#[derive(Debug)]
pub(super) struct Calling {
    pub(super) target: Uri,
    /// Replaces, Referred-By.
    pub(super) headers: Headers,
    /// This side's offer, once the voice engine has made it.
    pub(super) offer: Option<Bytes>,
    /// The far side's answer that the voice engine was given last.
    pub(super) applied: Option<Bytes>,
    /// The gateway has said something: the INVITE must not go out a second time.
    pub(super) heard: bool,
    pub(super) ringing: bool,
    /// It went out again with a new token.
    pub(super) reauthorized: bool,
    /// The session whose far side asked for this call, and hears how it goes (RFC 3515).
    pub(super) referred_by: Option<SessionId>,
}

impl Calling {
    pub(super) fn new(target: Uri) -> Self {
        Self {
            target,
            headers: Headers::default(),
            offer: None,
            applied: None,
            heard: false,
            ringing: false,
            reauthorized: false,
            referred_by: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Ringing {
    /// What the far side's offer says.
    pub(super) said: Option<Said>,
    /// The INVITE holds no offer: this side's 200 will.
    pub(super) offerless: bool,
    /// This side's answer (or offer), once the voice engine has made it.
    pub(super) local: Option<Bytes>,
    /// The user has answered.
    pub(super) pressed: bool,
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) negotiation: Negotiation,
    /// Offer again as soon as possible.
    pub(super) dirty: bool,
    /// With fresh ICE credentials.
    pub(super) restart_ice: bool,
    /// The offer that is under way has them.
    pub(super) restarting: bool,
    /// What the far side's offer says that is being answered.
    pub(super) said: Option<Said>,
    /// How often the voice path was restarted since it broke.
    pub(super) path_restarts: u8,
    /// The connection is lost, or not proven anew.
    pub(super) reconnecting: bool,
    /// The far side's answer comes with its ACK.
    pub(super) awaits_answer: bool,
    /// How often in a row the far side had no time for an offer.
    pub(super) refusals: u8,
    /// This side's REFER.
    pub(super) transfer: Option<Outward>,
}

impl Active {
    pub(super) fn new() -> Self {
        Self {
            negotiation: Negotiation::Idle,
            dirty: false,
            restart_ice: false,
            restarting: false,
            said: None,
            path_restarts: 0,
            reconnecting: false,
            awaits_answer: false,
            refusals: 0,
            transfer: None,
        }
    }
}

/// A change of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Negotiation {
    Idle,
    /// The voice engine makes this side's offer.
    MakingOffer(OpId),
    /// It is out.
    Offered,
    /// The voice engine answers the far side's.
    MakingAnswer(OpId),
    /// The far side asked for an offer; the voice engine makes it.
    MakingRequested(OpId),
    /// It is out, in a 200.
    Requested,
}

/// A transfer that this side asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outward {
    /// Attended: the call whose far side is to be reached.
    pub(super) other: Option<CallHandle>,
    pub(super) accepted: bool,
}

/// What a media operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// The offer of an outgoing call.
    FirstOffer,
    /// The answer, or offer, of an incoming call.
    FirstAnswer,
    /// The far side's answer is taken.
    Apply,
    /// A change that this side wants.
    Offer,
    /// A change that the far side wants.
    Answer,
    /// A digit is sent.
    Digit,
}

impl Call {
    pub(super) fn new(handle: CallHandle, direction: Direction, phase: Phase, now: Timestamp) -> Self {
        Self {
            handle,
            direction,
            call_id: None,
            order: None,
            label: None,
            takes_over: None,
            started_at: now,
            answered_at: None,
            phase,
            session: None,
            leg: None,
            media_connected: false,
            audible: false,
            muted: false,
            held_here: false,
            held_there: false,
            telephone_event: false,
            digits: VecDeque::new(),
            digit: None,
        }
    }

    pub(super) fn state(&self) -> CallState {
        match &self.phase {
            Phase::Calling(calling) if calling.ringing => CallState::Ringing,
            Phase::Calling(_) => CallState::Connecting,
            Phase::Ringing(ringing) if ringing.pressed => CallState::Answering,
            Phase::Ringing(_) => CallState::Incoming,
            Phase::Active(active) if active.reconnecting => CallState::Reconnecting,
            Phase::Active(_) => CallState::Active {
                muted: self.muted,
                held_locally: self.held_here,
                held_remotely: self.held_there,
            },
        }
    }

    pub(super) fn snapshot(&self) -> CallSnapshot {
        CallSnapshot {
            call: self.handle,
            call_id: self.call_id.clone(),
            direction: self.direction,
            order: self.order.clone(),
            label: self.label.clone(),
            awaits_invite: self.awaits_invite(),
            state: self.state(),
            media_connected: self.media_connected,
            started_at: self.started_at,
            answered_at: self.answered_at,
            takes_over: self.takes_over,
        }
    }

    /// Whether it rings here without its INVITE.
    pub(super) fn awaits_invite(&self) -> bool {
        matches!(self.phase, Phase::Ringing(_)) && self.session.is_none()
    }

    /// Whether it is the incoming call of that name.
    pub(super) fn is_incoming(&self, call_id: &str) -> bool {
        self.direction == Direction::Incoming && self.call_id.as_deref() == Some(call_id)
    }

    pub(super) fn active(&self) -> Option<&Active> {
        match &self.phase {
            Phase::Active(active) => Some(active),
            Phase::Calling(_) | Phase::Ringing(_) => None,
        }
    }

    pub(super) fn active_mut(&mut self) -> Option<&mut Active> {
        match &mut self.phase {
            Phase::Active(active) => Some(active),
            Phase::Calling(_) | Phase::Ringing(_) => None,
        }
    }

    pub(super) fn calling_mut(&mut self) -> Option<&mut Calling> {
        match &mut self.phase {
            Phase::Calling(calling) => Some(calling),
            Phase::Ringing(_) | Phase::Active(_) => None,
        }
    }

    pub(super) fn ringing_mut(&mut self) -> Option<&mut Ringing> {
        match &mut self.phase {
            Phase::Ringing(ringing) => Some(ringing),
            Phase::Calling(_) | Phase::Active(_) => None,
        }
    }
}
