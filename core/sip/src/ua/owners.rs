//! Who stands behind a flow, so that a session can be carried on over another flow of the same peer, and of no other.

use super::timers::TxId;
use super::{FlowId, SessionId, UserAgent};

impl UserAgent {
    /// Says who stands behind a flow, by a number of the driver's. Within a session, and for CANCEL, requests are taken only from flows
    /// of the owner that the session began with; for anybody else there is no such session (481). A re-INVITE over another flow of the
    /// owner moves the session there: the app that lost its WebSocket comes back that way. Flows without an owner count as
    /// one peer's.
    pub fn set_flow_owner(&mut self, flow: FlowId, owner: u64) {
        if self.owners.insert(flow, owner) == Some(owner) {
            return;
        }
        for session in self.sessions.values_mut().filter(|session| session.flow == flow) {
            session.owner = Some(owner);
        }
    }

    pub(super) fn owner(&self, flow: FlowId) -> Option<u64> {
        self.owners.get(&flow).copied()
    }

    /// Whether a request on `flow` may act on a session.
    pub(super) fn may_speak(&self, session: SessionId, flow: FlowId) -> bool {
        let owner = self.owner(flow);
        self.sessions.get(&session).is_some_and(|session| session.flow == flow || session.owner == owner)
    }

    /// Whether a request on `flow` may act on a transaction.
    pub(super) fn is_owners(&self, tx: TxId, flow: FlowId) -> bool {
        self.servers.get(&tx).is_some_and(|tx| tx.flow == flow || self.owner(tx.flow) == self.owner(flow))
    }
}
