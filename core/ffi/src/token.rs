//! Where the courier's tokens come from: the app asks its company's backend.

use std::sync::Arc;

use async_trait::async_trait;
use doorstep::TokenFailure;

/// A bearer token.
#[derive(Debug, Clone, uniffi::Record)]
pub struct AccessToken {
    /// As the backend made it. A JWT's `exp` is heeded.
    pub text: String,
    /// How long it is good, for tokens that are no JWT.
    pub expires_in: Option<std::time::Duration>,
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
        let AccessToken { text, expires_in } = self.0.token().await.map_err(|error| match error {
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
