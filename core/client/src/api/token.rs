use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorstep_call::TokenFailure;
use doorstep_sip::Sensitive;

/// Where the courier's tokens come from, usually the company's backend. Written by the integrator.
///
/// It is asked before the first connection, before a token ends, and after a 401; never twice at the same time. It may
/// be slow: calls go on meanwhile.
#[async_trait]
pub trait TokenProvider: Send + Sync + 'static {
    /// A token that is good now: not one that was handed out before and may have ended.
    ///
    /// # Errors
    /// [`TokenFailure::Unavailable`] when it cannot be had right now (asked again after a while);
    /// [`TokenFailure::Denied`] when the courier is signed out.
    async fn token(&self) -> Result<Token, TokenFailure>;
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub(crate) text: Sensitive<String>,
    pub(crate) expires_in: Option<Duration>,
}

impl Token {
    /// A token. If it is a JWT with an `exp`, it is renewed before that; the signature is the gateway's to check.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let expires_in = expiry(&text).map(|at| at.saturating_sub(unix_time()));
        Self { text: text.into(), expires_in }
    }

    /// A token that is good for this long from now.
    #[must_use]
    pub fn expiring_in(self, expires_in: Duration) -> Self {
        Self { expires_in: Some(expires_in), ..self }
    }
}

/// One token for as long as it is good: for programs and trials.
#[derive(Debug, Clone)]
pub struct StaticToken(Sensitive<String>);

impl StaticToken {
    /// Always this token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Sensitive::new(text.into()))
    }
}

#[async_trait]
impl TokenProvider for StaticToken {
    async fn token(&self) -> Result<Token, TokenFailure> {
        // Without an end: there is nothing to renew it by, so it is shown until the gateway refuses it.
        Ok(Token { text: self.0.clone(), expires_in: None })
    }
}

/// `exp` of a JWT (RFC 7519 section 4.1.4), counted from 1970.
fn expiry(token: &str) -> Option<Duration> {
    let payload = token.split('.').nth(1)?;
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?).ok()
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_jwt_says_when_it_ends() {
        let at = unix_time().as_secs() + 3600;
        let left = Token::new(jwt(&format!(r#"{{"sub":"c1","exp":{at}}}"#))).expires_in.unwrap();
        assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600), "{left:?}");
        assert_eq!(Token::new(jwt(r#"{"exp":1}"#)).expires_in, Some(Duration::ZERO));
    }

    #[test]
    fn other_tokens_do_not_say() {
        for text in
            ["", "opaque", "a.b.c", &jwt("{}"), &jwt(r#"{"exp":"soon"}"#), &jwt(r#"{"exp":-1}"#), &jwt("[1]")]
        {
            assert_eq!(Token::new(text).expires_in, None, "{text}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        assert!(!format!("{:?} {:?}", Token::new("s3cret"), StaticToken::new("s3cret")).contains("s3cret"));
    }
}
