//! A SIP user agent as a state machine: transactions, dialogs and sessions of RFC 3261 with RFC 3262 (PRACK), 3311
//! (UPDATE), 3515 (REFER), 3891 (Replaces), 4028 (session timers) and 6026.
//!
//! The driver tells it which flows are open, hands in every message and wakes it at
//! [`next_deadline`](UserAgent::next_deadline); after each call it takes out what there is to
//! [`poll`](UserAgent::poll). SDP is opaque here.
//!
//! A session stays on its flow: requests and responses go where the call came from or was sent to, as RFC 5626 and
//! symmetric response routing (RFC 3581) want it, and never by a new look at the far side's Contact.

mod auth;
mod client_tx;
mod dialog;
mod incoming;
mod out_of_dialog;
mod owners;
mod parting;
mod server_tx;
mod session;
mod timers;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

pub use types::{
    EndCause, FailureCause, FlowId, FlowInfo, IncomingId, Invite, OutOfDialog, Reply, RequestId,
    SessionEvent, SessionId, TransportKind, UaConfig, UaError, UaEvent, UaOutput,
};

use crate::Timestamp;
use crate::digest::DigestClient;
use crate::msg::{Message, Method, Response};
use client_tx::{ClientTx, ClientUser};
use server_tx::{MergeKey, ServerTx};
use session::Session;
use timers::{Timer, Timers, TxId};

/// Option tags that this user agent understands.
const SUPPORTED: [&str; 3] = ["timer", "100rel", "replaces"];

/// See the [module](self).
pub struct UserAgent {
    config: UaConfig,
    rng: ChaCha12Rng,
    numbers: u64,
    flows: BTreeMap<FlowId, FlowInfo>,
    owners: BTreeMap<FlowId, u64>,
    clients: BTreeMap<TxId, ClientTx>,
    client_keys: BTreeMap<(String, Method), TxId>,
    servers: BTreeMap<TxId, ServerTx>,
    server_keys: BTreeMap<String, TxId>,
    /// The first transaction of each request outside of dialogs, to tell when it comes on another way, too.
    merge_keys: BTreeMap<MergeKey, TxId>,
    incoming: BTreeMap<IncomingId, TxId>,
    sessions: BTreeMap<SessionId, Session>,
    /// Call-ID and local tag of every dialog.
    dialogs: BTreeMap<(String, String), SessionId>,
    auth: Option<DigestClient>,
    flow_auth: BTreeMap<FlowId, DigestClient>,
    timers: Timers,
    outputs: VecDeque<UaOutput>,
}

impl UserAgent {
    /// A user agent without flows. The seed makes its tags, branches and Call-IDs; never give the same twice.
    pub fn new(config: UaConfig, seed: [u8; 32]) -> Self {
        Self {
            config,
            rng: ChaCha12Rng::from_seed(seed),
            numbers: 0,
            flows: BTreeMap::new(),
            owners: BTreeMap::new(),
            clients: BTreeMap::new(),
            client_keys: BTreeMap::new(),
            servers: BTreeMap::new(),
            server_keys: BTreeMap::new(),
            merge_keys: BTreeMap::new(),
            incoming: BTreeMap::new(),
            sessions: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            auth: None,
            flow_auth: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
        }
    }

    /// A flow is open, or what is known of it has changed.
    pub fn flow_opened(&mut self, flow: FlowId, info: FlowInfo) {
        self.flows.insert(flow, info);
    }

    /// A flow is closed. Requests on it fail, unanswered calls end, answered ones report
    /// [`FlowLost`](SessionEvent::FlowLost) and wait.
    pub fn flow_closed(&mut self, now: Timestamp, flow: FlowId) {
        if self.flows.remove(&flow).is_none() {
            return;
        }
        self.sessions_lose_flow(flow);
        self.fail_clients_of(now, flow);
        self.drop_servers_of(flow);
        self.flow_auth.remove(&flow);
        self.owners.remove(&flow);
    }

