//! Calls that come in.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{
    Dialog, Offer, Phase, Provisional, Ringing, Session, Unacknowledged, allows_update, reasons, sdp_of,
};
use crate::Timestamp;
use crate::msg::{HeaderName, Headers, Request, Response, StatusCode};
use crate::ua::incoming::{SDP, add};
use crate::ua::timers::{Timer, TxId};
use crate::ua::{EndCause, FlowId, Reply, SessionEvent, SessionId, UaError, UaEvent, UserAgent};

impl UserAgent {
    pub(in crate::ua) fn incoming_invite(
        &mut self,
        now: Timestamp,
        tx: TxId,
        flow: FlowId,
        request: Request,
    ) {
        if self.sessions.len() >= self.config.max_sessions {
            let mut reply = Reply::new(StatusCode::SERVICE_UNAVAILABLE);
            add(&mut reply, HeaderName::RetryAfter, "5");
            self.reply(now, tx, reply);
            return;
        }
        if let Some(reply) = self.interval_too_small(&request) {
            self.reply(now, tx, reply);
            return;
        }
        let replaces = match request
            .headers
            .get(&HeaderName::Replaces)
            .map(|value| self.replaced(value, flow))
            .transpose()
        {
            Ok(replaces) => replaces,
            Err(status) => {
                self.reply(now, tx, Reply::new(status));
                return;
            }
        };
        self.reply(now, tx, Reply::new(StatusCode::TRYING));
        let local_tag = self.servers.get(&tx).map(|tx| tx.local_tag.clone()).unwrap_or_default();
        let Some(dialog) = Dialog::from_request(&request, &local_tag) else {
            self.reply(now, tx, Reply::new(StatusCode::BAD_REQUEST));
            return;
        };
        let id = SessionId(self.next_number());
        let key = (dialog.call_id.clone(), local_tag);
        let ringing = Ringing {
            tx,
            invite: request.clone(),
            dialog,
            reliable: request.headers.contains_token(&HeaderName::Require, "100rel"),
            rseq: 0,
            unacknowledged: None,
            queue: VecDeque::new(),
        };
        let mut session = Session::new(key, flow, self.owner(flow), Phase::Ringing(ringing), false);
        session.far_side_takes_update = allows_update(&request.headers);
        self.keep(id, session);
        self.belongs_to(tx, id);
        self.emit(UaEvent::IncomingInvite { session: id, flow, request, replaces });
    }

