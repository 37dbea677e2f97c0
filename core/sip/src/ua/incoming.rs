//! What becomes of a request that comes in (RFC 3261 section 8.2).

use super::server_tx::ALLOW;
use super::timers::TxId;
use super::{FlowId, IncomingId, Reply, SUPPORTED, UaEvent, UserAgent};
use crate::Timestamp;
use crate::msg::{HeaderName, Method, Request, StatusCode, Uri};

impl UserAgent {
    pub(super) fn on_request(&mut self, now: Timestamp, flow: FlowId, mut request: Request) {
        self.note_source(flow, &mut request);
        if request.method == Method::Ack {
            let refusal = self.server_of(&request).is_some_and(|tx| self.acknowledge_refusal(now, tx));
            if !refusal {
                self.session_acknowledged(now, &request);
            }
            return;
        }
        if let Some(tx) = self.server_of(&request) {
            self.repeated_request(tx);
            return;
        }
        let merged = self.is_merged(&request);
        let full = self.servers.len() >= self.config.max_transactions;
        let Some(tx) = self.start_server(now, flow, request.clone()) else { return };
        if full {
            let mut reply = Reply::new(StatusCode::SERVICE_UNAVAILABLE);
            add(&mut reply, HeaderName::RetryAfter, "5");
            self.reply(now, tx, reply);
            return;
        }
        if request.method == Method::Cancel {
            self.cancelled(now, tx, &request);
            return;
        }
        if merged {
            self.reply(now, tx, Reply::new(StatusCode::LOOP_DETECTED));
            return;
        }
        if let Some(refusal) = self.refusal(&request) {
            self.reply(now, tx, refusal);
            return;
        }
        let in_dialog = request.headers.to().is_some_and(|to| to.tag().is_some());
        match (in_dialog, &request.method) {
            (true, _) => self.in_dialog_request(now, tx, request),
            (false, Method::Invite) => self.incoming_invite(now, tx, flow, request),
            (false, Method::Options) => {
                let mut reply = Reply::new(StatusCode::OK);
                add(&mut reply, HeaderName::Allow, ALLOW);
                add(&mut reply, HeaderName::Accept, SDP);
                add(&mut reply, HeaderName::Supported, &SUPPORTED.join(", "));
                self.reply(now, tx, reply);
            }
            (false, Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify) => {
                self.reply(now, tx, Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
            }
            (false, _) => {
                let id = self.hold_request(tx);
                self.emit(UaEvent::IncomingRequest { id, flow, request });
            }
        }
    }

    /// An id by which the user answers.
    pub(super) fn hold_request(&mut self, tx: TxId) -> IncomingId {
        let id = IncomingId(self.next_number());
        self.incoming.insert(id, tx);
        id
    }

    /// `received` and `rport` (section 18.2.1, RFC 3581).
    fn note_source(&self, flow: FlowId, request: &mut Request) {
        let remote = self.flows.get(&flow).and_then(|info| info.remote);
        let (Some(remote), Some(mut via)) = (remote, request.headers.via()) else { return };
        let asked = via.params.contains("rport");
        if !asked && via.host == crate::msg::Host::Address(remote.ip()) {
            return;
        }
        let port = asked.then(|| remote.port().to_string());
        let noted = via.params.set("received", Some(&remote.ip().to_string())).is_ok()
            && port.is_none_or(|port| via.params.set("rport", Some(&port)).is_ok());
        if noted {
            request.headers.set_top_via(&via);
        }
    }

    /// What is wrong with a request before anyone looks at what it wants.
    fn refusal(&self, request: &Request) -> Option<Reply> {
        let known = match &request.method {
            Method::Invite
            | Method::Ack
            | Method::Cancel
            | Method::Bye
            | Method::Options
            | Method::Update
            | Method::Prack
            | Method::Info
            | Method::Refer
            | Method::Notify => true,
            other => self.config.accepted_methods.contains(other),
        };
        if !known {
            let mut reply = Reply::new(StatusCode::METHOD_NOT_ALLOWED);
            add(&mut reply, HeaderName::Allow, ALLOW);
            return Some(reply);
        }
        match &request.uri {
            Uri::Sip(_) => {}
            other if other.telephone_number().is_some() => {}
            Uri::Other(_) => return Some(Reply::new(StatusCode::UNSUPPORTED_URI_SCHEME)),
        }
        let required = request.headers.tokens(&HeaderName::Require);
        let proxy_required = request.headers.tokens(&HeaderName::ProxyRequire);
        let known = |tag: &&str| SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag));
        let unknown: Vec<_> = required.into_iter().chain(proxy_required).filter(|tag| !known(tag)).collect();
        if !unknown.is_empty() {
            let mut reply = Reply::new(StatusCode::BAD_EXTENSION);
            add(&mut reply, HeaderName::Unsupported, &unknown.join(", "));
            return Some(reply);
        }
        let describes_media = matches!(request.method, Method::Invite | Method::Update | Method::Prack);
        if describes_media && !request.body.is_empty() {
            let media_type = request.headers.get(&HeaderName::ContentType).unwrap_or_default();
            let sdp = media_type.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case(SDP));
            let plain = request
                .headers
                .tokens(&HeaderName::ContentEncoding)
                .iter()
                .all(|e| e.eq_ignore_ascii_case("identity"));
            if !sdp || !plain {
                let mut reply = Reply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
                add(&mut reply, HeaderName::Accept, SDP);
                return Some(reply);
            }
        }
        None
    }
}

/// The media type of a session description.
pub(super) const SDP: &str = "application/sdp";

/// Adds a header whose value holds no line break: this crate's own text, or tokens of a message that was read.
pub(super) fn add(reply: &mut Reply, name: HeaderName, value: &str) {
    if reply.headers.push(name, value).is_err() {
        tracing::warn!("a header with a line break was left out of a response");
    }
}
