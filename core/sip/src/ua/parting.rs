//! What a driver needs that stops: what still waits for the far side, and what waits in vain.

use super::client_tx::ClientUser;
use super::session::{Cancel, Phase};
use super::timers::TxId;
use super::{EndCause, SessionId, UserAgent};

impl UserAgent {
    /// How many requests of this side still wait for their final response: a driver that stops lets its BYEs arrive.
    pub fn requests_under_way(&self) -> usize {
        self.clients.values().filter(|tx| tx.is_waiting()).count()
    }

    /// Forgets what nobody has answered in any way: calls that were ended before the far side said anything, which no CANCEL may follow
    /// (RFC 3261 section 9.1), and requests outside of dialogs. BYEs and the CANCELs that are out stay: the far side knows of those calls.
    pub fn abandon_silent(&mut self) {
        let requests = self.clients.iter().filter(|(_, tx)| tx.is_unheard() && outside(tx.user()));
        let requests: Vec<TxId> = requests.map(|(id, _)| *id).collect();
        let mut calls: Vec<(SessionId, TxId)> = Vec::new();
        for (id, session) in &self.sessions {
            match &session.phase {
                Phase::Calling(calling) if matches!(calling.cancel, Some(Cancel::Waiting(_))) => {
                    calls.push((*id, calling.tx));
                }
                Phase::Calling(_) | Phase::Ringing(_) | Phase::Confirmed(_) => {}
            }
        }
        for (_, tx) in &calls {
            self.forget_client(*tx);
        }
        for tx in requests {
            self.forget_client(tx);
        }
        for (session, _) in calls {
            self.finish(session, EndCause::Local);
        }
    }
}

fn outside(user: ClientUser) -> bool {
    match user {
        ClientUser::Request(_) => true,
        ClientUser::Invite(_)
        | ClientUser::Offer(_)
        | ClientUser::Refresh(_)
        | ClientUser::Refer(_)
        | ClientUser::InDialog(_)
        | ClientUser::Nobody => false,
    }
}
