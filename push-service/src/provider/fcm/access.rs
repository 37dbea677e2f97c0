//! Access tokens: fetched once for all who wait, kept until shortly before their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::account::Account;
use super::error::denied;
use crate::provider::sender::{Lost, Sender};
use crate::provider::{Clock, Verdict};

/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(300);
const GRANT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// What sends bear.
pub(super) struct AccessTokens {
    account: Account,
    clock: Clock,
    /// Fetches that have ended, so that who waited for one takes its result and does not begin another.
    ended: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    access: Option<Access>,
    failure: Option<Verdict>,
}

struct Access {
    token: Arc<str>,
    ends: SystemTime,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl AccessTokens {
    pub(super) fn new(account: Account, clock: Clock) -> Self {
        Self { account, clock, ended: AtomicU64::new(0), state: Mutex::default() }
    }

    pub(super) fn project(&self) -> &str {
        &self.account.project
    }

    /// The token of now, fetched when there is none; or the verdict on the push that wanted one.
    pub(super) async fn current(&self, sender: &Sender) -> Result<Arc<str>, Verdict> {
        let asked = self.ended.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if let Some(access) = state.access.as_ref().filter(|access| (self.clock)() + MARGIN < access.ends) {
            return Ok(Arc::clone(&access.token));
        }
        if self.ended.load(Ordering::SeqCst) != asked
            && let Some(failure) = &state.failure
        {
            return Err(failure.clone());
        }
        let fetched = self.fetch(sender).await;
        self.ended.fetch_add(1, Ordering::SeqCst);
        match fetched {
            Ok(access) => {
                let token = Arc::clone(&access.token);
                *state = State { access: Some(access), failure: None };
                Ok(token)
            }
            Err(verdict) => {
                *state = State { access: None, failure: Some(verdict.clone()) };
                Err(verdict)
            }
        }
    }

    /// Google has refused this token: it is not used again.
    pub(super) async fn forget(&self, refused: &str) {
        let mut state = self.state.lock().await;
        if state.access.as_ref().is_some_and(|access| &*access.token == refused) {
            state.access = None;
        }
    }

    async fn fetch(&self, sender: &Sender) -> Result<Access, Verdict> {
        let now = (self.clock)();
        let Ok(assertion) = self.account.assertion(now) else {
            // It has signed at the start.
            let reason = "the key does not sign".to_owned();
            return Err(Verdict::Misconfigured {
                status: None,
                reason,
                remedy: "Look at service_account_file.",
            });
        };
        // A JWT needs no escapes in a form: letters, digits, "-", "_" and ".".
        let form = format!("grant_type={GRANT_TYPE}&assertion={assertion}");
        let answer = sender
            .post_url(&self.account.token_uri, |request| {
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            })
            .await;
        match answer {
            Err(Lost { reason }) => {
                Err(Verdict::Retry { status: None, reason: format!("access token: {reason}"), after: None })
            }
            Ok(answer) if answer.status == 200 => match serde_json::from_slice::<Granted>(&answer.body) {
                Ok(granted) => {
                    let ends = now + Duration::from_secs(granted.expires_in);
                    Ok(Access { token: granted.access_token.into(), ends })
                }
                Err(_) => {
                    let reason = "access token: the answer is none".to_owned();
                    Err(Verdict::Retry { status: Some(200), reason, after: None })
                }
            },
            Ok(answer) => Err(denied(&answer, now)),
        }
    }
}
