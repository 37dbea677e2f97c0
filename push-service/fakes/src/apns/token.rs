//! Provider tokens: ES256 JWTs, at most an hour old, renewed at most every 20 minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::rules::Refusal;
use crate::{Clock, FakeError};

/// Oldest token that is taken, in seconds.
const OLDEST: u64 = 3600;
/// Shortest time between two tokens, in seconds.
const BETWEEN_UPDATES: u64 = 20 * 60;
/// How far a token may lie in the future, in seconds.
const AHEAD: u64 = 60;
/// Verified tokens that are remembered. More are not in use at one time.
const REMEMBERED: usize = 256;

pub(super) struct Tokens {
    team: String,
    key_id: String,
    key: DecodingKey,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Tokens with a good signature, and their `iat`.
    verified: HashMap<String, u64>,
    /// Tokens that were taken into use, and when.
    in_use: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: u64,
}

impl Tokens {
    pub(super) fn new(team: &str, key_id: &str, public_key_pem: &str) -> Result<Self, FakeError> {
        let key = DecodingKey::from_ec_pem(public_key_pem.as_bytes())
            .map_err(|error| FakeError::Key(error.to_string()))?;
        Ok(Self { team: team.to_owned(), key_id: key_id.to_owned(), key, seen: Mutex::default() })
    }

    pub(super) fn check(&self, authorization: Option<&str>, clock: &Clock) -> Result<(), Refusal> {
        let authorization = authorization.ok_or_else(|| Refusal::new(403, "MissingProviderToken"))?;
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(Refusal::new(403, "MissingProviderToken"));
        }
        let now = clock.unix();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let iat = match seen.verified.get(token) {
            Some(iat) => *iat,
            None => {
                let iat = self.verify(token).ok_or_else(|| Refusal::new(403, "InvalidProviderToken"))?;
                if seen.verified.len() >= REMEMBERED {
                    seen.verified.clear();
                }
                seen.verified.insert(token.to_owned(), iat);
                iat
            }
        };
        if iat > now + AHEAD {
            return Err(Refusal::new(403, "InvalidProviderToken"));
        }
        if now.saturating_sub(iat) > OLDEST {
            return Err(Refusal::new(403, "ExpiredProviderToken"));
        }
        if !seen.in_use.contains_key(token) {
            if seen.in_use.values().any(|since| now.saturating_sub(*since) < BETWEEN_UPDATES) {
                return Err(Refusal::new(429, "TooManyProviderTokenUpdates"));
            }
            seen.in_use.retain(|_, since| now.saturating_sub(*since) <= OLDEST);
            seen.in_use.insert(token.to_owned(), now);
        }
        Ok(())
    }

    /// The `iat` of a token that our key has signed for our team.
    fn verify(&self, token: &str) -> Option<u64> {
        let header = decode_header(token).ok()?;
        if header.kid.as_deref() != Some(&self.key_id) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = decode::<Claims>(token, &self.key, &validation).ok()?.claims;
        (claims.iss == self.team).then_some(claims.iat)
    }
}
