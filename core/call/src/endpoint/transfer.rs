//! Transfers (RFC 3515, RFC 3891, RFC 5589): asked for by this side, asked for by the far side, and a call that takes the
//! place of another.

use std::time::Duration;

use doorstep_sip::msg::{HeaderName, Headers, InvalidValue, NameAddr, Request, SipUri, StatusCode, Uri};
use doorstep_sip::ua::{IncomingId, Reply, SessionId};

use super::call::{Call, Calling, Outward, Phase, Ringing};
use super::{Deadline, Endpoint};
use crate::{
    CallHandle, CommandError, Direction, EndReason, Event, MediaCommand, OrderId, Target, TransferProgress,
};

/// Nothing more is heard of a transfer after this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who asked for a transfer hangs up when it has worked; if not within this time, this side does.
const GOODBYE: Duration = Duration::from_secs(10);

impl Endpoint {
    /// Blind transfer.
    pub(super) fn transfer(&mut self, handle: CallHandle, target: &Target) -> Result<(), CommandError> {
        let session = self.transferable(handle)?;
        let uri = self.resolve(target).ok_or(CommandError::InvalidTarget)?;
        self.refer(handle, session, uri, None)
    }

    /// Attended transfer: the far side of `handle` takes this side's place in `other`.
    pub(super) fn transfer_to(&mut self, handle: CallHandle, other: CallHandle) -> Result<(), CommandError> {
        if handle == other {
            return Err(CommandError::WrongState);
        }
        let (session, reached) = (self.transferable(handle)?, self.transferable(other)?);
        let target = self.ua.remote_target(reached).and_then(|uri| uri.as_sip().cloned());
        let (Some(target), Some(replaces)) = (target, self.ua.replaces_value(reached)) else {
            return Err(CommandError::WrongState);
        };
        self.refer(handle, session, target.with_header("Replaces", &replaces).into(), Some(other))
    }

    fn transferable(&self, handle: CallHandle) -> Result<SessionId, CommandError> {
        let call = self.calls.get(&handle).ok_or(CommandError::NoSuchCall)?;
        let active = call.active().ok_or(CommandError::WrongState)?;
        let free = !active.reconnecting && active.transfer.is_none() && !active.awaits_answer;
        call.session.filter(|_| free).ok_or(CommandError::WrongState)
    }

    fn refer(
        &mut self,
        handle: CallHandle,
        session: SessionId,
        to: Uri,
        other: Option<CallHandle>,
    ) -> Result<(), CommandError> {
        self.ua.refer(self.now, session, &NameAddr::new(to)).map_err(|error| {
            tracing::debug!(%error, "REFER could not be sent");
            CommandError::WrongState
        })?;
        if let Some(active) = self.active_of(handle) {
            active.transfer = Some(Outward { other, accepted: false });
        }
        self.deadlines.set(Deadline::Transfer(handle), self.now + PATIENCE);
        Ok(())
    }

    pub(super) fn refer_answered(&mut self, handle: CallHandle, status: StatusCode) {
        let Some(transfer) = self.active_of(handle).and_then(|active| active.transfer.as_mut()) else {
            return;
        };
        if !status.is_success() {
            self.transfer_failed(handle, status.code());
        } else if !std::mem::replace(&mut transfer.accepted, true) {
            self.tell(Event::Transfer { call: handle, progress: TransferProgress::Accepted });
        }
    }

    /// `message/sipfrag`: the status line of the far side's own call (RFC 3515 section 2.4.5).
    pub(super) fn notify_came(&mut self, handle: CallHandle, request: &Request) {
        let Some(transfer) = self.active_of(handle).and_then(|active| active.transfer) else { return };
        let line = std::str::from_utf8(&request.body).ok().and_then(|body| body.lines().next());
        let status = line.and_then(|line| line.strip_prefix("SIP/2.0 ")).and_then(|rest| rest.get(..3));
        let last = request
            .headers
            .get(&HeaderName::SubscriptionState)
            .is_some_and(|state| state.trim().to_ascii_lowercase().starts_with("terminated"));
        match status.and_then(|digits| digits.parse::<u16>().ok()) {
            Some(180..=182) => {
                self.tell(Event::Transfer { call: handle, progress: TransferProgress::Ringing })
            }
            Some(200..=299) => {
                self.tell(Event::Transfer { call: handle, progress: TransferProgress::Done });
                self.drop_call(handle, EndReason::Transferred);
                if let Some(other) = transfer.other {
                    self.drop_call(other, EndReason::Transferred);
                }
            }
            Some(status @ 300..=699) => self.transfer_failed(handle, status),
            Some(_) | None if last => self.transfer_failed(handle, 408),
            Some(_) | None => {}
        }
    }

    pub(super) fn transfer_failed(&mut self, handle: CallHandle, status: u16) {
        self.deadlines.cancel(Deadline::Transfer(handle));
        if self.active_of(handle).is_some_and(|active| active.transfer.take().is_some()) {
            self.tell(Event::Transfer { call: handle, progress: TransferProgress::Failed { status } });
        }
    }

    /// A call ended that another was to be joined with. The far sides may have joined by then (the one hangs up, the
    /// other tells); the transfer goes on without it.
    pub(super) fn transfer_lost_its_other(&mut self, gone: CallHandle) {
        for active in self.calls.values_mut().filter_map(|call| call.active_mut()) {
            if let Some(transfer) = active.transfer.as_mut().filter(|transfer| transfer.other == Some(gone)) {
                transfer.other = None;
            }
        }
    }

