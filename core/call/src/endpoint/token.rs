//! The courier's token: fetched before the connection needs it and before it ends, one question at a time. The token
//! itself never gets here.

use std::time::Duration;

use doorstep_sip::Timestamp;

use super::call::Phase;
use super::link::Replace;
use super::{Deadline, Endpoint};
use crate::{Auth, EndReason, OpId, Output, TokenFailure, TokenGrant};

/// A token that lives shorter than this is as good as none, and would be fetched without end.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);
/// So many tokens in a row may be refused; another would not help.
const MAX_REFUSED: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Token {
    have: Option<Have>,
    pending: Option<OpId>,
    /// The last question that took too long. While no other is open, its answer is as good as any.
    overdue: Option<OpId>,
    /// Times in a row that the provider failed.
    failures: u32,
    /// Times in a row that the gateway took no token.
    refused: u8,
    /// The courier is signed out.
    denied: bool,
}

#[derive(Debug, Clone, Copy)]
struct Have {
    op: OpId,
    expires_at: Option<Timestamp>,
}

/// What a connection can be opened with.
pub(super) enum Usable {
    /// Nothing yet; a token is being fetched.
    Not,
    NoneNeeded,
    Token(OpId),
}

impl Token {
    /// Asking again would not help until the user does something.
    pub(super) fn is_denied(&self) -> bool {
        self.denied
    }
}

impl Endpoint {
    pub(super) fn usable_token(&mut self) -> Usable {
        match self.config.auth {
            Auth::Token => {}
            Auth::Digest { .. } | Auth::None => return Usable::NoneNeeded,
        }
        match self.token.have {
            Some(have) if have.expires_at.is_none_or(|end| end > self.now) => Usable::Token(have.op),
            Some(_) | None => {
                if !self.deadlines.runs(Deadline::TokenRetry) {
                    self.fetch_token();
                }
                Usable::Not
            }
        }
    }

    fn fetch_token(&mut self) {
        if self.token.pending.is_some() || self.token.denied {
            return;
        }
        let op = OpId(self.next_number());
        self.token.pending = Some(op);
        self.token.overdue = None;
        self.deadlines.set(Deadline::TokenAnswer, self.now + self.config.token_timeout);
        self.outputs.push_back(Output::FetchToken { op });
    }

    pub(super) fn token_came(&mut self, op: OpId, result: Result<TokenGrant, TokenFailure>) {
        if self.token.pending.take_if(|pending| *pending == op).is_some() {
            self.deadlines.cancel(Deadline::TokenAnswer);
        } else if self.token.overdue.take_if(|overdue| *overdue == op).is_some() {
            // That it failed was found already.
            if result == Err(TokenFailure::Unavailable) {
                return;
            }
            self.deadlines.cancel(Deadline::TokenRetry);
        } else {
            return;
        }
        match result {
            Ok(TokenGrant { expires_in }) if expires_in.is_none_or(|life| life >= SHORTEST_LIFE) => {
                let had =
                    self.token.have.replace(Have { op, expires_at: expires_in.map(|life| self.now + life) });
                self.token.failures = 0;
                self.deadlines.cancel(Deadline::TokenRefresh);
                if let Some(life) = expires_in {
                    let wait = life.saturating_sub(self.config.token_margin).max(life / 2);
                    self.deadlines.set(Deadline::TokenRefresh, self.now + wait);
                }
                if had.is_some() {
                    self.replace_link(Replace::TokenInTime);
                }
            }
            Ok(_) | Err(TokenFailure::Unavailable) => self.token_failed(),
            Err(TokenFailure::Denied) => self.sign_out(),
        }
    }

    pub(super) fn token_took_too_long(&mut self) {
        if let Some(op) = self.token.pending.take() {
            self.token.overdue = Some(op);
            self.token_failed();
        }
    }

    fn token_failed(&mut self) {
        let wait = self.wait_after(self.token.failures);
        self.token.failures = self.token.failures.saturating_add(1);
        self.deadlines.set(Deadline::TokenRetry, self.now + wait);
    }

    pub(super) fn refresh_token(&mut self) {
        if self.link.flow().is_some() {
            self.fetch_token();
        }
    }

    /// The gateway lets nobody in with this token.
    pub(super) fn token_was_refused(&mut self) {
        match self.config.auth {
            Auth::Token => {}
            Auth::Digest { .. } | Auth::None => return self.sign_out(),
        }
        self.token.have = None;
        self.deadlines.cancel(Deadline::TokenRefresh);
        self.token.refused = self.token.refused.saturating_add(1);
        if self.token.refused >= MAX_REFUSED {
            self.sign_out();
        }
    }

    pub(super) fn token_was_taken(&mut self) {
        self.token.refused = 0;
    }

    /// Calls that wait for a connection will not get one, and nobody is asked again before the user wants something.
    fn sign_out(&mut self) {
        self.token.denied = true;
        self.token.have = None;
        for deadline in [Deadline::TokenRetry, Deadline::TokenRefresh] {
            self.deadlines.cancel(deadline);
        }
        let waiting = self.calls.values().filter(|call| match &call.phase {
            Phase::Calling(_) => call.session.is_none(),
            Phase::Ringing(_) => call.session.is_none(),
            Phase::Active(_) => false,
        });
        let waiting: Vec<_> = waiting.map(|call| call.handle).collect();
        for call in waiting {
            self.end(call, EndReason::Unauthorized);
        }
        self.registration_failed(EndReason::Unauthorized);
    }

    pub(super) fn forget_token_wait(&mut self) {
        self.token.denied = false;
        self.token.refused = 0;
        self.deadlines.cancel(Deadline::TokenRetry);
    }
}
