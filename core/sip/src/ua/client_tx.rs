//! Client transactions (RFC 3261 section 17.1, RFC 6026).

use std::time::Duration;

use bytes::Bytes;

use super::auth::Challenged;
use super::timers::{Timer, TxId};
use super::{FailureCause, FlowId, RequestId, SessionId, UaError, UserAgent};
use crate::Timestamp;
use crate::digest::Attempts;
use crate::msg::{CSeq, HeaderName, InvalidValue, Method, Request, Response, Via};

/// Who hears of the responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientUser {
    Request(RequestId),
    Invite(SessionId),
    /// A re-INVITE or an UPDATE with an offer.
    Offer(SessionId),
    /// UPDATE without a body that keeps the session's timer running.
    Refresh(SessionId),
    Refer(SessionId),
    /// What fails here means that the far side has lost the session: PRACK, INFO.
    InDialog(SessionId),
    /// BYE, CANCEL, NOTIFY: the answer changes nothing.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calling (INVITE) or Trying.
    Calling,
    Proceeding,
    Accepted,
    Completed,
}

#[derive(Debug)]
pub(super) struct ClientTx {
    flow: FlowId,
    /// As it was sent, with its Via.
    pub(super) request: Request,
    bytes: Bytes,
    reliable: bool,
    state: State,
    interval: Duration,
    user: ClientUser,
    /// Which challenges were answered.
    attempts: Attempts,
    /// The ACK to a refusal, to be sent again with each of its retransmissions.
    ack: Option<Bytes>,
}

impl ClientTx {
    /// Whether no final response has come.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }

    /// Whether no response at all has come.
    pub(super) fn is_unheard(&self) -> bool {
        match self.state {
            State::Calling => true,
            State::Proceeding | State::Accepted | State::Completed => false,
        }
    }

    pub(super) fn user(&self) -> ClientUser {
        self.user
    }
}

impl UserAgent {
    /// Sends a request that has all but its Via and its credentials.
    pub(super) fn start_client(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        request: Request,
        user: ClientUser,
    ) -> Result<TxId, UaError> {
        self.launch(now, flow, request, user, None, Attempts::default())
    }

    /// The same for a request that may have been challenged before, or that shares its branch with another (CANCEL).
    pub(super) fn launch(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        mut request: Request,
        user: ClientUser,
        branch: Option<&str>,
        mut attempts: Attempts,
    ) -> Result<TxId, UaError> {
        let branch = branch.map_or_else(|| self.new_branch(), str::to_owned);
        self.authorize(flow, &mut request, &mut attempts)?;
        let info = self.flows.get(&flow).ok_or(UaError::NoSuchFlow)?;
        request.headers.push_via_front(&via(info, &branch)?);
        let reliable = info.transport.is_reliable();
        if !self.config.product.is_empty() {
            request.headers.set(HeaderName::UserAgent, &self.config.product)?;
        }
        let id = TxId(self.next_number());
        let bytes = request.to_bytes();
        let invite = request.method == Method::Invite;
        self.client_keys.insert((branch, request.method.clone()), id);
        self.send(flow, bytes.clone());
        let interval = self.config.t1;
        self.clients.insert(
            id,
            ClientTx {
                flow,
                request,
                bytes,
                reliable,
                state: State::Calling,
                interval,
                user,
                attempts,
                ack: None,
            },
        );
        if !reliable {
            self.timers.set(Timer::ClientRetransmit(id), now + interval);
        }
        // Timers B and F.
        self.timers.set(Timer::ClientEnd(id), now + self.config.t1 * 64);
        tracing::trace!(invite, "client transaction started");
        Ok(id)
    }

