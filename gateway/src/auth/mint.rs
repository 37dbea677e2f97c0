//! Makes tokens for trials; in earnest the company's backend mints them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

use crate::config::{Auth, JwtSource};

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Tokens are checked with a public key, and the private one is not here.
    #[error(
        "only a gateway with auth.jwt_secret can make tokens: the private key of a public one is not here"
    )]
    NoSecret,
    /// The signature failed.
    #[error("the token could not be signed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// An HS256 token for `courier` that the gateway of this configuration takes for `ttl`.
///
/// # Errors
/// When there is no shared secret.
pub fn mint(auth: &Auth, courier: &str, ttl: Duration) -> Result<String, MintError> {
    let Some(JwtSource::Secret(secret)) = &auth.jwt else { return Err(MintError::NoSecret) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims {
        sub: courier,
        iat: now,
        exp: now.saturating_add(ttl.as_secs()),
        iss: auth.issuer.as_deref(),
        aud: auth.audience.as_deref(),
    };
    Ok(encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.expose()))?)
}
