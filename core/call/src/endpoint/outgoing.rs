//! Calls that this side makes.

use doorstep_sip::msg::{HeaderName, NameAddr, Response, StatusCode};
use doorstep_sip::ua::{EndCause, Invite, UaError};

use super::call::{Active, Phase};
use super::link::Replace;
use super::outcome::{Outcome, extension, readable};
use super::{Deadline, Endpoint, sdp};
use crate::{Auth, CallHandle, EndReason, MediaFailure, Sensitive};

/// Longer labels and names are cut.
const MAX_LABEL: usize = 200;
const MAX_CALL_ID: usize = 256;

impl Endpoint {
    /// Sends the INVITE once there are an offer and a connection.
    pub(super) fn send_invite(&mut self, handle: CallHandle) {
        let (Some(flow), Some(call)) = (self.link.flow(), self.calls.get_mut(&handle)) else { return };
        let waits = call.session.is_some();
        let Some(calling) = call.calling_mut() else { return };
        let Some(offer) = calling.offer.clone().filter(|_| !waits) else { return };
        if calling.reauthorized && self.link.replacing() == Some(Replace::TokenNow) {
            return;
        }
        let (uri, headers) = (calling.target.clone(), calling.headers.clone());
        let Ok(from) = self.config.address() else {
            self.end(handle, EndReason::NoSuchTarget);
            return;
        };
        let invite = Invite { to: NameAddr::new(uri.clone()), uri, from, call_id: None, headers, sdp: offer };
        match self.ua.invite(self.now, flow, invite) {
            Ok(session) => {
                self.sessions.insert(session, handle);
                if let Some(call) = self.calls.get_mut(&handle) {
                    call.session = Some(session);
                }
                self.deadlines.cancel(Deadline::Connect(handle));
                self.deadlines.set(Deadline::Ring(handle), self.now + self.config.ring_timeout);
            }
            Err(UaError::TooManySessions) => self.end(handle, EndReason::TooManyCalls),
            Err(error) => {
                tracing::warn!(%error, "INVITE could not be sent");
                self.end(handle, EndReason::ProtocolError);
            }
        }
    }

    /// 101 to 199.
    pub(super) fn progress_came(&mut self, handle: CallHandle, response: &Response) {
        let changed = self.learn(handle, response);
        self.take_early_answer(handle, response);
        let Some(calling) = self.calls.get_mut(&handle).and_then(|call| call.calling_mut()) else { return };
        calling.heard = true;
        let rings = [StatusCode::RINGING, StatusCode::CALL_IS_BEING_FORWARDED, StatusCode::QUEUED];
        let begins = rings.contains(&response.status) && !calling.ringing;
        calling.ringing |= begins;
        if begins {
            self.tell_referrer(handle, 180);
        }
        if begins || changed {
            self.tell_changed(handle);
        }
    }

    /// 200.
    pub(super) fn answer_came(&mut self, handle: CallHandle, response: &Response) {
        self.learn(handle, response);
        self.take_early_answer(handle, response);
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Some(calling) = call.calling_mut() else { return };
        let Some(applied) = calling.applied.take() else {
            // Neither now nor before did the far side say where the voice is to go.
            self.drop_call(handle, EndReason::ProtocolError);
            return;
        };
        self.tell_referrer(handle, 200);
        self.becomes_active(handle, Active::new());
        if let Some(text) = sdp::text(&applied) {
            self.note_far_side(handle, sdp::read(text.expose()));
        }
        self.open_microphone(handle);
        self.tell_changed(handle);
        self.next_digit(handle);
        self.takes_over_now(handle);
    }

