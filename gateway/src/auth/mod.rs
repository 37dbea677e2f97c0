//! Who a courier is: the bearer token of the WebSocket upgrade (RFC 6750), a JWT (RFC 7519) that the company's backend minted.
//!
//! The algorithm comes from the configured key, never from the token alone (RFC 8725 section 3.1): a shared secret takes HS256 and nothing
//! else, a public key the one algorithm of its type. Digest is the user agent's work, since it happens inside SIP.

mod keys;
mod mint;

#[cfg(test)]
mod tests;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use crate::config::Auth;
use crate::core::CourierId;

pub use keys::KeyError;
pub use mint::{MintError, mint};

use keys::Keys;

/// Clocks may differ by this much.
const LEEWAY_S: u64 = 30;
/// Nobody's token is longer; a longer one is not read.
const MAX_TOKEN_BYTES: usize = 8192;
/// A courier's id: what the store and the logs must bear.
const MAX_SUBJECT_BYTES: usize = 128;

/// Checks tokens with the configured keys.
#[derive(Debug)]
pub struct Verifier {
    keys: Keys,
    issuer: Option<String>,
    audience: Option<String>,
}

/// Whom a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// `sub`.
    pub courier: CourierId,
    /// `exp`, in Unix seconds.
    pub expires_at: u64,
}

/// Why a token was refused; the text goes back with the 401 and tells nothing of the key or of what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization: Bearer`.
    #[error("a bearer token is needed")]
    Missing,
    /// Not a JWT.
    #[error("the token cannot be read")]
    Malformed,
    /// Signed by another key or with another algorithm.
    #[error("the token is not signed by a known key")]
    BadSignature,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is another.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// `aud` is another.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `sub`, `exp`, or a required `iss` or `aud` is missing or of the wrong kind.
    #[error("the token lacks a claim that is needed")]
    MissingClaim,
    /// No token is taken here: couriers sign in by digest.
    #[error("tokens are not taken here")]
    NotAccepted,
}

impl Refusal {
    /// One word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim => "missing_claim",
            Self::NotAccepted => "not_accepted",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
}

impl Verifier {
    /// Reads the configured keys.
    ///
    /// # Errors
    /// When a key file cannot be read or holds no usable key.
    pub fn new(auth: &Auth) -> Result<Self, KeyError> {
        Ok(Self {
            keys: Keys::load(auth.jwt.as_ref())?,
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
        })
    }

    /// Judges the token alone, without the word `Bearer`.
    ///
    /// # Errors
    /// The first reason found; the signature is judged before any claim.
    pub fn verify(&self, token: &str) -> Result<Bearer, Refusal> {
        if self.keys.is_empty() {
            return Err(Refusal::NotAccepted);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Malformed);
        }
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        let (algorithm, key) =
            self.keys.pick(header.kid.as_deref(), header.alg).ok_or(Refusal::BadSignature)?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            // A token may say whom it is for; without a name of our own there is nothing to compare.
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| refusal(error.kind()))?.claims;
        if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT_BYTES {
            return Err(Refusal::MissingClaim);
        }
        // `exp` was judged as a number of u64's range (RFC 7519 allows fractions).
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "judged above; saturates")]
        Ok(Bearer { courier: CourierId::new(claims.sub), expires_at: claims.exp as u64 })
    }
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::ExpiredSignature => Refusal::Expired,
        ErrorKind::ImmatureSignature => Refusal::NotYetValid,
        ErrorKind::InvalidIssuer => Refusal::WrongIssuer,
        ErrorKind::InvalidAudience => Refusal::WrongAudience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Refusal::MissingClaim,
        // The payload is read after the signature was found good: it lacks `sub`, or is no object.
        ErrorKind::Json(_) => Refusal::MissingClaim,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => Refusal::Malformed,
        // Not our enum, and it may grow: whatever else goes wrong is a token that cannot be trusted.
        _ => Refusal::BadSignature,
    }
}