    /// The far side asks this side to call somebody else.
    pub(super) fn refer_came(
        &mut self,
        handle: CallHandle,
        session: SessionId,
        incoming: IncomingId,
        request: &Request,
    ) {
        let busy = self
            .calls
            .values_mut()
            .any(|call| call.calling_mut().is_some_and(|c| c.referred_by == Some(session)));
        let target = request
            .headers
            .get(&HeaderName::ReferTo)
            .and_then(|to| to.parse::<NameAddr>().ok())
            .and_then(|to| to.uri.as_sip().cloned());
        let active = self.calls.get(&handle).is_some_and(|call| call.active().is_some());
        let refusal = if !active || busy {
            Some(StatusCode::REQUEST_PENDING)
        } else if self.calls.len() >= self.config.max_calls {
            Some(StatusCode::BUSY_HERE)
        } else if target.is_none() {
            Some(StatusCode::UNSUPPORTED_URI_SCHEME)
        } else {
            None
        };
        let status = refusal.unwrap_or(StatusCode::ACCEPTED);
        let answered = self.ua.respond(self.now, incoming, Reply::new(status));
        let (Some(target), None, Ok(())) = (target, refusal, answered) else { return };
        self.notify_referrer(session, 100);
        match headers_for(&target, request) {
            Ok((uri, headers)) => self.begin_referred(handle, session, uri, headers),
            Err(error) => {
                tracing::debug!(%error, "a transfer's target cannot be called");
                self.notify_referrer(session, 400);
            }
        }
    }

    fn begin_referred(&mut self, handle: CallHandle, session: SessionId, uri: SipUri, headers: Headers) {
        let new = CallHandle(CallHandle::FIRST_OWN + self.next_number());
        let order = uri.user().and_then(|user| user.strip_prefix("order.").map(OrderId::from));
        let mut calling = Calling::new(uri.into());
        (calling.headers, calling.referred_by) = (headers, Some(session));
        let mut call = Call::new(new, Direction::Outgoing, Phase::Calling(calling), self.now);
        (call.order, call.takes_over) = (order, Some(handle));
        call.muted = self.calls.get(&handle).is_some_and(|before| before.muted);
        self.begin_call(call);
    }

    pub(super) fn tell_referrer(&mut self, handle: CallHandle, status: u16) {
        let referrer = self.calls.get_mut(&handle).and_then(|call| call.calling_mut()?.referred_by);
        if let Some(session) = referrer {
            self.notify_referrer(session, status);
        }
    }

    pub(super) fn notify_referrer(&mut self, session: SessionId, status: u16) {
        let Ok(status) = StatusCode::new(status) else { return };
        let line = format!("SIP/2.0 {status} {}", status.reason());
        // It may have hung up already.
        let _ = self.ua.notify(self.now, session, &line, status.is_final());
    }

    /// A call that stands in for another is answered.
    pub(super) fn takes_over_now(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get(&handle) else { return };
        let (Some(before), direction) = (call.takes_over, call.direction) else { return };
        match direction {
            Direction::Incoming => self.drop_call(before, EndReason::Transferred),
            Direction::Outgoing => {
                if let Some(leg) = self.calls.get(&before).and_then(|call| call.leg) {
                    self.order_media(MediaCommand::SetHold { leg, on: true });
                    self.deadlines.set(Deadline::Transferred(before), self.now + GOODBYE);
                }
            }
        }
    }

    pub(super) fn transferred_away(&mut self, handle: CallHandle) {
        self.drop_call(handle, EndReason::Transferred);
    }

    /// An INVITE that takes the place of a call (Replaces): answered by itself, and the other ended.
    pub(super) fn replacement_came(
        &mut self,
        session: SessionId,
        replaced: SessionId,
        call_id: String,
        request: &Request,
    ) {
        let before = self.sessions.get(&replaced).and_then(|handle| self.calls.get(handle));
        let Some(before) = before.filter(|call| call.active().is_some()) else {
            let _ =
                self.ua.reject(self.now, session, Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
            return;
        };
        let (old, order, label, muted) =
            (before.handle, before.order.clone(), before.label.clone(), before.muted);
        let handle = self.new_incoming(call_id);
        if let Some(call) = self.calls.get_mut(&handle) {
            call.phase = Phase::Ringing(Ringing { pressed: true, ..Ringing::default() });
            (call.takes_over, call.order, call.label, call.muted) = (Some(old), order, label, muted);
        }
        self.bind(handle, session, request);
        self.tell_changed(handle);
        self.answer_offer(handle, request);
    }
}

/// The target without what hangs on it, and the headers that its INVITE gets.
fn headers_for(target: &SipUri, refer: &Request) -> Result<(SipUri, Headers), InvalidValue> {
    let mut headers = Headers::default();
    if let Some(replaces) = target.header("Replaces") {
        headers.push(HeaderName::Replaces, replaces)?;
    }
    if let Some(by) = refer.headers.get(&HeaderName::ReferredBy) {
        headers.push(HeaderName::ReferredBy, by)?;
    }
    let mut uri = SipUri::new(target.host.clone());
    if let Some(user) = target.user() {
        uri = uri.with_user(&user);
    }
    (uri.scheme, uri.port, uri.params) = (target.scheme, target.port, target.params.clone());
    uri.params.remove("method");
    Ok((uri, headers))
}
