//! Where the courier's tokens come from: the app asks its company's backend.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use doorstep::TokenFailure;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A bearer token.
#[derive(Clone, uniffi::Record)]
pub struct AccessToken {
    /// As the backend made it. A JWT's `exp` is heeded.
    pub text: String,
    /// How long it is good, for tokens that are no JWT.
    pub expires_in: Option<std::time::Duration>,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum TokenError {
    /// Not now: the backend was not reached. It is asked again after a while.
    #[error("no token can be had right now")]
    Unavailable,
    /// The courier is signed out.
    #[error("the courier is signed out")]
    Denied,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for TokenError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable
    }
}

/// Written by the integrator. Never asked twice at the same time; may be slow, calls go on meanwhile.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// A token that is good now.
    async fn token(&self) -> Result<AccessToken, TokenError>;
}

pub(crate) struct Tokens(pub(crate) Arc<dyn TokenProvider>);

#[async_trait]
impl doorstep::TokenProvider for Tokens {
    async fn token(&self) -> Result<doorstep::Token, TokenFailure> {
        let AccessToken { text, expires_in } =
            ask(Arc::clone(&self.0)).await?.map_err(|error| match error {
                TokenError::Unavailable => TokenFailure::Unavailable,
                TokenError::Denied => TokenFailure::Denied,
            })?;
        let token = doorstep::Token::new(text);
        Ok(match expires_in {
            Some(left) => token.expiring_in(left),
            None => token,
        })
    }
}

/// On a thread of its own, since what is written elsewhere may block it. When nobody waits for the answer any more, the foreign
/// task is cancelled.
async fn ask(provider: Arc<dyn TokenProvider>) -> Result<Result<AccessToken, TokenError>, TokenFailure> {
    let (asked, unasked) = oneshot::channel::<()>();
    let here = Handle::current();
    let answer = tokio::task::spawn_blocking(move || {
        here.block_on(async move {
            tokio::select! {
                answer = provider.token() => answer,
                _ = unasked => Err(TokenError::Unavailable),
            }
        })
    });
    let answer = answer.await;
    drop(asked);
    answer.map_err(|_| {
        tracing::error!("the token provider panicked");
        TokenFailure::Unavailable
    })
}
