//! What the user agent says.

use doorstep_sip::msg::{HeaderName, Request, StatusCode};
use doorstep_sip::ua::{EndCause, Reply, SessionEvent, SessionId, UaEvent};

use super::call::{Active, Phase};
use super::outcome::Outcome;
use super::{Deadline, Endpoint};
use crate::{CallHandle, EndReason, Event};

impl Endpoint {
    pub(super) fn ua_said(&mut self, event: UaEvent) {
        if self.registration_heard(&event) {
            return;
        }
        match event {
            // Of a REGISTER that another connection has overtaken.
            UaEvent::Response { .. } | UaEvent::RequestFailed { .. } => {}
            UaEvent::IncomingRequest { id, .. } => {
                // REFER or SUBSCRIBE from nowhere: nobody may make this side call somebody out of the blue.
                let _ = self.ua.respond(self.now, id, Reply::new(StatusCode::FORBIDDEN));
            }
            UaEvent::IncomingInvite { session, flow, request, replaces } => {
                self.invite_came(session, flow, &request, replaces);
            }
            UaEvent::Session { session, event } => match self.sessions.get(&session) {
                Some(call) => self.session_said(*call, session, event),
                None => self.ended_session_said(session, event),
            },
        }
    }

    fn session_said(&mut self, call: CallHandle, session: SessionId, event: SessionEvent) {
        match event {
            SessionEvent::Progress { response } => self.progress_came(call, &response),
            SessionEvent::Answered { response } => self.answer_came(call, &response),
            SessionEvent::Confirmed { sdp } => self.ack_came(call, sdp),
            SessionEvent::Offer { sdp } => self.offer_came(call, sdp),
            SessionEvent::OfferAnswered { sdp } => self.offer_answered(call, sdp),
            SessionEvent::OfferRejected { status } => self.offer_rejected(call, status),
            SessionEvent::Info { request } => self.info_came(call, &request),
            SessionEvent::Refer { incoming, request } => self.refer_came(call, session, incoming, &request),
            SessionEvent::ReferAnswered { status } => self.refer_answered(call, status),
            SessionEvent::Notify { request } => self.notify_came(call, &request),
            SessionEvent::FlowLost => self.flow_lost(call),
            SessionEvent::Ended { cause } => {
                self.sessions.remove(&session);
                self.session_ended(call, &cause);
            }
        }
    }

    /// The user has ended the call already; the session only winds up.
    fn ended_session_said(&mut self, session: SessionId, event: SessionEvent) {
        match event {
            SessionEvent::Ended { .. } => {
                self.orphans.remove(&session);
                self.deadlines.cancel(Deadline::Orphan(session));
            }
            SessionEvent::Refer { incoming, .. } => {
                let _ = self.ua.respond(self.now, incoming, Reply::new(StatusCode::DECLINE));
            }
            SessionEvent::Offer { .. } => {
                let _ = self.ua.reject_offer(self.now, session, StatusCode::NOT_ACCEPTABLE_HERE);
            }
            SessionEvent::Progress { .. }
            | SessionEvent::Answered { .. }
            | SessionEvent::Confirmed { .. }
            | SessionEvent::OfferAnswered { .. }
            | SessionEvent::OfferRejected { .. }
            | SessionEvent::Info { .. }
            | SessionEvent::ReferAnswered { .. }
            | SessionEvent::Notify { .. }
            | SessionEvent::FlowLost => {}
        }
    }

    fn session_ended(&mut self, handle: CallHandle, cause: &EndCause) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        call.session = None;
        match &call.phase {
            Phase::Calling(_) => self.calling_ended(handle, cause),
            Phase::Ringing(_) => self.ringing_ended(handle, cause),
            Phase::Active(active) => {
                let moved = is_transferred(active);
                let taken_over = self
                    .calls
                    .values()
                    .any(|call| call.takes_over == Some(handle) && call.active().is_some());
                let outcome = match cause {
                    EndCause::Remote { .. } if moved || taken_over => EndReason::Transferred.into(),
                    EndCause::Remote { reasons } => Outcome::of_bye(reasons),
                    EndCause::Timeout | EndCause::Expired => EndReason::FarSideLost.into(),
                    EndCause::FlowClosed => EndReason::ConnectionLost.into(),
                    EndCause::Local => EndReason::HungUpHere.into(),
                    EndCause::Refused { .. } => EndReason::ProtocolError.into(),
                };
                self.end(handle, outcome);
            }
        }
    }

    /// INFO: a digit, from a far side that sends none in its audio stream.
    fn info_came(&mut self, call: CallHandle, request: &Request) {
        let media_type = request.headers.get(&HeaderName::ContentType).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let Ok(body) = std::str::from_utf8(&request.body) else { return };
        let digit = match media_type.as_str() {
            "application/dtmf-relay" => body.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
            }),
            "application/dtmf" => Some(body.trim()),
            _ => None,
        };
        let mut chars = digit.unwrap_or_default().chars();
        if let (Some(digit), None) = (chars.next().and_then(super::digits::digit), chars.next()) {
            self.tell(Event::DigitReceived { call, digit });
        }
    }
}

/// The far side has agreed to go on with somebody else.
fn is_transferred(active: &Active) -> bool {
    active.transfer.is_some_and(|transfer| transfer.accepted)
}
