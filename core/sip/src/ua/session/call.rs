//! Calls that this side makes.

use super::{Calling, Cancel, Dialog, Early, Offer, Phase, Session, allows_update, requires_100rel, set_sdp};
use crate::Timestamp;
use crate::msg::{CSeq, HeaderName, Method, Request, Response, StatusCode};
use crate::ua::client_tx::{ClientUser, cancel_of};
use crate::ua::out_of_dialog::start_headers;
use crate::ua::timers::{Timer, TxId};
use crate::ua::{EndCause, FailureCause, FlowId, Invite, Reply, SessionEvent, SessionId, UaError, UserAgent};

/// How many forks of a call are told apart; what further ones say before they answer is dropped.
const MAX_FORKS: usize = 32;

impl UserAgent {
    /// Calls somebody.
    pub fn invite(&mut self, now: Timestamp, flow: FlowId, what: Invite) -> Result<SessionId, UaError> {
        if self.sessions.len() >= self.config.max_sessions {
            return Err(UaError::TooManySessions);
        }
        let call_id = what.call_id.unwrap_or_else(|| self.new_call_id());
        let from = what.from.with_tag(&self.new_tag())?;
        let mut invite = Request::new(Method::Invite, what.uri);
        invite.headers = start_headers(&from, &what.to, &call_id, 1, Method::Invite)?;
        self.add_contact(flow, &mut invite)?;
        if let Some(expires) = self.config.session_expires {
            invite.headers.push(HeaderName::SessionExpires, expires.as_secs())?;
        }
        for (name, value) in what.headers.iter() {
            invite.headers.push(name.clone(), value)?;
        }
        set_sdp(&mut invite, &what.sdp)?;
        let id = SessionId(self.next_number());
        let tx = self.start_client(now, flow, invite.clone(), ClientUser::Invite(id))?;
        let calling = Calling { tx, invite, early: Default::default(), cancel: None, retried: false };
        let key = (call_id, from.tag().unwrap_or_default().to_owned());
        let mut session = Session::new(key, flow, self.owner(flow), Phase::Calling(calling), true);
        session.local_sdp = what.sdp;
        self.keep(id, session);
        Ok(id)
    }

    pub(in crate::ua) fn invite_response(
        &mut self,
        now: Timestamp,
        tx: TxId,
        flow: FlowId,
        id: SessionId,
        request: &Request,
        response: Response,
    ) {
        let calling = match self.sessions.get_mut(&id).map(|session| &mut session.phase) {
            Some(Phase::Calling(calling)) if calling.tx == tx => calling,
            // Answered already, or over: a 2xx more is either the same again or from another fork.
            Some(Phase::Calling(_) | Phase::Ringing(_) | Phase::Confirmed(_)) | None => {
                if response.status.is_success() {
                    self.answered_again(now, flow, id, request, &response);
                }
                return;
            }
        };
        let status = response.status;
        if status.is_provisional() {
            let due = matches!(calling.cancel, Some(Cancel::Waiting(_)));
            if due {
                self.send_cancel(now, id);
            } else if status != StatusCode::TRYING {
                self.progress_came(now, id, request, response);
            }
        } else if status.is_success() {
            let cancelled = calling.cancel.is_some();
            self.answer_came(now, flow, id, request, response, cancelled);
        } else if calling.cancel.is_some() {
            self.finish(id, EndCause::Local);
        } else {
            let too_short = status == StatusCode::SESSION_INTERVAL_TOO_SMALL && !calling.retried;
            if !(too_short && self.longer_session(now, id, &response)) {
                self.finish(id, EndCause::Refused { response });
            }
        }
    }

    fn progress_came(&mut self, now: Timestamp, id: SessionId, request: &Request, response: Response) {
        let Some(Session { phase: Phase::Calling(calling), flow, .. }) = self.sessions.get_mut(&id) else {
            return;
        };
        let flow = *flow;
        let rseq = response.headers.get(&HeaderName::RSeq).and_then(|rseq| rseq.parse::<u32>().ok());
        let mut prack = None;
        if let Some(dialog) = Dialog::from_response(request, &response) {
            let tag = dialog.remote_tag().to_owned();
            if calling.early.len() >= MAX_FORKS && !calling.early.contains_key(&tag) {
                return;
            }
            let early = calling.early.entry(tag).or_insert(Early { dialog, rseq: None });
            if let (true, Some(rseq)) = (requires_100rel(&response), rseq) {
                // RFC 3262 section 4: in order, and each once.
                let expected = early.rseq.is_none_or(|last| rseq == last.wrapping_add(1));
                if !expected {
                    return;
                }
                early.rseq = Some(rseq);
                let cseq = CSeq { number: rseq, method: Method::Invite };
                let invite = request.headers.cseq().map_or(0, |cseq| cseq.number);
                prack = early.dialog.request(Method::Prack).ok().and_then(|mut prack| {
                    let rack = format!("{} {invite} {}", cseq.number, cseq.method);
                    prack.headers.push(HeaderName::RAck, rack).ok().map(|()| prack)
                });
            }
        }
        if let Some(prack) = prack
            && self.start_client(now, flow, prack, ClientUser::InDialog(id)).is_err()
        {
            return;
        }
        self.emit_session(id, SessionEvent::Progress { response });
    }

