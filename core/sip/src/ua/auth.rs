//! Credentials on this side's requests (RFC 3261 section 22): unasked while a nonce is good, and once more when a
//! server or a proxy asks, without the user noticing.

use rand::RngExt as _;

use super::client_tx::ClientUser;
use super::session::Phase;
use super::timers::TxId;
use super::{FlowId, UaError, UserAgent};
use crate::Timestamp;
use crate::digest::{Attempts, Challenger, Credentials, DigestClient};
use crate::msg::{CSeq, HeaderName, Headers, InvalidValue, Method, Request, Response};

impl UserAgent {
    /// Who this side is to whoever asks on any flow. What was learned under other credentials is forgotten.
    ///
    /// A user agent with flows to several parties should rather use
    /// [`set_flow_credentials`](Self::set_flow_credentials): whoever is on a flow may challenge.
    pub fn set_credentials(&mut self, credentials: Option<Credentials>) {
        self.auth = credentials.map(|credentials| DigestClient::new(credentials, self.rng.random()));
    }

    /// Who this side is to whoever asks on that flow, in place of [`set_credentials`](Self::set_credentials)'.
    /// They go with the flow.
    pub fn set_flow_credentials(
        &mut self,
        flow: FlowId,
        credentials: Option<Credentials>,
    ) -> Result<(), UaError> {
        if !self.flows.contains_key(&flow) {
            return Err(UaError::NoSuchFlow);
        }
        match credentials {
            Some(credentials) => {
                self.flow_auth.insert(flow, DigestClient::new(credentials, self.rng.random()))
            }
            None => self.flow_auth.remove(&flow),
        };
        Ok(())
    }

    /// Credentials for every nonce that is known. ACK and CANCEL cannot be challenged and have none of their own.
    pub(super) fn authorize(
        &mut self,
        flow: FlowId,
        request: &mut Request,
        attempts: &mut Attempts,
    ) -> Result<(), InvalidValue> {
        let client = self.flow_auth.get_mut(&flow).or(self.auth.as_mut());
        match client.filter(|_| can_be_challenged(&request.method)) {
            Some(client) => client.authorize(request, attempts),
            None => Ok(()),
        }
    }

    /// The first final response to a request that went out with these attempts.
    pub(super) fn note_next_nonce(&mut self, flow: FlowId, headers: &Headers, attempts: &Attempts) {
        if let Some(client) = self.flow_auth.get_mut(&flow).or(self.auth.as_mut()) {
            client.accepted(headers, attempts);
        }
    }

    /// Sends a challenged request again with credentials and the next CSeq. `false` when that cannot help: then the
    /// user hears of the response.
    pub(super) fn answer_challenge(
        &mut self,
        now: Timestamp,
        challenged: Challenged<'_>,
        response: &Response,
    ) -> bool {
        let Challenged { tx, flow, user, request, mut attempts } = challenged;
        let asks = Challenger::ALL.iter().any(|challenger| challenger.status() == response.status);
        if !asks || !can_be_challenged(&request.method) || self.is_given_up(tx, user) {
            return false;
        }
        let Some(client) = self.flow_auth.get_mut(&flow).or(self.auth.as_mut()) else { return false };
        if !client.challenged(response, &mut attempts) {
            return false;
        }
        let mut again = request.clone();
        again.headers.remove(&HeaderName::Via);
        let cseq = CSeq { number: self.next_cseq(request), method: request.method.clone() };
        let number = cseq.number;
        if again.headers.set(HeaderName::CSeq, cseq).is_err() {
            return false;
        }
        match self.launch(now, flow, again, user, None, attempts) {
            Ok(sent) => {
                if let ClientUser::Invite(session) = user {
                    self.invite_sent_again(session, sent, number);
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a challenge could not be answered");
                false
            }
        }
    }

    /// The user hung up while the challenge was on its way, or the session is over.
    fn is_given_up(&self, tx: TxId, user: ClientUser) -> bool {
        match user {
            ClientUser::Invite(session) => match self.sessions.get(&session).map(|session| &session.phase) {
                Some(Phase::Calling(calling)) => calling.tx != tx || calling.cancel.is_some(),
                Some(Phase::Ringing(_) | Phase::Confirmed(_)) | None => true,
            },
            ClientUser::Request(_)
            | ClientUser::Offer(_)
            | ClientUser::Refresh(_)
            | ClientUser::Refer(_)
            | ClientUser::InDialog(_)
            | ClientUser::Nobody => false,
        }
    }

    /// The number that the request has when it goes out again: the dialog's next, where there still is one.
    fn next_cseq(&mut self, request: &Request) -> u32 {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let dialog = self.dialog_of_own(request);
        match dialog {
            Some(dialog) => {
                dialog.local_cseq += 1;
                dialog.local_cseq
            }
            None => number + 1,
        }
    }
}

/// A request that a 401 or 407 came to.
pub(super) struct Challenged<'a> {
    pub(super) tx: TxId,
    pub(super) flow: FlowId,
    pub(super) user: ClientUser,
    /// As it was sent.
    pub(super) request: &'a Request,
    pub(super) attempts: Attempts,
}

fn can_be_challenged(method: &Method) -> bool {
    !matches!(method, Method::Ack | Method::Cancel)
}
