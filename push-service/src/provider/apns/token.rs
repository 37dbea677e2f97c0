//! Provider tokens: ES256 JWTs by which Apple knows the team. Apple takes one for an hour, and wants a new one at most every 20 minutes,
//! over all machines and restarts.
//!
//! So a token is not as old as the process, but belongs to a slot of the day: its `iat` is the slot's beginning, and the signature is
//! deterministic (RFC 6979). Every instance with the same key makes the very same token, and one that is killed and started again
//! too; none of them looks like an update to Apple.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::provider::Clock;

/// How long a token is used, in seconds: between Apple's 20 and 60 minutes, with room for a wrong clock on both sides.
const SLOT: u64 = 40 * 60;
/// A slot's token is used only so many seconds after its beginning, so that a clock that is fast does not name a time to come.
const LAG: u64 = 60;
/// Shortest time between two tokens that Apple's word has called for, in seconds.
const BETWEEN_RENEWALS: u64 = 20 * 60;

pub(super) struct Tokens {
    header: Header,
    team: String,
    key: EncodingKey,
    clock: Clock,
    state: Mutex<Option<Signed>>,
}

#[derive(Clone)]
struct Signed {
    token: Arc<str>,
    iat: u64,
    /// Made because Apple called the slot's token too old.
    renewed: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: u64,
}

impl Tokens {
    /// Signs once, so that a key that cannot sign is known at the start.
    pub(super) fn new(
        key_id: &str,
        team: &str,
        key: EncodingKey,
        clock: Clock,
    ) -> Result<Self, jsonwebtoken::errors::Error> {
        let header = Header { typ: None, kid: Some(key_id.to_owned()), ..Header::new(Algorithm::ES256) };
        let tokens = Self { header, team: team.to_owned(), key, clock, state: Mutex::new(None) };
        tokens.current()?;
        Ok(tokens)
    }

    /// The token of now.
    pub(super) fn current(&self) -> Result<Arc<str>, jsonwebtoken::errors::Error> {
        let now = self.now();
        let slot = now.saturating_sub(LAG) / SLOT * SLOT;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = &*state {
            let lasts =
                if signed.renewed { now.saturating_sub(signed.iat) < SLOT } else { signed.iat == slot };
            if lasts {
                return Ok(Arc::clone(&signed.token));
            }
        }
        let signed = self.sign(slot, false)?;
        let token = Arc::clone(&signed.token);
        *state = Some(signed);
        Ok(token)
    }

    /// Apple has called this token expired: another one, or nothing when there was one a short time ago, since then it is not the token's age
    /// that is wrong but the clock.
    pub(super) fn renew(&self, refused: &str) -> Option<Arc<str>> {
        let now = self.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = &*state {
            if &*signed.token != refused {
                return Some(Arc::clone(&signed.token));
            }
            if signed.renewed && now.saturating_sub(signed.iat) < BETWEEN_RENEWALS {
                return None;
            }
        }
        let signed = self.sign(now, true).ok()?;
        let token = Arc::clone(&signed.token);
        *state = Some(signed);
        Some(token)
    }

    fn sign(&self, iat: u64, renewed: bool) -> Result<Signed, jsonwebtoken::errors::Error> {
        let token = encode(&self.header, &Claims { iss: &self.team, iat }, &self.key)?;
        Ok(Signed { token: token.into(), iat, renewed })
    }

    fn now(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// The machine's clock.
pub(in crate::provider) fn system_clock() -> Clock {
    Arc::new(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    struct Bench {
        now: Arc<AtomicU64>,
        key: String,
    }

    impl Bench {
        fn new(now: u64) -> Self {
            Self {
                now: Arc::new(AtomicU64::new(now)),
                key: rcgen::KeyPair::generate().unwrap().serialize_pem(),
            }
        }

        fn tokens(&self) -> Tokens {
            let now = Arc::clone(&self.now);
            let clock: Clock = Arc::new(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst)));
            Tokens::new("KEY", "TEAM", EncodingKey::from_ec_pem(self.key.as_bytes()).unwrap(), clock).unwrap()
        }

        fn advance(&self, seconds: u64) {
            self.now.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    fn iat(token: &str) -> u64 {
        let claims: serde_json::Value = jsonwebtoken::dangerous_claims(token);
        claims["iat"].as_u64().unwrap()
    }

    mod jsonwebtoken {
        pub(super) fn dangerous_claims(token: &str) -> serde_json::Value {
            ::jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims
        }
    }

    #[test]
    fn all_instances_and_restarts_use_the_same_token_at_a_time() {
        let bench = Bench::new(1_764_028_800);
        let (one, other) = (bench.tokens(), bench.tokens());
        for _ in 0..500 {
            let token = one.current().unwrap();
            assert_eq!(token, other.current().unwrap());
            assert_eq!(token, bench.tokens().current().unwrap());
            bench.advance(37);
        }
    }

    #[test]
    fn a_token_in_use_is_one_to_forty_one_minutes_old_and_lasts_forty() {
        let bench = Bench::new(1_764_028_800);
        let tokens = bench.tokens();
        let mut changes = Vec::new();
        for _ in 0..24 * 60 * 6 {
            let (now, iat) = (bench.now.load(Ordering::SeqCst), iat(&tokens.current().unwrap()));
            assert!((60..=41 * 60).contains(&(now - iat)), "{} s old", now - iat);
            if changes.last() != Some(&iat) {
                changes.push(iat);
            }
            bench.advance(10);
        }
        assert!(changes.windows(2).all(|pair| pair[1] - pair[0] == 40 * 60), "{changes:?}");
        assert!(changes.len() > 30);
    }

    #[test]
    fn an_expired_one_is_renewed_at_once_but_not_twice_within_twenty_minutes() {
        let bench = Bench::new(1_764_028_800 + 600);
        let tokens = bench.tokens();
        let first = tokens.current().unwrap();
        let second = tokens.renew(&first).unwrap();
        assert_ne!(first, second);
        assert_eq!(iat(&second), bench.now.load(Ordering::SeqCst));
        assert_eq!(tokens.current().unwrap(), second);
        assert_eq!(
            tokens.renew(&first),
            Some(Arc::clone(&second)),
            "another push that was refused with the first one"
        );
        assert_eq!(tokens.renew(&second), None);
        bench.advance(20 * 60);
        assert_ne!(tokens.renew(&second).unwrap(), second);
    }
}