    fn answer_came(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        id: SessionId,
        request: &Request,
        response: Response,
        cancelled: bool,
    ) {
        let Some(mut dialog) = Dialog::from_response(request, &response) else {
            // A 2xx without a tag makes no dialog that could be ended.
            self.finish(id, EndCause::Refused { response });
            return;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let ack = self.acknowledge(flow, &dialog, request);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Phase::Calling(calling) = &session.phase
            && let Some(early) = calling.early.get(dialog.remote_tag())
        {
            // PRACK and UPDATE have moved the number on.
            dialog.local_cseq = dialog.local_cseq.max(early.dialog.local_cseq);
        }
        session.far_side_takes_update = allows_update(&response.headers);
        session.last_ack = ack.map(|ack| (number, ack));
        session.phase = Phase::Confirmed(dialog);
        self.timers.cancel(Timer::CancelEnd(id));
        if cancelled {
            self.end_confirmed(now, id, None);
            return;
        }
        self.timer_from_response(now, id, &response);
        self.emit_session(id, SessionEvent::Answered { response });
    }

    fn answered_again(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        id: SessionId,
        request: &Request,
        response: &Response,
    ) {
        let Some(mut dialog) = Dialog::from_response(request, response) else { return };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let again = match self.sessions.get(&id) {
            Some(Session { phase: Phase::Confirmed(known), last_ack: Some((acked, ack)), .. })
                if known.remote_tag() == dialog.remote_tag() && *acked == number =>
            {
                Some(ack.clone())
            }
            Some(Session { phase: Phase::Confirmed(known), .. })
                if known.remote_tag() == dialog.remote_tag() =>
            {
                return;
            }
            Some(Session { phase: Phase::Calling(_) | Phase::Ringing(_) | Phase::Confirmed(_), .. })
            | None => None,
        };
        match again {
            Some(ack) => self.send(flow, ack),
            None => {
                // Another fork answered, or the call is over: it must be acknowledged and ended (section 13.2.2.4).
                self.acknowledge(flow, &dialog, request);
                if let Ok(bye) = dialog.request(Method::Bye)
                    && let Err(error) = self.start_client(now, flow, bye, ClientUser::Nobody)
                {
                    tracing::debug!(%error, "a superfluous fork could not be ended");
                }
            }
        }
    }

    /// 422: again with the interval that the far side wants (RFC 4028 section 7.3).
    fn longer_session(&mut self, now: Timestamp, id: SessionId, response: &Response) -> bool {
        let wanted = response
            .headers
            .get(&HeaderName::MinSe)
            .and_then(|min| min.split(';').next()?.trim().parse::<u32>().ok());
        let Some(Session { phase: Phase::Calling(calling), flow, .. }) = self.sessions.get_mut(&id) else {
            return false;
        };
        let (Some(wanted), flow) = (wanted, *flow) else { return false };
        let number = calling.invite.headers.cseq().map_or(1, |cseq| cseq.number) + 1;
        let mut invite = calling.invite.clone();
        let set = invite
            .headers
            .set(HeaderName::SessionExpires, wanted)
            .and_then(|()| invite.headers.set(HeaderName::MinSe, wanted))
            .and_then(|()| invite.headers.set(HeaderName::CSeq, CSeq { number, method: Method::Invite }));
        let Ok(tx) = set
            .map_err(UaError::from)
            .and_then(|()| self.start_client(now, flow, invite.clone(), ClientUser::Invite(id)))
        else {
            return false;
        };
        if let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(&id) {
            *calling = Calling { tx, invite, early: Default::default(), cancel: None, retried: true };
        }
        true
    }

    /// The INVITE went out once more under another number.
    pub(in crate::ua) fn invite_sent_again(&mut self, id: SessionId, tx: TxId, number: u32) {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(&id) else { return };
        calling.tx = tx;
        calling.early.clear();
        if calling.invite.headers.set(HeaderName::CSeq, CSeq { number, method: Method::Invite }).is_err() {
            tracing::warn!("a CSeq could not be written");
        }
    }

    pub(in crate::ua) fn invite_failed(&mut self, id: SessionId, cause: FailureCause) {
        let cancelled = match self.sessions.get(&id).map(|session| &session.phase) {
            Some(Phase::Calling(calling)) => calling.cancel.is_some(),
            Some(Phase::Ringing(_) | Phase::Confirmed(_)) | None => return,
        };
        let cause = match cause {
            _ if cancelled => EndCause::Local,
            FailureCause::Timeout => EndCause::Timeout,
            FailureCause::FlowClosed => EndCause::FlowClosed,
        };
        self.finish(id, cause);
    }

    pub(super) fn end_calling(&mut self, now: Timestamp, id: SessionId, reason: Option<String>) {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(&id) else { return };
        if calling.cancel.is_some() {
            return;
        }
        calling.cancel = Some(Cancel::Waiting(reason));
        let tx = calling.tx;
        self.timers.set(Timer::CancelEnd(id), now + self.config.t1 * 64);
        if self.cancellable(tx).is_some_and(|(heard, _, _)| heard) {
            self.send_cancel(now, id);
        }
    }

    fn send_cancel(&mut self, now: Timestamp, id: SessionId) {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(&id) else { return };
        let reason = match calling.cancel.replace(Cancel::Sent) {
            Some(Cancel::Waiting(reason)) => reason,
            Some(Cancel::Sent) | None => None,
        };
        let tx = calling.tx;
        let Some((_, flow, invite)) = self.cancellable(tx) else { return };
        let branch = invite.headers.via().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let cancel = cancel_of(&invite).and_then(|mut cancel| {
            if let Some(reason) = reason {
                cancel.headers.push(HeaderName::Reason, reason)?;
            }
            Ok(cancel)
        });
        let sent = cancel.map_err(UaError::from).and_then(|cancel| {
            self.launch(now, flow, cancel, ClientUser::Nobody, Some(&branch), Default::default())
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "CANCEL could not be sent");
        }
    }

    /// The far side answered neither the CANCEL nor the INVITE (section 9.1).
    pub(in crate::ua) fn cancel_end(&mut self, id: SessionId) {
        if let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get(&id) {
            let tx = calling.tx;
            self.forget_client(tx);
            self.finish(id, EndCause::Local);
        }
    }

    /// Ends a session, whatever its state: CANCEL, a refusal (480), or BYE. `reason` is a Reason header (RFC 3326).
    /// The session's last event follows, at once or when the far side's answer to CANCEL has come.
    pub fn end(&mut self, now: Timestamp, id: SessionId, reason: Option<String>) -> Result<(), UaError> {
        if reason.as_ref().is_some_and(|reason| reason.contains(['\r', '\n'])) {
            return Err(crate::msg::InvalidValue { what: "Reason" }.into());
        }
        let session = self.sessions.get(&id).ok_or(UaError::NoSuchSession)?;
        match &session.phase {
            Phase::Calling(_) => self.end_calling(now, id, reason),
            Phase::Ringing(_) => self.end_ringing(now, id, reason),
            Phase::Confirmed(_) => self.end_confirmed(now, id, reason),
        }
        Ok(())
    }

    /// BYE, at once or after the ACK that is still awaited (section 15).
    pub(super) fn end_confirmed(&mut self, now: Timestamp, id: SessionId, reason: Option<String>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(waiting) = session.unacknowledged.as_mut().filter(|waiting| waiting.first) {
            waiting.end.get_or_insert(reason);
            return;
        }
        self.bye(now, id, reason);
        self.finish(id, EndCause::Local);
    }

    pub(super) fn bye(&mut self, now: Timestamp, id: SessionId, reason: Option<String>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Offer::Received { tx, .. } = std::mem::replace(&mut session.offer, Offer::None) {
            self.reply(now, tx, Reply::new(StatusCode::REQUEST_TERMINATED));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let flow = session.flow;
        let bye = session.confirmed().and_then(|dialog| {
            let mut bye = dialog.request(Method::Bye)?;
            if let Some(reason) = reason {
                bye.headers.push(HeaderName::Reason, reason)?;
            }
            Ok(bye)
        });
        if let Err(error) = bye.and_then(|bye| self.start_client(now, flow, bye, ClientUser::Nobody)) {
            // The flow is gone: the far side's session timer will end it.
            tracing::debug!(%error, "BYE could not be sent");
        }
    }
}
