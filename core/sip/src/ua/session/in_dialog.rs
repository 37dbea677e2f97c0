//! Requests within a session, but for the offers.

use bytes::Bytes;

use super::{Offer, Phase, reasons};
use crate::Timestamp;
use crate::msg::{HeaderName, Headers, Method, NameAddr, Request, StatusCode};
use crate::ua::client_tx::ClientUser;
use crate::ua::incoming::add;
use crate::ua::server_tx::ALLOW;
use crate::ua::timers::TxId;
use crate::ua::{EndCause, FlowId, Reply, SessionEvent, SessionId, UaError, UserAgent};

impl UserAgent {
    /// The session that a request with a To tag names, if who stands behind the flow may speak in it.
    pub(super) fn session_of(&mut self, flow: FlowId, request: &Request) -> Option<SessionId> {
        let (to, from) = (request.headers.to()?, request.headers.from()?);
        let key = (request.headers.call_id()?.to_owned(), to.tag()?.to_owned());
        let id = *self.dialogs.get(&key)?;
        let known = self.sessions.get_mut(&id)?.dialog_with(from.tag().unwrap_or_default()).is_some();
        (known && self.may_speak(id, flow)).then_some(id)
    }

    pub(in crate::ua) fn in_dialog_request(
        &mut self,
        now: Timestamp,
        tx: TxId,
        flow: FlowId,
        request: Request,
    ) {
        let Some(id) = self.session_of(flow, &request) else {
            self.reply(now, tx, Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
            return;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let tag = request.headers.from().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let dialog = self.sessions.get_mut(&id).and_then(|session| session.dialog_with(&tag));
        if !dialog.is_some_and(|dialog| dialog.accept_cseq(number)) {
            self.reply(now, tx, Reply::new(StatusCode::SERVER_INTERNAL_ERROR));
            return;
        }
        match request.method {
            Method::Invite | Method::Update => {
                self.follow(tx, id);
                self.offer_came(now, id, tx, request);
            }
            Method::Bye => {
                self.reply(now, tx, Reply::new(StatusCode::OK));
                self.bye_came(now, id, &request);
            }
            // An offer within PRACK: this side has made its answer elsewhere.
            Method::Prack if !request.body.is_empty() => {
                self.reply(now, tx, Reply::new(StatusCode::NOT_ACCEPTABLE_HERE));
            }
            Method::Prack => {
                let status = if self.prack(now, id, &request) {
                    StatusCode::OK
                } else {
                    StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST
                };
                self.reply(now, tx, Reply::new(status));
            }
            Method::Info => {
                self.reply(now, tx, Reply::new(StatusCode::OK));
                self.emit_session(id, SessionEvent::Info { request });
            }
            Method::Notify => {
                let event = request.headers.get(&HeaderName::Event).and_then(|event| event.split(';').next());
                if !event.is_some_and(|event| event.trim().eq_ignore_ascii_case("refer")) {
                    self.reply(now, tx, Reply::new(StatusCode::BAD_EVENT));
                    return;
                }
                self.reply(now, tx, Reply::new(StatusCode::OK));
                self.emit_session(id, SessionEvent::Notify { request });
            }
            Method::Refer => {
                if request.headers.get(&HeaderName::ReferTo).is_none() {
                    self.reply(now, tx, Reply::new(StatusCode::BAD_REQUEST));
                    return;
                }
                let incoming = self.hold_request(tx);
                self.emit_session(id, SessionEvent::Refer { incoming, request });
            }
            Method::Options => {
                let mut reply = Reply::new(StatusCode::OK);
                add(&mut reply, HeaderName::Allow, ALLOW);
                self.reply(now, tx, reply);
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Extension(_) => self.reply_not_allowed(now, tx),
        }
    }

    /// Where a far side asks for a change from, there it is from now on: it has come back over another flow.
    fn follow(&mut self, tx: TxId, id: SessionId) {
        let Some(flow) = self.servers.get(&tx).map(|tx| tx.flow) else { return };
        if let Some(session) = self.sessions.get_mut(&id)
            && matches!(session.phase, Phase::Confirmed(_))
        {
            session.flow = flow;
        }
    }

    fn bye_came(&mut self, now: Timestamp, id: SessionId, bye: &Request) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let open = match (&session.phase, &session.offer) {
            (Phase::Ringing(ringing), _) => Some(ringing.tx),
            (_, Offer::Received { tx, .. }) => Some(*tx),
            (Phase::Calling(_) | Phase::Confirmed(_), Offer::None | Offer::Sent { .. }) => None,
        };
        if let Phase::Calling(calling) = &mut session.phase {
            // One fork of several has given up; the INVITE goes on.
            let tag = bye.headers.from().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
            calling.early.remove(&tag);
            return;
        }
        if let Some(tx) = open {
            self.reply(now, tx, Reply::new(StatusCode::REQUEST_TERMINATED));
        }
        self.finish(id, EndCause::Remote { reasons: reasons(bye) });
    }

    /// INFO (RFC 6086), for instance a digit. The body's type is among the headers.
    pub fn info(
        &mut self,
        now: Timestamp,
        id: SessionId,
        headers: Headers,
        body: Bytes,
    ) -> Result<(), UaError> {
        self.request_in_session(now, id, Method::Info, headers, body, ClientUser::InDialog(id))
    }

    /// NOTIFY about a REFER that came in: `sipfrag` is a status line such as `SIP/2.0 180 Ringing` (RFC 3515 section
    /// 2.4.5), and `last` ends the subscription.
    pub fn notify(
        &mut self,
        now: Timestamp,
        id: SessionId,
        sipfrag: &str,
        last: bool,
    ) -> Result<(), UaError> {
        let mut headers = Headers::default();
        headers.push(HeaderName::Event, "refer")?;
        headers.push(
            HeaderName::SubscriptionState,
            if last { "terminated;reason=noresource" } else { "active;expires=60" },
        )?;
        headers.push(HeaderName::ContentType, "message/sipfrag;version=2.0")?;
        let body = Bytes::from(format!("{sipfrag}\r\n"));
        self.request_in_session(now, id, Method::Notify, headers, body, ClientUser::Nobody)
    }

    /// REFER (RFC 3515): asks the far side to call `to`; with a `Replaces` header on that URI, to take over another
    /// call (attended transfer).
    pub fn refer(&mut self, now: Timestamp, id: SessionId, to: &NameAddr) -> Result<(), UaError> {
        let mut headers = Headers::default();
        headers.push(HeaderName::ReferTo, to)?;
        let local = match self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?.confirmed() {
            Ok(dialog) => NameAddr::new(dialog.local.uri.clone()),
            Err(error) => return Err(error),
        };
        headers.push(HeaderName::ReferredBy, local)?;
        self.request_in_session(now, id, Method::Refer, headers, Bytes::new(), ClientUser::Refer(id))
    }

    /// What another call needs to take this one's place: the value of its Replaces header (RFC 3891), as the far
    /// side of this call must read it.
    pub fn replaces_value(&self, id: SessionId) -> Option<String> {
        match &self.sessions.get(&id)?.phase {
            Phase::Confirmed(dialog) => Some(format!(
                "{};to-tag={};from-tag={}",
                dialog.call_id,
                dialog.remote_tag(),
                dialog.local_tag()
            )),
            Phase::Calling(_) | Phase::Ringing(_) => None,
        }
    }

    pub(in crate::ua) fn request_in_session(
        &mut self,
        now: Timestamp,
        id: SessionId,
        method: Method,
        headers: Headers,
        body: Bytes,
        user: ClientUser,
    ) -> Result<(), UaError> {
        let session = self.sessions.get_mut(&id).ok_or(UaError::NoSuchSession)?;
        let flow = session.flow;
        let makes_dialog = matches!(method, Method::Refer | Method::Notify);
        let mut request = session.confirmed()?.request(method)?;
        if makes_dialog {
            self.add_contact(flow, &mut request)?;
        }
        for (name, value) in headers.iter() {
            request.headers.push(name.clone(), value)?;
        }
        request.body = body;
        self.start_client(now, flow, request, user).map(|_| ())
    }
}
