//! Changes of media within a call: hold and resume, a new path, and what the far side wants changed. One at a time; what
//! comes up meanwhile is offered afterwards.

use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::UaError;
use rand::RngExt as _;

use super::call::{Doing, Negotiation};
use super::sdp::{self, Said};
use super::{Deadline, Endpoint};
use crate::{CallHandle, CommandError, MediaCommand, OpId};

/// So often in a row an offer is made again that the far side has no time for.
const MAX_REFUSALS: u8 = 5;

impl Endpoint {
    /// Puts the far side on hold, or takes it back.
    pub(super) fn hold(&mut self, handle: CallHandle, on: bool) -> Result<(), CommandError> {
        let call = self.calls.get_mut(&handle).ok_or(CommandError::NoSuchCall)?;
        let held = call.held_here;
        let leg = call.leg;
        let active = call.active_mut().ok_or(CommandError::WrongState)?;
        if held == on {
            return Ok(());
        }
        active.dirty = true;
        call.held_here = on;
        if !on {
            self.hold_others(handle);
        }
        if let Some(leg) = leg {
            self.order_media(MediaCommand::SetHold { leg, on });
        }
        self.tell_changed(handle);
        Ok(())
    }

    /// One far side hears this side at a time.
    pub(super) fn hold_others(&mut self, handle: CallHandle) {
        let others = self.calls.values().filter(|call| call.handle != handle && call.active().is_some());
        for other in others.map(|call| call.handle).collect::<Vec<_>>() {
            // An active call can be held.
            let _ = self.hold(other, true);
        }
    }

    /// Offers what has changed, when nothing else is under way.
    pub(super) fn tend_offer(&mut self, handle: CallHandle) {
        let Some(flow) = self.link.flow() else { return };
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let (hold, session, leg) = (call.held_here, call.session, call.leg);
        let (Some(active), Some(session), Some(leg)) = (call.active_mut(), session, leg) else { return };
        let free = active.dirty && active.negotiation == Negotiation::Idle && !active.awaits_answer;
        let later =
            self.deadlines.runs(Deadline::Offer(handle)) || self.ua.session_flow(session) != Some(flow);
        if !free || later {
            return;
        }
        active.dirty = false;
        active.restarting = std::mem::take(&mut active.restart_ice);
        let restart = active.restarting;
        let op = self.next_op(handle, Doing::Offer);
        if let Some(active) = self.active_of(handle) {
            active.negotiation = Negotiation::MakingOffer(op);
        }
        self.order_media(if restart {
            MediaCommand::RestartIce { leg, op, hold }
        } else {
            MediaCommand::CreateOffer { leg, op, hold }
        });
    }

    pub(super) fn offer_made(&mut self, handle: CallHandle, op: OpId, offer: Bytes) {
        let session = self.calls.get(&handle).and_then(|call| call.session);
        let (Some(active), Some(session)) = (self.active_of(handle), session) else { return };
        if active.negotiation != Negotiation::MakingOffer(op) {
            return;
        }
        match self.ua.reoffer(self.now, session, offer) {
            Ok(()) => {
                if let Some(active) = self.active_of(handle) {
                    active.negotiation = Negotiation::Offered;
                }
            }
            // The far side's ACK to a 200 is still to come, or there is no connection at the moment.
            Err(UaError::OfferPending | UaError::NoSuchFlow) => {
                self.offer_again(handle, Duration::from_millis(200));
            }
            Err(error) => {
                tracing::debug!(%error, "a change could not be offered");
                self.nothing_under_way(handle);
            }
        }
    }

    pub(super) fn offer_not_made(&mut self, handle: CallHandle) {
        self.nothing_under_way(handle);
        let Some(active) = self.active_of(handle) else { return };
        active.refusals = active.refusals.saturating_add(1);
        if active.refusals < MAX_REFUSALS {
            active.dirty = true;
            self.deadlines.set(Deadline::Offer(handle), self.now + Duration::from_secs(1));
        }
    }

    /// The same once more, somewhat later.
    fn offer_again(&mut self, handle: CallHandle, wait: Duration) {
        let Some(active) = self.active_of(handle) else { return };
        active.negotiation = Negotiation::Idle;
        active.dirty = true;
        active.restart_ice |= active.restarting;
        let jitter = Duration::from_millis(self.rng.random_range(0..=200));
        self.deadlines.set(Deadline::Offer(handle), self.now + wait + jitter);
    }

    fn nothing_under_way(&mut self, handle: CallHandle) {
        if let Some(active) = self.active_of(handle) {
            active.negotiation = Negotiation::Idle;
            active.restarting = false;
        }
    }

    /// The far side's answer to this side's offer.
    pub(super) fn offer_answered(&mut self, handle: CallHandle, answer: Option<Bytes>) {
        let Some(active) = self.active_of(handle) else { return };
        match active.negotiation {
            Negotiation::Offered | Negotiation::Requested => {}
            Negotiation::Idle
            | Negotiation::MakingOffer(_)
            | Negotiation::MakingAnswer(_)
            | Negotiation::MakingRequested(_) => return,
        }
        active.refusals = 0;
        self.nothing_under_way(handle);
        if let Some(answer) = answer.as_ref().and_then(sdp::text) {
            let said = sdp::read(answer.expose());
            self.apply_answer(handle, answer);
            self.note_and_tell(handle, said);
        }
        self.reconnected(handle);
    }