    pub(super) fn on_response(&mut self, now: Timestamp, came_on: FlowId, response: Response) {
        // With more Vias than ours it lost its way (section 8.1.3.3).
        if response.headers.vias().len() != 1 {
            tracing::debug!("a response for somebody else is dropped");
            return;
        }
        // What this user agent did not send has no answer: a Via that is not ours never matches.
        let Some(id) = response.headers.via().and_then(|via| {
            let method = response.headers.cseq()?.method;
            self.client_keys.get(&(via.branch()?.to_owned(), method)).copied()
        }) else {
            tracing::debug!(status = response.status.code(), "a response to nothing is dropped");
            return;
        };
        // Nobody answers for a peer on another flow.
        let Some(tx) = self.clients.get_mut(&id).filter(|tx| tx.flow == came_on) else { return };
        let (status, user) = (response.status, tx.user);
        let first_final = status.is_final() && matches!(tx.state, State::Calling | State::Proceeding);
        let invite = tx.request.method == Method::Invite;
        let (deliver, keep) = match (tx.state, invite) {
            (State::Calling | State::Proceeding, true) if status.is_provisional() => {
                tx.state = State::Proceeding;
                self.timers.cancel(Timer::ClientRetransmit(id));
                match tx.user {
                    // Nobody is asked before an offer within a call is answered: silence means that it is lost.
                    ClientUser::Offer(_) => self.timers.set(Timer::ClientEnd(id), now + self.config.t1 * 64),
                    ClientUser::Request(_)
                    | ClientUser::Invite(_)
                    | ClientUser::Refresh(_)
                    | ClientUser::Refer(_)
                    | ClientUser::InDialog(_)
                    | ClientUser::Nobody => self.timers.cancel(Timer::ClientEnd(id)),
                }
                (true, None)
            }
            (State::Calling | State::Proceeding, false) if status.is_provisional() => {
                tx.state = State::Proceeding;
                tx.interval = self.config.t2;
                (true, None)
            }
            (State::Calling | State::Proceeding, true) if status.is_success() => {
                tx.state = State::Accepted;
                // Timer M of RFC 6026.
                (true, Some(self.config.t1 * 64))
            }
            (State::Accepted, true) if status.is_success() => (true, None),
            (State::Calling | State::Proceeding, true) => {
                tx.state = State::Completed;
                match ack_to_refusal(&tx.request, &response) {
                    Ok(ack) => {
                        let (flow, bytes) = (tx.flow, ack.to_bytes());
                        tx.ack = Some(bytes.clone());
                        let linger =
                            if tx.reliable { Duration::ZERO } else { (self.config.t1 * 64).max(TIMER_D) };
                        self.send(flow, bytes);
                        (true, Some(linger))
                    }
                    Err(_) => (true, Some(Duration::ZERO)),
                }
            }
            (State::Completed, true) if !status.is_provisional() => {
                let again = tx.ack.clone().map(|ack| (tx.flow, ack));
                if let Some((flow, ack)) = again {
                    self.send(flow, ack);
                }
                (false, None)
            }
            (State::Calling | State::Proceeding, false) => {
                tx.state = State::Completed;
                // Timer K.
                (true, Some(if tx.reliable { Duration::ZERO } else { self.config.t4 }))
            }
            (State::Accepted | State::Completed, _) => (false, None),
        };
        let sent = self.clients.get(&id).filter(|_| deliver);
        let sent = sent.map(|tx| (tx.flow, tx.request.clone(), tx.attempts.clone()));
        match keep {
            Some(linger) if linger.is_zero() => self.forget_client(id),
            Some(linger) => {
                self.timers.cancel(Timer::ClientRetransmit(id));
                self.timers.set(Timer::ClientEnd(id), now + linger);
            }
            None => {}
        }
        let Some((flow, request, attempts)) = sent else { return };
        if first_final {
            self.note_next_nonce(flow, &response.headers, &attempts);
            let challenged = Challenged { tx: id, flow, user, request: &request, attempts };
            if self.answer_challenge(now, challenged, &response) {
                return;
            }
        }
        self.client_response(now, id, flow, user, &request, response);
    }

    pub(super) fn client_retransmit(&mut self, now: Timestamp, id: TxId) {
        let Some(tx) = self.clients.get_mut(&id) else { return };
        let (flow, bytes) = (tx.flow, tx.bytes.clone());
        // INVITE doubles without bound until timer B; others stop at T2.
        tx.interval = match tx.request.method {
            Method::Invite => tx.interval * 2,
            _ => (tx.interval * 2).min(self.config.t2),
        };
        let next = now + tx.interval;
        self.send(flow, bytes);
        self.timers.set(Timer::ClientRetransmit(id), next);
    }

