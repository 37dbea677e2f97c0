//! The token provider, asked once at a time; and the tokens, which never reach the endpoint.

use std::collections::VecDeque;
use std::sync::Arc;

use doorstep_call::{OpId, Sensitive, TokenFailure, TokenGrant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Happening;
use crate::{Token, TokenProvider};

/// The endpoint opens connections with its latest token; one before may still be on its way.
const KEPT: usize = 4;

pub(crate) type TokenAnswer = Result<Token, TokenFailure>;

pub(super) struct Tokens {
    provider: Option<Arc<dyn TokenProvider>>,
    happenings: mpsc::Sender<Happening>,
    running: bool,
    /// Who gets the answer: the latest question, should the endpoint have asked again meanwhile.
    asked: Option<OpId>,
    granted: VecDeque<(OpId, Sensitive<String>)>,
}

impl Tokens {
    pub(super) fn new(provider: Option<Arc<dyn TokenProvider>>, happenings: mpsc::Sender<Happening>) -> Self {
        Self { provider, happenings, running: false, asked: None, granted: VecDeque::new() }
    }

    /// Asks the provider, or returns why not.
    pub(super) fn fetch(&mut self, op: OpId, tasks: &mut JoinSet<()>) -> Option<TokenFailure> {
        let Some(provider) = self.provider.clone() else { return Some(TokenFailure::Denied) };
        self.asked = Some(op);
        if self.running {
            return None;
        }
        self.running = true;
        let happenings = self.happenings.clone();
        tasks.spawn(async move {
            // In a task of its own, since it is the integrator's code and may panic.
            let mut fetching = JoinSet::new();
            fetching.spawn(async move { provider.token().await });
            let answer = match fetching.join_next().await {
                Some(Ok(answer)) => answer,
                Some(Err(_)) | None => {
                    tracing::error!("the token provider panicked");
                    Err(TokenFailure::Unavailable)
                }
            };
            // A driver that is gone needs no token.
            let _driver_may_be_gone = happenings.send(Happening::Token(answer)).await;
        });
        None
    }

    pub(super) fn answered(
        &mut self,
        answer: TokenAnswer,
    ) -> Option<(OpId, Result<TokenGrant, TokenFailure>)> {
        self.running = false;
        let op = self.asked.take()?;
        let result = answer.map(|token| {
            self.granted.truncate(KEPT - 1);
            self.granted.push_front((op, token.text));
            TokenGrant { expires_in: token.expires_in }
        });
        Some((op, result))
    }

    pub(super) fn granted(&self, op: OpId) -> Option<Sensitive<String>> {
        self.granted.iter().find(|(of, _)| *of == op).map(|(_, token)| token.clone())
    }
}