    pub(super) fn becomes_active(&mut self, handle: CallHandle, active: Active) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        call.phase = Phase::Active(active);
        call.answered_at = Some(self.now);
        for deadline in [Deadline::Ring(handle), Deadline::Connect(handle), Deadline::Wake(handle)] {
            self.deadlines.cancel(deadline);
        }
    }

    /// The answer to the offer goes to the voice engine at once, so that the path is up before anybody answers.
    fn take_early_answer(&mut self, handle: CallHandle, response: &Response) {
        let body = &response.body;
        let is_sdp = response
            .headers
            .get(&HeaderName::ContentType)
            .is_some_and(|media_type| media_type.trim().to_ascii_lowercase().starts_with("application/sdp"));
        if body.is_empty() || !is_sdp {
            return;
        }
        let Some(calling) = self.calls.get_mut(&handle).and_then(|call| call.calling_mut()) else { return };
        if calling.applied.as_ref() == Some(body) {
            return;
        }
        match sdp::text(body) {
            Some(answer) => {
                calling.applied = Some(body.clone());
                self.apply_answer(handle, answer);
                self.open_speaker(handle);
            }
            None => self.media_failed(handle, MediaFailure::BadSdp),
        }
    }

    /// What the gateway tells about the call. Returns whether the screen changes.
    fn learn(&mut self, handle: CallHandle, response: &Response) -> bool {
        let label =
            extension(&response.headers, "X-Doorstep-Label").and_then(|label| readable(label, MAX_LABEL));
        let named = extension(&response.headers, "X-Doorstep-Call").or(response.headers.call_id());
        let named = named.and_then(|name| readable(name, MAX_CALL_ID));
        let Some(call) = self.calls.get_mut(&handle) else { return false };
        let label = label.map(Sensitive::new).or(call.label.clone());
        let call_id = named.or(call.call_id.clone());
        let changed = label != call.label || call_id != call.call_id;
        (call.label, call.call_id) = (label, call_id);
        changed
    }

    /// The INVITE's session ended without an answer.
    pub(super) fn calling_ended(&mut self, handle: CallHandle, cause: &EndCause) {
        let Some(calling) = self.calls.get_mut(&handle).and_then(|call| call.calling_mut()) else { return };
        match cause {
            EndCause::Refused { response } => {
                let outcome = Outcome::of_refusal(response);
                let token_ended =
                    outcome.reason == EndReason::Unauthorized && self.config.auth == Auth::Token;
                if token_ended && !calling.reauthorized {
                    // Once more, over a connection with a fresh token.
                    calling.reauthorized = true;
                    self.calls_again(handle);
                    self.token_was_refused();
                    self.replace_link(Replace::TokenNow);
                } else {
                    self.end(handle, outcome);
                }
            }
            // Nobody has heard of the call: it can go out again over the next connection.
            EndCause::FlowClosed if !calling.heard => self.calls_again(handle),
            EndCause::FlowClosed => self.end(handle, EndReason::ConnectionLost),
            EndCause::Timeout | EndCause::Expired => self.end(handle, EndReason::TimedOut),
            EndCause::Local => self.end(handle, EndReason::HungUpHere),
            EndCause::Remote { .. } => self.end(handle, EndReason::HungUpThere),
        }
    }

    fn calls_again(&mut self, handle: CallHandle) {
        self.deadlines.cancel(Deadline::Ring(handle));
        self.deadlines.set(Deadline::Connect(handle), self.now + self.config.connect_timeout);
    }

    pub(super) fn not_connected(&mut self, handle: CallHandle) {
        let reason = match self.link.flow() {
            // There is a connection: it was the voice engine that did not come up.
            Some(_) => EndReason::MediaFailed,
            None => self.why_offline(),
        };
        self.end(handle, reason);
    }

    pub(super) fn rang_too_long(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get(&handle) else { return };
        match &call.phase {
            Phase::Calling(calling) if calling.ringing => self.drop_call(handle, EndReason::NoAnswer),
            Phase::Calling(_) => self.drop_call(handle, EndReason::TimedOut),
            Phase::Ringing(_) if call.session.is_some() => {
                self.refuse(handle, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::NoAnswer);
            }
            Phase::Ringing(_) => {
                self.refuse(handle, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::Expired);
            }
            Phase::Active(_) => {}
        }
    }
}