    /// The session that a Replaces header names (RFC 3891 section 3), seen from this side, or how to refuse it. Only who stands behind that
    /// session may have it replaced (section 8); see [`set_flow_owner`](Self::set_flow_owner).
    fn replaced(&self, value: &str, flow: FlowId) -> Result<SessionId, StatusCode> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().unwrap_or_default();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim())) {
                ("to-tag", tag) => to_tag = Some(tag),
                ("from-tag", tag) => from_tag = Some(tag),
                ("early-only", _) => early_only = true,
                _ => {}
            }
        }
        let key = (call_id.to_owned(), to_tag.unwrap_or_default().to_owned());
        let session = self.dialogs.get(&key).and_then(|id| Some((*id, self.sessions.get(id)?)));
        match session.map(|(id, session)| (id, &session.phase)) {
            Some((_, Phase::Confirmed(dialog))) if early_only && Some(dialog.remote_tag()) == from_tag => {
                Err(StatusCode::BUSY_HERE)
            }
            Some((id, Phase::Confirmed(dialog))) if Some(dialog.remote_tag()) == from_tag => {
                if self.may_speak(id, flow) { Ok(id) } else { Err(StatusCode::FORBIDDEN) }
            }
            Some((_, Phase::Confirmed(_) | Phase::Calling(_) | Phase::Ringing(_))) | None => {
                Err(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)
            }
        }
    }

    /// 101 to 199 to a call that came in, perhaps with early media. It is sent reliably where the far side wants that.
    pub fn progress(
        &mut self,
        now: Timestamp,
        id: SessionId,
        status: StatusCode,
        headers: Headers,
        sdp: Option<Bytes>,
    ) -> Result<(), UaError> {
        let ringing = self.ringing(id)?;
        if !status.is_provisional() || status == StatusCode::TRYING {
            return Err(UaError::WrongState);
        }
        let mut reply = Reply { status, reason: None, headers, body: sdp.unwrap_or_default() };
        if !reply.body.is_empty() {
            reply.headers.set(HeaderName::ContentType, SDP)?;
        }
        if !ringing.reliable {
            let tx = ringing.tx;
            self.reply(now, tx, reply);
        } else if ringing.unacknowledged.is_some() {
            // One at a time (RFC 3262 section 3).
            ringing.queue.push_back(reply);
        } else {
            self.reliable_progress(now, id, reply);
        }
        Ok(())
    }

    fn reliable_progress(&mut self, now: Timestamp, id: SessionId, mut reply: Reply) {
        let t1 = self.config.t1;
        let Ok(ringing) = self.ringing(id) else { return };
        ringing.rseq += 1;
        let (tx, rseq) = (ringing.tx, ringing.rseq);
        add(&mut reply, HeaderName::Require, "100rel");
        add(&mut reply, HeaderName::RSeq, &rseq.to_string());
        let Some(response) = self.reply(now, tx, reply) else { return };
        if let Ok(ringing) = self.ringing(id) {
            let bytes = response.to_bytes();
            ringing.unacknowledged = Some(Provisional { rseq, bytes, interval: t1, waited: Duration::ZERO });
            self.timers.set(Timer::AnswerRetransmit(id), now + t1);
        }
    }

    /// PRACK: whether it named the response that waits.
    pub(super) fn prack(&mut self, now: Timestamp, id: SessionId, request: &Request) -> bool {
        let rseq = request
            .headers
            .get(&HeaderName::RAck)
            .and_then(|rack| rack.split(' ').next()?.parse::<u32>().ok());
        let Ok(ringing) = self.ringing(id) else { return false };
        let waits = ringing.unacknowledged.as_ref().map(|provisional| provisional.rseq);
        if waits.is_none() || waits != rseq {
            return false;
        }
        ringing.unacknowledged = None;
        let next = ringing.queue.pop_front();
        self.timers.cancel(Timer::AnswerRetransmit(id));
        match next {
            Some(reply) if reply.status.is_final() => self.send_answer(now, id, reply),
            Some(reply) => self.reliable_progress(now, id, reply),
            None => {}
        }
        true
    }

    /// 200: the call is taken.
    pub fn answer(
        &mut self,
        now: Timestamp,
        id: SessionId,
        headers: Headers,
        sdp: Bytes,
    ) -> Result<(), UaError> {
        let ringing = self.ringing(id)?;
        let mut reply = Reply { status: StatusCode::OK, reason: None, headers, body: sdp };
        reply.headers.set(HeaderName::ContentType, SDP)?;
        if ringing.unacknowledged.is_some() {
            ringing.queue.push_back(reply);
        } else {
            self.send_answer(now, id, reply);
        }
        Ok(())
    }

    fn send_answer(&mut self, now: Timestamp, id: SessionId, mut reply: Reply) {
        let Ok(ringing) = self.ringing(id) else { return };
        let (tx, dialog, invite) = (ringing.tx, ringing.dialog.clone(), ringing.invite.clone());
        let sdp = reply.body.clone();
        self.timer_into_reply(now, id, &invite, &mut reply);
        let Some(response) = self.reply(now, tx, reply) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.phase = Phase::Confirmed(dialog);
        session.local_sdp = sdp;
        self.await_ack(now, id, &invite, &response, true);
    }

    /// 2xx is repeated until its ACK comes, over any transport: the ACK is end to end (section 13.3.1.4).
    pub(super) fn await_ack(
        &mut self,
        now: Timestamp,
        id: SessionId,
        invite: &Request,
        response: &Response,
        first: bool,
    ) {
        let t1 = self.config.t1;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.unacknowledged = Some(Unacknowledged {
            cseq: invite.headers.cseq().map_or(0, |cseq| cseq.number),
            bytes: response.to_bytes(),
            interval: t1,
            offered: invite.body.is_empty(),
            first,
            end: None,
        });
        self.timers.set(Timer::AnswerRetransmit(id), now + t1);
        self.timers.set(Timer::AnswerEnd(id), now + t1 * 64);
    }

    pub(in crate::ua) fn session_acknowledged(&mut self, now: Timestamp, flow: FlowId, ack: &Request) {
        let Some(id) = self.session_of(flow, ack) else { return };
        let number = ack.headers.cseq().map(|cseq| cseq.number);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(waiting) = session.unacknowledged.take_if(|waiting| Some(waiting.cseq) == number) else {
            return;
        };
        self.timers.cancel(Timer::AnswerRetransmit(id));
        self.timers.cancel(Timer::AnswerEnd(id));
        let sdp = waiting.offered.then(|| sdp_of(&ack.body)).flatten();
        match (waiting.end, waiting.first) {
            (Some(reason), _) => {
                self.bye(now, id, reason);
                self.finish(id, EndCause::Local);
            }
            (None, true) => self.emit_session(id, SessionEvent::Confirmed { sdp }),
            (None, false) if waiting.offered => self.emit_session(id, SessionEvent::OfferAnswered { sdp }),
            (None, false) => {}
        }
    }

    pub(in crate::ua) fn answer_retransmit(&mut self, now: Timestamp, id: SessionId) {
        let (t1, t2) = (self.config.t1, self.config.t2);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let flow = session.flow;
        if let Some(waiting) = &mut session.unacknowledged {
            waiting.interval = (waiting.interval * 2).min(t2);
            let (bytes, next) = (waiting.bytes.clone(), now + waiting.interval);
            self.send(flow, bytes);
            self.timers.set(Timer::AnswerRetransmit(id), next);
            return;
        }
        let Phase::Ringing(ringing) = &mut session.phase else { return };
        let Some(waiting) = &mut ringing.unacknowledged else { return };
        waiting.waited += waiting.interval;
        waiting.interval *= 2;
        if waiting.waited >= t1 * 64 {
            // RFC 3262 section 3: without PRACK the call cannot go on.
            let tx = ringing.tx;
            self.reply(now, tx, Reply::new(StatusCode::SERVER_TIMEOUT));
            self.finish(id, EndCause::Timeout);
            return;
        }
        let (bytes, next) = (waiting.bytes.clone(), now + waiting.interval);
        self.send(flow, bytes);
        self.timers.set(Timer::AnswerRetransmit(id), next);
    }

    /// No ACK: the session is ended with BYE (section 13.3.1.4).
    pub(in crate::ua) fn answer_end(&mut self, now: Timestamp, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(waiting) = session.unacknowledged.take() else { return };
        let (reason, cause) = match waiting.end {
            Some(reason) => (reason, EndCause::Local),
            None => (None, EndCause::Timeout),
        };
        self.bye(now, id, reason);
        self.finish(id, cause);
    }

    /// Refuses a call that came in: 300 to 699.
    pub fn reject(&mut self, now: Timestamp, id: SessionId, reply: Reply) -> Result<(), UaError> {
        let tx = self.ringing(id)?.tx;
        if !reply.status.is_final() || reply.status.is_success() {
            return Err(UaError::WrongState);
        }
        self.reply(now, tx, reply);
        self.finish(id, EndCause::Local);
        Ok(())
    }

    pub(super) fn end_ringing(&mut self, now: Timestamp, id: SessionId, reason: Option<String>) {
        let mut reply = Reply::new(StatusCode::TEMPORARILY_UNAVAILABLE);
        if let Some(reason) = reason {
            add(&mut reply, HeaderName::Reason, &reason);
        }
        if let Ok(tx) = self.ringing(id).map(|ringing| ringing.tx) {
            self.reply(now, tx, reply);
        }
        self.finish(id, EndCause::Local);
    }

    /// CANCEL (section 9.2).
    pub(in crate::ua) fn cancelled(&mut self, now: Timestamp, tx: TxId, flow: FlowId, cancel: &Request) {
        let Some(invite) = self.cancelled_by(cancel).filter(|invite| self.is_owners(*invite, flow)) else {
            self.reply(now, tx, Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
            return;
        };
        self.reply(now, tx, Reply::new(StatusCode::OK));
        if !self.is_unanswered(invite) {
            return;
        }
        let session = self.servers.get(&invite).and_then(|tx| tx.session);
        let session = session.and_then(|id| Some((id, self.sessions.get(&id)?)));
        let session = session.and_then(|(id, session)| match (&session.phase, &session.offer) {
            (Phase::Ringing(ringing), _) if ringing.tx == invite => Some((id, true)),
            (_, Offer::Received { tx, .. }) if *tx == invite => Some((id, false)),
            (_, Offer::None | Offer::Sent { .. } | Offer::Received { .. }) => None,
        });
        self.reply(now, invite, Reply::new(StatusCode::REQUEST_TERMINATED));
        match session {
            Some((id, true)) => self.finish(id, EndCause::Remote { reasons: reasons(cancel) }),
            Some((id, false)) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.offer = Offer::None;
                }
            }
            None => {}
        }
    }

    fn ringing(&mut self, id: SessionId) -> Result<&mut Ringing, UaError> {
        match &mut self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?.phase {
            Phase::Ringing(ringing) => Ok(ringing),
            Phase::Calling(_) | Phase::Confirmed(_) => Err(UaError::WrongState),
        }
    }
}
