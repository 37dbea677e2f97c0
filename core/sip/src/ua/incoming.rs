//! What becomes of a request that comes in (RFC 3261 section 8.2).

use super::server_tx::ALLOW;
use super::timers::TxId;
use super::{FlowId, IncomingId, Reply, SUPPORTED, UaEvent, UserAgent};
use crate::Timestamp;
use crate::msg::{HeaderName, Headers, Method, Request, Response, StatusCode, Uri};

impl UserAgent {
    pub(super) fn on_request(&mut self, now: Timestamp, flow: FlowId, mut request: Request) {
        self.note_source(flow, &mut request.headers);
        if request.method == Method::Ack {
            let refusal = self.server_of(&request).is_some_and(|tx| self.acknowledge_refusal(now, tx));
            if !refusal {
                self.session_acknowledged(now, flow, &request);
            }
            return;
        }
        if let Some(tx) = self.server_of(&request) {
            self.repeated_request(tx);
            return;
        }
        let merged = self.is_merged(&request);
        if self.servers.len() >= self.config.max_transactions {
            let mut response = Response::to(&request, StatusCode::SERVICE_UNAVAILABLE);
            if response.headers.push(HeaderName::RetryAfter, 5).is_ok() {
                self.send_stateless(flow, response);
            }
            return;
        }
        let Some(tx) = self.start_server(now, flow, request.clone()) else { return };
        if request.method == Method::Cancel {
            self.cancelled(now, tx, flow, &request);
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
            (true, _) => self.in_dialog_request(now, tx, flow, request),
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
            (false, method) if self.config.accepted_methods.contains(method) => {
                let id = self.hold_request(tx);
                self.emit(UaEvent::IncomingRequest { id, flow, request });
            }
            (false, _) => self.reply_not_allowed(now, tx),
        }
    }

    /// An id by which the user answers.
    pub(super) fn hold_request(&mut self, tx: TxId) -> IncomingId {
        let id = IncomingId(self.next_number());
        self.incoming.insert(id, tx);
        if let Some(tx) = self.servers.get_mut(&tx) {
            tx.incoming = Some(id);
        }
        id
    }

    pub(super) fn reply_not_allowed(&mut self, now: Timestamp, tx: TxId) {
        let mut reply = Reply::new(StatusCode::METHOD_NOT_ALLOWED);
        add(&mut reply, HeaderName::Allow, ALLOW);
        self.reply(now, tx, reply);
    }

    /// `received` and `rport` (section 18.2.1, RFC 3581).
    pub(super) fn note_source(&self, flow: FlowId, headers: &mut Headers) {
        let remote = self.flows.get(&flow).and_then(|info| info.remote);
        let (Some(remote), Some(mut via)) = (remote, headers.via()) else { return };
        let asked = via.params.contains("rport");
        if !asked && via.host == crate::msg::Host::Address(remote.ip()) {
            return;
        }
        let port = asked.then(|| remote.port().to_string());
        let noted = via.params.set("received", Some(&remote.ip().to_string())).is_ok()
            && port.is_none_or(|port| via.params.set("rport", Some(&port)).is_ok());
        if noted {
            headers.set_top_via(&via);
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
        // Proxy-Require is for those on the way (section 20.29).
        let known = |tag: &&str| SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag));
        let mut unknown = request.headers.tokens(&HeaderName::Require);
        unknown.retain(|tag| !known(tag));
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
        if describes_media && !takes_sdp(&request.headers) {
            return Some(Reply::new(StatusCode::NOT_ACCEPTABLE));
        }
        None
    }
}

/// Whether the sender could read an answer in SDP (section 20.1).
fn takes_sdp(headers: &Headers) -> bool {
    let ranges = headers.tokens(&HeaderName::Accept);
    let mut kinds = ranges.iter().filter_map(|range| range.split(';').next()).map(str::trim);
    headers.get(&HeaderName::Accept).is_none()
        || kinds
            .any(|kind| [SDP, "application/*", "*/*"].iter().any(|known| known.eq_ignore_ascii_case(kind)))
}

/// The media type of a session description.
pub(super) const SDP: &str = "application/sdp";

/// Adds a header whose value holds no line break: this crate's own text, or tokens of a message that was read.
pub(super) fn add(reply: &mut Reply, name: HeaderName, value: &str) {
    if reply.headers.push(name, value).is_err() {
        tracing::warn!("a header with a line break was left out of a response");
    }
}
