//! Changes of media within a session: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311).

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;

use super::{Offer, Phase, Session, sdp_of, set_sdp};
use crate::Timestamp;
use crate::msg::{HeaderName, Headers, Method, Request, Response, StatusCode};
use crate::ua::client_tx::ClientUser;
use crate::ua::incoming::{SDP, add};
use crate::ua::timers::{Timer, TxId};
use crate::ua::{EndCause, FailureCause, Reply, SessionEvent, SessionId, UaError, UserAgent};

impl UserAgent {
    /// Offers new media by re-INVITE. [`OfferAnswered`](SessionEvent::OfferAnswered) or
    /// [`OfferRejected`](SessionEvent::OfferRejected) follows; when both sides offer at once (491), this side tries
    /// again by itself after a random while.
    pub fn reoffer(&mut self, now: Timestamp, id: SessionId, sdp: Bytes) -> Result<(), UaError> {
        let session = self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?;
        let flow = session.flow;
        if !self.flows.contains_key(&flow) {
            return Err(UaError::NoSuchFlow);
        }
        let busy = session.unacknowledged.is_some()
            || session.retry.is_some()
            || !matches!(session.offer, Offer::None);
        let dialog = session.confirmed()?;
        if busy {
            return Err(UaError::OfferPending);
        }
        let mut invite = dialog.request(Method::Invite)?;
        self.add_contact(flow, &mut invite)?;
        self.add_session_expires(id, &mut invite);
        set_sdp(&mut invite, &sdp)?;
        self.start_client(now, flow, invite, ClientUser::Offer(id))?;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.offer = Offer::Sent { sdp };
        }
        Ok(())
    }

    pub(in crate::ua) fn offer_response(
        &mut self,
        now: Timestamp,
        id: SessionId,
        request: &Request,
        response: Response,
    ) {
        let status = response.status;
        if status.is_provisional() {
            return;
        }
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let flow = session.flow;
        if status.is_success()
            && let Some((acked, ack)) = &session.last_ack
            && *acked == number
        {
            let ack = ack.clone();
            self.send(flow, ack);
            return;
        }
        let Offer::Sent { sdp } = &session.offer else { return };
        let sdp = sdp.clone();
        if status.is_success() {
            session.offer = Offer::None;
            session.local_sdp = sdp;
            let Phase::Confirmed(dialog) = &mut session.phase else { return };
            dialog.refresh_target(&response.headers);
            let dialog = dialog.clone();
            let ack = self.acknowledge(flow, &dialog, request);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.last_ack = ack.map(|ack| (number, ack));
            }
            self.timers.cancel(Timer::Expiry(id));
            self.timer_from_response(now, id, &response);
            self.emit_session(id, SessionEvent::OfferAnswered { sdp: sdp_of(&response.body) });
        } else if status == StatusCode::REQUEST_PENDING {
            // Section 14.1: who owns the Call-ID waits longer, so that the two do not meet again.
            let tens_of_ms = if session.caller { 210..=400 } else { 0..=200 };
            session.offer = Offer::None;
            session.retry = Some(sdp);
            let wait = Duration::from_millis(self.rng.random_range(tens_of_ms) * 10);
            self.timers.set(Timer::Reoffer(id), now + wait);
        } else {
            session.offer = Offer::None;
            if self.in_dialog_response(now, id, status)
                || self.raise_interval(id, &response) && self.reoffer(now, id, sdp).is_ok()
            {
                return;
            }
            self.refresh_later(now, id);
            self.emit_session(id, SessionEvent::OfferRejected { status });
        }
    }

    pub(in crate::ua) fn offer_failed(&mut self, now: Timestamp, id: SessionId, cause: FailureCause) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.offer = Offer::None;
        match cause {
            FailureCause::FlowClosed => {
                self.emit_session(
                    id,
                    SessionEvent::OfferRejected { status: StatusCode::SERVICE_UNAVAILABLE },
                );
            }
            FailureCause::Timeout => self.in_dialog_failed(now, id, cause),
        }
    }

    pub(in crate::ua) fn retry_offer(&mut self, now: Timestamp, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !matches!(session.offer, Offer::None) || session.unacknowledged.is_some() {
            // The far side's turn is not over.
            self.timers.set(Timer::Reoffer(id), now + self.config.t1);
            return;
        }
        let Some(sdp) = session.retry.take() else { return };
        if let Err(error) = self.reoffer(now, id, sdp) {
            tracing::debug!(%error, "an offer could not be repeated");
            self.emit_session(id, SessionEvent::OfferRejected { status: StatusCode::REQUEST_PENDING });
        }
    }

    /// The far side's re-INVITE or UPDATE.
    pub(super) fn offer_came(&mut self, now: Timestamp, id: SessionId, tx: TxId, request: Request) {
        if let Some(reply) = self.interval_too_small(&request) {
            self.reply(now, tx, reply);
            return;
        }
        let is_update = request.method == Method::Update;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if is_update && request.body.is_empty() {
            self.refreshed_by_update(now, id, tx, &request);
            return;
        }
        match (&session.offer, &session.unacknowledged, &session.phase) {
            (Offer::Sent { .. }, _, _) => {
                self.reply(now, tx, Reply::new(StatusCode::REQUEST_PENDING));
                return;
            }
            (Offer::Received { .. }, _, _) | (_, Some(_), _) => {
                let mut reply = Reply::new(StatusCode::SERVER_INTERNAL_ERROR);
                let seconds = self.rng.random_range(0..10_u32);
                add(&mut reply, HeaderName::RetryAfter, &seconds.to_string());
                self.reply(now, tx, reply);
                return;
            }
            // The first offer has no answer yet (RFC 3311 section 5.2).
            (_, _, Phase::Calling(_) | Phase::Ringing(_)) => {
                self.reply(now, tx, Reply::new(StatusCode::REQUEST_PENDING));
                return;
            }
            (Offer::None, None, Phase::Confirmed(_)) => {}
        }
        if let Phase::Confirmed(dialog) = &mut session.phase {
            dialog.refresh_target(&request.headers);
        }
        let sdp = sdp_of(&request.body);
        session.offer = Offer::Received { tx, request };
        self.belongs_to(tx, id);
        if !is_update {
            self.reply(now, tx, Reply::new(StatusCode::TRYING));
        }
        self.emit_session(id, SessionEvent::Offer { sdp });
    }

    fn refreshed_by_update(&mut self, now: Timestamp, id: SessionId, tx: TxId, request: &Request) {
        let mut reply = Reply::new(StatusCode::OK);
        if let Some(Session { phase: Phase::Confirmed(dialog), .. }) = self.sessions.get_mut(&id) {
            dialog.refresh_target(&request.headers);
            self.timer_into_reply(now, id, request, &mut reply);
        }
        self.reply(now, tx, reply);
    }

    /// Takes the far side's offer; or, where it asked for one, makes it.
    pub fn accept_offer(&mut self, now: Timestamp, id: SessionId, sdp: Bytes) -> Result<(), UaError> {
        let session = self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?;
        let (tx, request) = match std::mem::replace(&mut session.offer, Offer::None) {
            Offer::Received { tx, request } => (tx, request),
            other => {
                session.offer = other;
                return Err(UaError::WrongState);
            }
        };
        session.local_sdp = sdp.clone();
        let mut reply =
            Reply { status: StatusCode::OK, reason: None, headers: Headers::default(), body: sdp };
        add(&mut reply, HeaderName::ContentType, SDP);
        self.timer_into_reply(now, id, &request, &mut reply);
        let response = self.reply(now, tx, reply).ok_or(UaError::NoSuchFlow)?;
        if request.method == Method::Invite {
            self.await_ack(now, id, &request, &response, false);
        }
        Ok(())
    }

    /// Refuses the far side's offer (488 where the media do not fit); everything stays as it was.
    pub fn reject_offer(&mut self, now: Timestamp, id: SessionId, status: StatusCode) -> Result<(), UaError> {
        if !status.is_final() || status.is_success() {
            return Err(UaError::WrongState);
        }
        let session = self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?;
        let Offer::Received { tx, .. } = &session.offer else { return Err(UaError::WrongState) };
        let tx = *tx;
        session.offer = Offer::None;
        self.reply(now, tx, Reply::new(status));
        Ok(())
    }

    /// What a refusal within a session means for it: 408 and 481 say that the far side has lost it (section
    /// 12.2.1.2). Returns whether the session is over.
    pub(in crate::ua) fn in_dialog_response(
        &mut self,
        now: Timestamp,
        id: SessionId,
        status: StatusCode,
    ) -> bool {
        let lost =
            [StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, StatusCode::REQUEST_TIMEOUT].contains(&status);
        let confirmed =
            self.sessions.get(&id).is_some_and(|session| matches!(session.phase, Phase::Confirmed(_)));
        if lost && confirmed {
            self.bye(now, id, None);
            self.finish(id, EndCause::Timeout);
        }
        lost && confirmed
    }

    pub(in crate::ua) fn in_dialog_failed(&mut self, now: Timestamp, id: SessionId, cause: FailureCause) {
        match cause {
            FailureCause::Timeout => {
                self.in_dialog_response(now, id, StatusCode::REQUEST_TIMEOUT);
            }
            // The session hears of its flow by itself.
            FailureCause::FlowClosed => {}
        }
    }
}