    pub(super) fn offer_rejected(&mut self, handle: CallHandle, status: StatusCode) {
        let Some(active) = self.active_of(handle) else { return };
        if active.negotiation != Negotiation::Offered {
            return;
        }
        active.refusals = active.refusals.saturating_add(1);
        let passing = [
            StatusCode::REQUEST_PENDING,
            StatusCode::SERVER_INTERNAL_ERROR,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::SERVER_TIMEOUT,
        ];
        if passing.contains(&status) && active.refusals < MAX_REFUSALS {
            let wait = Duration::from_secs(active.refusals.into());
            self.offer_again(handle, wait);
        } else {
            // The media stays as it was; the hold of this side's voice engine works all the same.
            self.nothing_under_way(handle);
            self.reconnected(handle);
        }
    }

    /// The far side wants a change, or an offer.
    pub(super) fn offer_came(&mut self, handle: CallHandle, offer: Option<Bytes>) {
        let Some(call) = self.calls.get(&handle) else { return };
        let (hold, Some(session), Some(leg)) = (call.held_here, call.session, call.leg) else { return };
        self.give_way(handle);
        let Some(body) = offer else {
            let op = self.next_op(handle, Doing::Answer);
            if let Some(active) = self.active_of(handle) {
                active.negotiation = Negotiation::MakingRequested(op);
            }
            self.order_media(MediaCommand::CreateOffer { leg, op, hold });
            return;
        };
        let Some(offer) = sdp::text(&body) else {
            let _ = self.ua.reject_offer(self.now, session, StatusCode::BAD_REQUEST);
            return;
        };
        let said = sdp::read(offer.expose());
        let op = self.next_op(handle, Doing::Answer);
        if let Some(active) = self.active_of(handle) {
            active.negotiation = Negotiation::MakingAnswer(op);
            active.said = Some(said);
        }
        self.order_media(MediaCommand::CreateAnswer { leg, op, offer, hold });
    }

    /// What this side was about to offer is offered after the far side's turn.
    fn give_way(&mut self, handle: CallHandle) {
        let session = self.calls.get(&handle).and_then(|call| call.session);
        let Some(active) = self.active_of(handle) else { return };
        let before = std::mem::replace(&mut active.negotiation, Negotiation::Idle);
        match before {
            Negotiation::Idle | Negotiation::Requested => {}
            Negotiation::MakingOffer(op) => {
                active.dirty = true;
                active.restart_ice |= std::mem::take(&mut active.restarting);
                self.ops.remove(&op);
            }
            Negotiation::Offered => {
                // The two met (491) and the far side was first to try again.
                active.dirty = true;
                active.restart_ice |= std::mem::take(&mut active.restarting);
                if let Some(session) = session {
                    self.ua.withdraw_offer(session);
                }
            }
            Negotiation::MakingAnswer(op) | Negotiation::MakingRequested(op) => {
                self.ops.remove(&op);
            }
        }
    }

    /// The voice engine's answer to the far side's offer, or the offer that the far side asked for.
    pub(super) fn answer_made(&mut self, handle: CallHandle, op: OpId, local: Bytes) {
        let session = self.calls.get(&handle).and_then(|call| call.session);
        let (Some(active), Some(session)) = (self.active_of(handle), session) else { return };
        let requested = match active.negotiation {
            Negotiation::MakingAnswer(made) if made == op => false,
            Negotiation::MakingRequested(made) if made == op => true,
            Negotiation::Idle
            | Negotiation::MakingOffer(_)
            | Negotiation::Offered
            | Negotiation::MakingAnswer(_)
            | Negotiation::MakingRequested(_)
            | Negotiation::Requested => return,
        };
        let said = active.said.take();
        active.negotiation = if requested { Negotiation::Requested } else { Negotiation::Idle };
        if let Err(error) = self.ua.accept_offer(self.now, session, local) {
            // It was called off meanwhile, or its connection is gone.
            tracing::debug!(%error, "a change could not be accepted");
            self.nothing_under_way(handle);
            return;
        }
        if let Some(said) = said {
            self.note_and_tell(handle, said);
        }
    }

    pub(super) fn answer_not_made(&mut self, handle: CallHandle) {
        self.nothing_under_way(handle);
        if let Some(session) = self.calls.get(&handle).and_then(|call| call.session) {
            let _ = self.ua.reject_offer(self.now, session, StatusCode::NOT_ACCEPTABLE_HERE);
        }
    }

    pub(super) fn note_far_side(&mut self, handle: CallHandle, said: Said) -> bool {
        let Some(call) = self.calls.get_mut(&handle) else { return false };
        let changed = call.held_there != said.holds;
        (call.held_there, call.telephone_event) = (said.holds, said.telephone_event);
        changed
    }

    fn note_and_tell(&mut self, handle: CallHandle, said: Said) {
        if self.note_far_side(handle, said) {
            self.tell_changed(handle);
        }
    }

    pub(super) fn active_of(&mut self, handle: CallHandle) -> Option<&mut super::call::Active> {
        self.calls.get_mut(&handle).and_then(|call| call.active_mut())
    }
}