    pub(super) fn client_end(&mut self, now: Timestamp, id: TxId) {
        let Some(tx) = self.clients.get(&id) else { return };
        let waiting = matches!(tx.state, State::Calling | State::Proceeding);
        let user = tx.user;
        self.forget_client(id);
        if waiting {
            self.client_failed(now, user, FailureCause::Timeout);
        }
    }

    /// The flow closed: nothing will come back on it.
    pub(super) fn fail_clients_of(&mut self, now: Timestamp, flow: FlowId) {
        let lost: Vec<_> = self.clients.iter().filter(|(_, tx)| tx.flow == flow).map(|(id, _)| *id).collect();
        for id in lost {
            let Some(tx) = self.clients.get(&id) else { continue };
            let (waiting, user) = (matches!(tx.state, State::Calling | State::Proceeding), tx.user);
            self.forget_client(id);
            if waiting {
                self.client_failed(now, user, FailureCause::FlowClosed);
            }
        }
    }

    /// Whether the INVITE has heard anything, so that it may be cancelled (section 9.1), and its top Via's branch.
    pub(super) fn cancellable(&self, id: TxId) -> Option<(bool, FlowId, Request)> {
        let tx = self.clients.get(&id)?;
        match tx.state {
            State::Calling => Some((false, tx.flow, tx.request.clone())),
            State::Proceeding => Some((true, tx.flow, tx.request.clone())),
            State::Accepted | State::Completed => None,
        }
    }

    pub(super) fn forget_client(&mut self, id: TxId) {
        let Some(tx) = self.clients.remove(&id) else { return };
        self.timers.cancel(Timer::ClientRetransmit(id));
        self.timers.cancel(Timer::ClientEnd(id));
        if let Some(branch) = tx.request.headers.via().and_then(|via| via.branch().map(str::to_owned)) {
            self.client_keys.remove(&(branch, tx.request.method));
        }
    }
}

/// Timer D must last at least this long on unreliable transports.
const TIMER_D: Duration = Duration::from_secs(32);

/// This side's hop.
pub(super) fn via(info: &super::FlowInfo, branch: &str) -> Result<Via, InvalidValue> {
    let mut via = Via::new(info.transport.as_str(), info.host.clone(), info.port, branch)?;
    if !info.transport.is_reliable() {
        via.params.set("rport", None)?;
    }
    Ok(via)
}

/// The ACK that ends a refused INVITE's transaction (section 17.1.1.3).
fn ack_to_refusal(invite: &Request, response: &Response) -> Result<Request, InvalidValue> {
    hop_by_hop(invite, Method::Ack, response.headers.get(&HeaderName::To))
}

/// CANCEL (section 9.1), without a Via.
pub(super) fn cancel_of(invite: &Request) -> Result<Request, InvalidValue> {
    let mut cancel = hop_by_hop(invite, Method::Cancel, None)?;
    cancel.headers.remove(&HeaderName::Via);
    Ok(cancel)
}

fn hop_by_hop(invite: &Request, method: Method, to: Option<&str>) -> Result<Request, InvalidValue> {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut request.headers;
    let via = invite.headers.via().ok_or(InvalidValue { what: "Via" })?;
    headers.push_via_front(&via);
    for route in invite.headers.all(&HeaderName::Route) {
        headers.push(HeaderName::Route, route)?;
    }
    headers.push(HeaderName::MaxForwards, 70)?;
    headers.push(HeaderName::From, invite.headers.get(&HeaderName::From).unwrap_or_default())?;
    headers.push(HeaderName::To, to.or(invite.headers.get(&HeaderName::To)).unwrap_or_default())?;
    headers.push(HeaderName::CallId, invite.headers.call_id().unwrap_or_default())?;
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(HeaderName::CSeq, CSeq { number, method })?;
    Ok(request)
}
