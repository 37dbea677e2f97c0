//! Calls that reach this side.

use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{Headers, Request, StatusCode};
use doorstep_sip::ua::{EndCause, FlowId, Reply, SessionId};

use super::call::{Active, Call, Doing, Phase, Ringing};
use super::outcome::{Outcome, extension, readable};
use super::shutdown::Life;
use super::{Deadline, Endpoint, sdp};
use crate::{
    CallHandle, CommandError, Direction, EndReason, Event, MediaCommand, MediaFailure, OrderId, Sensitive,
};

pub(super) const MAX_LABEL: usize = 200;
pub(super) const MAX_CALL_ID: usize = 256;

impl Endpoint {
    pub(super) fn invite_came(
        &mut self,
        session: SessionId,
        flow: FlowId,
        request: &Request,
        replaces: Option<SessionId>,
    ) {
        // A push may have told of it by either name.
        let names = [extension(&request.headers, "X-Doorstep-Call"), request.headers.call_id()];
        let names: Vec<_> =
            names.into_iter().flatten().filter_map(|name| readable(name, MAX_CALL_ID)).collect();
        if self.life != Life::Running {
            return self.turn_away(session, StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(session_replaced) = replaces {
            let call_id = names.into_iter().next().unwrap_or_default();
            return self.replacement_came(session, session_replaced, call_id, request);
        }
        if let Some(status) = names.iter().find_map(|name| self.tombstones.find(name)) {
            // Declined or cancelled before it came.
            return self.turn_away(session, status);
        }
        let known = self.calls.values().find(|call| names.iter().any(|name| call.is_incoming(name)));
        let fresh = known.is_none();
        let handle = match known.map(|call| (call.handle, &call.phase, call.session)) {
            Some((handle, Phase::Ringing(_), None)) => handle,
            Some((handle, Phase::Ringing(_), Some(before))) if self.ua.session_flow(before) != Some(flow) => {
                // It rings on a connection that is being left, or is dead: the gateway comes again on this one.
                self.sessions.remove(&before);
                self.turn_away(before, StatusCode::TEMPORARILY_UNAVAILABLE);
                handle
            }
            Some(_) => return self.turn_away(session, StatusCode::LOOP_DETECTED),
            None if self.calls.len() >= self.config.max_calls => {
                return self.turn_away(session, StatusCode::BUSY_HERE);
            }
            None => self.new_incoming(names.into_iter().next().unwrap_or_default()),
        };
        self.bind(handle, session, request);
        if fresh {
            self.tell_incoming(handle);
        } else {
            self.tell_changed(handle);
        }
        self.answer_offer(handle, request);
    }

    pub(super) fn tell_incoming(&mut self, handle: CallHandle) {
        if let Some(snapshot) = self.calls.get(&handle).map(Call::snapshot) {
            self.tell(Event::Incoming(snapshot));
        }
    }

    /// Refuses an INVITE that is no call of the user's.
    fn turn_away(&mut self, session: SessionId, status: StatusCode) {
        let _ = self.ua.reject(self.now, session, Reply::new(status));
    }

    pub(super) fn new_incoming(&mut self, call_id: String) -> CallHandle {
        let handle = CallHandle(CallHandle::FIRST_OWN + self.next_number());
        let mut call = Call::new(handle, Direction::Incoming, Phase::Ringing(Ringing::default()), self.now);
        call.call_id = (!call_id.is_empty()).then_some(call_id);
        self.calls.insert(handle, call);
        handle
    }

    /// The INVITE of a call is here.
    pub(super) fn bind(&mut self, handle: CallHandle, session: SessionId, request: &Request) {
        self.sessions.insert(session, handle);
        self.deadlines.cancel(Deadline::Wake(handle));
        // One that came before over another connection had another offer.
        self.close_leg(handle);
        let Some(call) = self.calls.get_mut(&handle) else { return };
        call.session = Some(session);
        let (order, label) = (order_of(request), label_of(&request.headers));
        call.order = order.or(call.order.take());
        call.label = label.or(call.label.take());
        let longest = call.started_at + self.config.ring_timeout;
        if let Some(ringing) = call.ringing_mut() {
            ringing.offerless = request.body.is_empty();
            ringing.local = None;
        }
        let asked = request.headers.expires().map(|seconds| self.now + Duration::from_secs(seconds.into()));
        let until = asked.map_or(longest, |asked| asked.min(longest));
        self.deadlines.set(Deadline::Ring(handle), until);
    }

    /// The answer to the offer is made at once, so that the path is up before anybody answers.
    pub(super) fn answer_offer(&mut self, handle: CallHandle, request: &Request) {
        if request.body.is_empty() {
            let Some(leg) = self.leg_of(handle) else { return };
            let op = self.next_op(handle, Doing::FirstAnswer);
            self.order_media(MediaCommand::CreateOffer { leg, op, hold: false });
            return;
        }
        let Some(offer) = sdp::text(&request.body) else {
            self.media_failed(handle, MediaFailure::BadSdp);
            return;
        };
        if let Some(ringing) = self.calls.get_mut(&handle).and_then(|call| call.ringing_mut()) {
            ringing.said = Some(sdp::read(offer.expose()));
        }
        let Some(leg) = self.leg_of(handle) else { return };
        let op = self.next_op(handle, Doing::FirstAnswer);
        self.order_media(MediaCommand::CreateAnswer { leg, op, offer, hold: false });
    }

    /// The voice engine has this side's description.
    pub(super) fn ready_to_answer(&mut self, handle: CallHandle, local: Bytes) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let session = call.session;
        let (Some(ringing), Some(session)) = (call.ringing_mut(), session) else { return };
        ringing.local = Some(local.clone());
        if ringing.pressed {
            self.take_call(handle);
            return;
        }
        // An offer in a 183 would need a reliable one; it goes into the 200.
        let early = (!ringing.offerless).then_some(local);
        let mut rung = Ok(());
        if early.is_some() {
            rung =
                self.ua.progress(self.now, session, StatusCode::SESSION_PROGRESS, Headers::default(), early);
        }
        let rung = rung.and_then(|()| {
            self.ua.progress(self.now, session, StatusCode::RINGING, Headers::default(), None)
        });
        if let Err(error) = rung {
            tracing::debug!(%error, "the caller could not be told that it rings");
        }
    }

    pub(super) fn answer(&mut self, handle: CallHandle) -> Result<(), CommandError> {
        let call = self.calls.get_mut(&handle).ok_or(CommandError::NoSuchCall)?;
        let ringing = call.ringing_mut().ok_or(CommandError::WrongState)?;
        if std::mem::replace(&mut ringing.pressed, true) {
            return Ok(());
        }
        let ready = ringing.local.is_some();
        self.forget_waits();
        self.hold_others(handle);
        if ready {
            self.take_call(handle);
        } else {
            self.tell_changed(handle);
        }
        Ok(())
    }

    /// 200: all that it takes is there.
    fn take_call(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let session = call.session;
        let (Some(ringing), Some(session)) = (call.ringing_mut(), session) else { return };
        let Some(local) = ringing.local.take() else { return };
        let (offerless, said) = (ringing.offerless, ringing.said);
        if let Err(error) = self.ua.answer(self.now, session, Headers::default(), local) {
            tracing::debug!(%error, "a call could not be answered");
            self.drop_call(handle, EndReason::ProtocolError);
            return;
        }
        let mut active = Active::new();
        active.awaits_answer = offerless;
        self.becomes_active(handle, active);
        if let Some(said) = said {
            self.note_far_side(handle, said);
        }
        if !offerless {
            self.open_microphone(handle);
        }
        self.tell_changed(handle);
        self.next_digit(handle);
        self.takes_over_now(handle);
    }

    /// The far side has this side's 200; after an INVITE without an offer, its answer is there.
    pub(super) fn ack_came(&mut self, handle: CallHandle, answer: Option<Bytes>) {
        let Some(active) = self.calls.get_mut(&handle).and_then(|call| call.active_mut()) else { return };
        if !std::mem::take(&mut active.awaits_answer) {
            return;
        }
        match answer.as_ref().and_then(sdp::text) {
            Some(answer) => {
                self.note_far_side(handle, sdp::read(answer.expose()));
                self.apply_answer(handle, answer);
                self.open_microphone(handle);
                self.tell_changed(handle);
                self.next_digit(handle);
            }
            None => self.drop_call(handle, EndReason::ProtocolError),
        }
    }

    pub(super) fn ringing_ended(&mut self, handle: CallHandle, cause: &EndCause) {
        match cause {
            EndCause::Remote { reasons } => self.end(handle, Outcome::of_cancel(reasons)),
            // The gateway calls again as soon as there is a connection; an answer that was pressed stands.
            EndCause::FlowClosed => {
                self.close_leg(handle);
                if let Some(ringing) = self.calls.get_mut(&handle).and_then(|call| call.ringing_mut()) {
                    ringing.local = None;
                }
            }
            EndCause::Timeout | EndCause::Expired => self.end(handle, EndReason::TimedOut),
            EndCause::Local | EndCause::Refused { .. } => self.end(handle, EndReason::Cancelled),
        }
    }
}

/// `order.4711` in From: who calls is the customer of that order, whose number nobody learns.
fn order_of(request: &Request) -> Option<OrderId> {
    let from = request.headers.from()?;
    let user = from.uri.as_sip()?.user()?;
    let id = user.strip_prefix("order.")?;
    readable(id, MAX_CALL_ID).map(OrderId)
}

fn label_of(headers: &Headers) -> Option<Sensitive<String>> {
    let named = || headers.from().and_then(|from| from.display_name);
    let label = extension(headers, "X-Doorstep-Label").map(str::to_owned).or_else(named)?;
    readable(&label, MAX_LABEL).map(Sensitive::new)
}