    /// Reads one whole message that came in on a flow. A bad one is answered where it can be, and changes nothing.
    pub fn handle_message(&mut self, now: Timestamp, flow: FlowId, bytes: &[u8]) {
        if !self.flows.contains_key(&flow) {
            return;
        }
        match Message::parse(bytes) {
            Ok(Message::Request(request)) => self.on_request(now, flow, request),
            Ok(Message::Response(response)) => self.on_response(now, flow, response),
            Err(error) => {
                tracing::debug!(%error, "a message could not be read");
                if let Some(response) = error.response() {
                    self.send_stateless(flow, response);
                }
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::ClientRetransmit(id) => self.client_retransmit(now, id),
                Timer::ClientEnd(id) => self.client_end(now, id),
                Timer::ServerRetransmit(id) => self.server_retransmit(now, id),
                Timer::ServerEnd(id) => self.server_end(id),
                Timer::AnswerRetransmit(session) => self.answer_retransmit(now, session),
                Timer::AnswerEnd(session) => self.answer_end(now, session),
                Timer::Refresh(session) => self.refresh(now, session),
                Timer::Expiry(session) => self.expire(now, session),
                Timer::Reoffer(session) => self.retry_offer(now, session),
                Timer::CancelEnd(session) => self.cancel_end(session),
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// The next thing to send or to hear of.
    pub fn poll(&mut self) -> Option<UaOutput> {
        self.outputs.pop_front()
    }

    /// What is known of an open flow.
    pub fn flow(&self, flow: FlowId) -> Option<&FlowInfo> {
        self.flows.get(&flow)
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn send(&mut self, flow: FlowId, bytes: Bytes) {
        if self.flows.contains_key(&flow) {
            self.outputs.push_back(UaOutput::Send { flow, bytes });
        }
    }

    fn emit(&mut self, event: UaEvent) {
        self.outputs.push_back(UaOutput::Event(event));
    }

    fn emit_session(&mut self, session: SessionId, event: SessionEvent) {
        self.emit(UaEvent::Session { session, event });
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn random_hex(&mut self) -> String {
        format!("{:016x}", self.rng.random::<u64>())
    }

    fn new_tag(&mut self) -> String {
        self.random_hex()
    }

    fn new_branch(&mut self) -> String {
        format!("z9hG4bK{}", self.random_hex())
    }

    /// 128 random bits: nothing of the sender's address, which must not reach the far side.
    fn new_call_id(&mut self) -> String {
        format!("{}{}", self.random_hex(), self.random_hex())
    }

    fn client_response(
        &mut self,
        now: Timestamp,
        tx: TxId,
        flow: FlowId,
        user: ClientUser,
        request: &crate::msg::Request,
        response: Response,
    ) {
        match user {
            ClientUser::Request(id) => self.emit(UaEvent::Response { id, response }),
            ClientUser::Invite(session) => self.invite_response(now, tx, flow, session, request, response),
            ClientUser::Offer(session) => self.offer_response(now, session, request, response),
            ClientUser::Refresh(session) => self.refresh_response(now, session, &response),
            ClientUser::Refer(session) => {
                if response.status.is_final() && self.sessions.contains_key(&session) {
                    self.emit_session(session, SessionEvent::ReferAnswered { status: response.status });
                }
            }
            ClientUser::InDialog(session) => {
                self.in_dialog_response(now, session, response.status);
            }
            ClientUser::Nobody => {}
        }
    }

    fn client_failed(&mut self, now: Timestamp, user: ClientUser, cause: FailureCause) {
        match user {
            ClientUser::Request(id) => self.emit(UaEvent::RequestFailed { id, cause }),
            ClientUser::Invite(session) => self.invite_failed(session, cause),
            ClientUser::Offer(session) => self.offer_failed(now, session, cause),
            ClientUser::Refresh(session) | ClientUser::InDialog(session) => {
                self.in_dialog_failed(now, session, cause)
            }
            ClientUser::Refer(session) => {
                if self.sessions.contains_key(&session) {
                    let status = crate::msg::StatusCode::REQUEST_TIMEOUT;
                    self.emit_session(session, SessionEvent::ReferAnswered { status });
                }
            }
            ClientUser::Nobody => {}
        }
    }
}
