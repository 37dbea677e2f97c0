//! Server transactions (RFC 3261 section 17.2, RFC 6026).

use std::time::Duration;

use bytes::Bytes;

use super::timers::{Timer, TxId};
use super::{FlowId, IncomingId, Reply, SessionId, UserAgent};
use crate::Timestamp;
use crate::msg::{HeaderName, Method, NameAddr, Request, Response, StatusCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Trying or Proceeding.
    Proceeding,
    /// 2xx to an INVITE was sent; the session repeats it.
    Accepted,
    Completed,
    Confirmed,
}

#[derive(Debug)]
pub(super) struct ServerTx {
    pub(super) flow: FlowId,
    /// As it came.
    pub(super) request: Request,
    key: String,
    reliable: bool,
    state: State,
    interval: Duration,
    last: Option<Bytes>,
    /// What this side's responses carry as To tag, where the request had none.
    pub(super) local_tag: String,
    merge_key: Option<MergeKey>,
    /// The session that an INVITE or UPDATE belongs to.
    pub(super) session: Option<SessionId>,
    /// By which the user answers.
    pub(super) incoming: Option<IncomingId>,
}

/// From tag, Call-ID and CSeq: what the same request has in common on every way that it takes.
pub(super) type MergeKey = (String, String, u32, Method);

/// `None` for a request within a dialog and for one of RFC 2543.
fn merge_key(request: &Request) -> Option<MergeKey> {
    let headers = &request.headers;
    headers.to().filter(|to| to.tag().is_none())?;
    let (from, cseq) = (headers.from()?, headers.cseq()?);
    Some((from.tag()?.to_owned(), headers.call_id()?.to_owned(), cseq.number, cseq.method))
}

/// What names a transaction (section 17.2.3). An ACK has its INVITE's name.
fn key(request: &Request, method: &Method) -> Option<String> {
    let method = if *method == Method::Ack { &Method::Invite } else { method };
    let via = request.headers.via()?;
    if via.has_rfc3261_branch() {
        return Some(format!("{} {} {method}", via.branch()?, via.sent_by()));
    }
    let (from, cseq) = (request.headers.from()?, request.headers.cseq()?);
    let (tag, call_id) = (from.tag().unwrap_or_default().to_owned(), request.headers.call_id()?);
    Some(format!("{} {tag} {call_id} {} {via} {method}", request.uri, cseq.number))
}

impl UserAgent {
    /// The transaction that a request belongs to.
    pub(super) fn server_of(&self, request: &Request) -> Option<TxId> {
        self.server_keys.get(&key(request, &request.method)?).copied()
    }

    /// The INVITE that a CANCEL means.
    pub(super) fn cancelled_by(&self, cancel: &Request) -> Option<TxId> {
        self.server_keys.get(&key(cancel, &Method::Invite)?).copied()
    }

    /// The same request that came on another way (section 8.2.2.2).
    pub(super) fn is_merged(&self, request: &Request) -> bool {
        merge_key(request).is_some_and(|key| self.merge_keys.contains_key(&key))
    }

    pub(super) fn start_server(&mut self, now: Timestamp, flow: FlowId, request: Request) -> Option<TxId> {
        let reliable = self.flows.get(&flow)?.transport.is_reliable();
        let key = key(&request, &request.method)?;
        let id = TxId(self.next_number());
        let local_tag = self.new_tag();
        self.server_keys.insert(key.clone(), id);
        let merge_key = merge_key(&request).filter(|key| !self.merge_keys.contains_key(key));
        if let Some(key) = &merge_key {
            self.merge_keys.insert(key.clone(), id);
        }
        let interval = self.config.t1;
        if request.method != Method::Invite {
            // The client gives up by then (timer F): an answer that the user still owes would find nobody.
            self.timers.set(Timer::ServerEnd(id), now + interval * 64);
        }
        let tx = ServerTx {
            flow,
            request,
            key,
            reliable,
            state: State::Proceeding,
            interval,
            last: None,
            local_tag,
            merge_key,
            session: None,
            incoming: None,
        };
        self.servers.insert(id, tx);
        Some(id)
    }

    /// Notes whose session the transaction is, for a CANCEL to find.
    pub(super) fn belongs_to(&mut self, id: TxId, session: SessionId) {
        if let Some(tx) = self.servers.get_mut(&id) {
            tx.session = Some(session);
        }
    }

    /// A request that was seen before: the last response again.
    pub(super) fn repeated_request(&mut self, id: TxId) {
        let Some(tx) = self.servers.get(&id) else { return };
        let again = match tx.state {
            State::Proceeding | State::Completed => tx.last.clone().map(|bytes| (tx.flow, bytes)),
            State::Accepted | State::Confirmed => None,
        };
        if let Some((flow, bytes)) = again {
            self.send(flow, bytes);
        }
    }

    /// An ACK that names this transaction; `false` when it is the session's to read.
    pub(super) fn acknowledge_refusal(&mut self, now: Timestamp, id: TxId) -> bool {
        let Some(tx) = self.servers.get_mut(&id) else { return false };
        match tx.state {
            State::Completed => {
                tx.state = State::Confirmed;
                // Timer I.
                let linger = if tx.reliable { Duration::ZERO } else { self.config.t4 };
                self.timers.cancel(Timer::ServerRetransmit(id));
                self.timers.set(Timer::ServerEnd(id), now + linger);
                true
            }
            State::Confirmed => true,
            State::Proceeding | State::Accepted => false,
        }
    }

