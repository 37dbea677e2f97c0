//! Access tokens for a signed assertion (RFC 7523).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use uuid::Uuid;

use super::FcmAccount;
use crate::{Clock, FakeError};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Scopes of which one must be asked for.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"];
/// Longest life of an assertion, in seconds.
const LONGEST: u64 = 3600;
/// How far an assertion's `iat` may lie in the future, in seconds.
const AHEAD: u64 = 60;

/// Why no token is given.
pub(super) struct Denial {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) description: &'static str,
}

impl Denial {
    const fn new(error: &'static str, description: &'static str) -> Self {
        Self { status: 400, error, description }
    }
}

pub(super) struct Oauth {
    client_email: String,
    key_id: String,
    key: DecodingKey,
    given: Mutex<HashMap<String, SystemTime>>,
    issued: AtomicU64,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    scope: String,
    aud: String,
    iat: u64,
    exp: u64,
}

impl Oauth {
    /// How long an access token lives.
    pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

    pub(super) fn new(account: &FcmAccount, public_key_pem: &str) -> Result<Self, FakeError> {
        let key = DecodingKey::from_rsa_pem(public_key_pem.as_bytes())
            .map_err(|error| FakeError::Key(error.to_string()))?;
        Ok(Self {
            client_email: account.client_email.clone(),
            key_id: account.private_key_id.clone(),
            key,
            given: Mutex::default(),
            issued: AtomicU64::new(0),
        })
    }

    pub(super) fn issued(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }

    pub(super) fn revoke(&self) {
        self.given().clear();
    }

    /// Whether the request bears a living access token.
    pub(super) fn admits(&self, head: &Parts, clock: &Clock) -> bool {
        let authorization =
            head.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
        self.given().get(token).is_some_and(|ends| clock.now() < *ends)
    }

    pub(super) fn grant(
        &self,
        head: &Parts,
        body: &[u8],
        uri: Option<&str>,
        clock: &Clock,
    ) -> Result<String, Denial> {
        if head.method != http::Method::POST {
            return Err(Denial { status: 405, ..Denial::new("invalid_request", "Only POST.") });
        }
        let form = form(body);
        let field = |name: &str| form.get(name).map(String::as_str);
        if field("grant_type") != Some(GRANT_TYPE) {
            return Err(Denial::new("unsupported_grant_type", "Invalid grant_type."));
        }
        let assertion =
            field("assertion").ok_or(Denial::new("invalid_request", "Missing parameter: assertion"))?;
        self.assertion(assertion, uri, clock.unix())?;
        let token = format!("ya29.{}", Uuid::new_v4().simple());
        self.given().insert(token.clone(), clock.now() + Self::LIFETIME);
        self.issued.fetch_add(1, Ordering::SeqCst);
        Ok(token)
    }

    fn assertion(&self, assertion: &str, uri: Option<&str>, now: u64) -> Result<(), Denial> {
        const SIGNATURE: Denial = Denial::new("invalid_grant", "Invalid JWT Signature.");
        let header = decode_header(assertion).map_err(|_| Denial::new("invalid_grant", "Invalid JWT."))?;
        if header.kid.as_deref().is_some_and(|kid| kid != self.key_id) {
            return Err(SIGNATURE);
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = decode::<Claims>(assertion, &self.key, &validation).map_err(|_| SIGNATURE)?.claims;
        if claims.iss != self.client_email {
            return Err(Denial::new("invalid_grant", "Invalid grant: account not found"));
        }
        if uri != Some(claims.aud.as_str()) {
            return Err(Denial::new("invalid_grant", "Invalid JWT: Failed audience check."));
        }
        if claims.iat > now + AHEAD || claims.exp <= now || claims.exp.saturating_sub(claims.iat) > LONGEST {
            let words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                         Check your iat and exp values in the JWT claim.";
            return Err(Denial::new("invalid_grant", words));
        }
        if !claims.scope.split(' ').any(|scope| SCOPES.contains(&scope)) {
            return Err(Denial::new("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
        }
        Ok(())
    }

    fn given(&self) -> MutexGuard<'_, HashMap<String, SystemTime>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `application/x-www-form-urlencoded`.
fn form(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                if let Some(byte) = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    bytes.push(byte);
                    rest = rest.get(2..).unwrap_or_default();
                } else {
                    bytes.push(first);
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_escapes() {
        let form = form(b"grant_type=urn%3Aietf%3Aparams&assertion=a.b-c_d&odd=%zz+x%4");
        assert_eq!(form["grant_type"], "urn:ietf:params");
        assert_eq!(form["assertion"], "a.b-c_d");
        assert_eq!(form["odd"], "%zz x%4");
    }
}