    /// Whether no final response was given yet.
    pub(super) fn is_unanswered(&self, id: TxId) -> bool {
        self.servers.get(&id).is_some_and(|tx| tx.state == State::Proceeding)
    }

    /// Answers. Returns what was sent, for the session to repeat.
    pub(super) fn reply(&mut self, now: Timestamp, id: TxId, reply: Reply) -> Option<Response> {
        let tx = self.servers.get(&id)?;
        if tx.state != State::Proceeding {
            return None;
        }
        let (flow, status) = (tx.flow, reply.status);
        let response = self.response(tx, reply);
        let bytes = response.to_bytes();
        let t1 = self.config.t1;
        let tx = self.servers.get_mut(&id)?;
        tx.last = Some(bytes.clone());
        let reliable = tx.reliable;
        let invite = tx.request.method == Method::Invite;
        let end = if status.is_provisional() {
            None
        } else if invite && status.is_success() {
            tx.state = State::Accepted;
            Some(t1 * 64)
        } else if invite {
            tx.state = State::Completed;
            Some(t1 * 64)
        } else {
            tx.state = State::Completed;
            Some(if reliable { Duration::ZERO } else { t1 * 64 })
        };
        self.send(flow, bytes);
        if let Some(end) = end {
            self.timers.set(Timer::ServerEnd(id), now + end);
            if invite && !status.is_success() && !reliable {
                self.timers.set(Timer::ServerRetransmit(id), now + t1);
            }
        }
        Some(response)
    }

    /// A response outside of any transaction, for what could not become one (section 8.2.7).
    pub(super) fn send_stateless(&mut self, flow: FlowId, mut response: Response) {
        self.note_source(flow, &mut response.headers);
        let tag = self.new_tag();
        let untagged = response.headers.to().filter(|to| to.tag().is_none());
        if let Some(to) = untagged.and_then(|to| to.with_tag(&tag).ok()) {
            set(&mut response, HeaderName::To, to);
        }
        if !self.config.product.is_empty() {
            push(&mut response, HeaderName::Server, &self.config.product);
        }
        self.send(flow, response.to_bytes());
    }

    fn response(&self, tx: &ServerTx, reply: Reply) -> Response {
        let mut response = Response::to(&tx.request, reply.status);
        if let Some(reason) = reply.reason {
            response.reason = reason;
        }
        if reply.status != StatusCode::TRYING {
            let untagged = response.headers.to().filter(|to| to.tag().is_none());
            if let Some(to) = untagged.and_then(|to| to.with_tag(&tx.local_tag).ok()) {
                set(&mut response, HeaderName::To, to);
            }
        }
        let makes_dialog = matches!(tx.request.method, Method::Invite | Method::Update | Method::Refer)
            && (reply.status.is_success() || reply.status.is_provisional())
            && reply.status != StatusCode::TRYING;
        if makes_dialog {
            for route in tx.request.headers.all(&HeaderName::RecordRoute) {
                push(&mut response, HeaderName::RecordRoute, route);
            }
            if let Some(info) = self.flows.get(&tx.flow) {
                push(&mut response, HeaderName::Contact, NameAddr::new(info.contact.clone()));
            }
            push(&mut response, HeaderName::Allow, ALLOW);
            push(&mut response, HeaderName::Supported, super::SUPPORTED.join(", "));
        }
        if !self.config.product.is_empty() {
            push(&mut response, HeaderName::Server, &self.config.product);
        }
        for (name, value) in reply.headers.iter() {
            push(&mut response, name.clone(), value);
        }
        response.body = reply.body;
        response
    }

    pub(super) fn server_retransmit(&mut self, now: Timestamp, id: TxId) {
        let t2 = self.config.t2;
        let Some(tx) = self.servers.get_mut(&id) else { return };
        tx.interval = (tx.interval * 2).min(t2);
        let (flow, next, bytes) = (tx.flow, now + tx.interval, tx.last.clone());
        if let Some(bytes) = bytes {
            self.send(flow, bytes);
        }
        self.timers.set(Timer::ServerRetransmit(id), next);
    }

    pub(super) fn server_end(&mut self, id: TxId) {
        let Some(tx) = self.servers.remove(&id) else { return };
        self.timers.cancel(Timer::ServerRetransmit(id));
        self.timers.cancel(Timer::ServerEnd(id));
        self.server_keys.remove(&tx.key);
        if let Some(key) = &tx.merge_key {
            self.merge_keys.remove(key);
        }
        if let Some(incoming) = &tx.incoming {
            self.incoming.remove(incoming);
        }
    }

    pub(super) fn drop_servers_of(&mut self, flow: FlowId) {
        let lost: Vec<_> = self.servers.iter().filter(|(_, tx)| tx.flow == flow).map(|(id, _)| *id).collect();
        for id in lost {
            self.server_end(id);
        }
    }
}

/// What this user agent understands within and outside of sessions.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY";

/// The values are this crate's own or were read from a message: they hold no line break.
fn push(response: &mut Response, name: HeaderName, value: impl std::fmt::Display) {
    if response.headers.push(name, value).is_err() {
        tracing::warn!("a header with a line break was left out of a response");
    }
}

fn set(response: &mut Response, name: HeaderName, value: impl std::fmt::Display) {
    if response.headers.set(name, value).is_err() {
        tracing::warn!("a header with a line break was left out of a response");
    }
}
