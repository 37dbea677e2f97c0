//! Provider tokens: ES256 JWTs by which Apple knows the team. Apple takes one for an hour, and wants a new one at most every 20 minutes,
//! over all machines and restarts.
//!
//! So a token is not as old as the process, but belongs to a slot of the day: its `iat` is the slot's beginning, and the signature is
//! deterministic (RFC 6979). Every instance with the same key makes the very same token, and one that is killed and started again
//! too; none of them looks like an update to Apple. Where two of them start on both sides of a slot's end, Apple may object to the
//! second token: then the former slot's token is made again, which Apple knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::provider::Clock;

/// How long a token is in use, in seconds: between Apple's 20 and 60 minutes, with room for a wrong clock on both sides.
const SLOT: u64 = 30 * 60;
/// A slot's token is used only so many seconds after its beginning, so that a clock that is fast does not name a time to come.
const LAG: u64 = 60;
/// Shortest time between two tokens, in seconds: Apple's 20 minutes, and one for what is under way.
const BETWEEN: u64 = 21 * 60;
/// Oldest token that is used, in seconds.
const OLDEST: u64 = 55 * 60;

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
    /// Until when it is used.
    until: u64,
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
        tokens.sign(0)?;
        Ok(tokens)
    }

    /// The token of now.
    pub(super) fn current(&self) -> Result<Arc<str>, jsonwebtoken::errors::Error> {
        let now = self.now();
        let mut state = self.state();
        if let Some(signed) = &*state
            // A clock that was set back must not keep a token of a time to come.
            && (signed.iat..signed.until).contains(&now)
        {
            return Ok(Arc::clone(&signed.token));
        }
        let iat = slot(now);
        let until = (iat + SLOT + LAG).max(now + BETWEEN);
        Ok(self.enter(&mut state, Signed { token: self.sign(iat)?, iat, until, renewed: false }))
    }

    /// Apple has called this token expired: another one, or nothing when there was one a short time ago, since then it is not the token's age
    /// that is wrong but the clock.
    pub(super) fn renew(&self, refused: &str) -> Option<Arc<str>> {
        let now = self.now();
        let mut state = self.state();
        if let Some(signed) = &*state {
            if &*signed.token != refused {
                return Some(Arc::clone(&signed.token));
            }
            if signed.renewed && now.saturating_sub(signed.iat) < BETWEEN {
                return None;
            }
        }
        let token = self.sign(now).ok()?;
        Some(self.enter(&mut state, Signed { token, iat: now, until: now + SLOT, renewed: true }))
    }

    /// Apple has called this token an update too soon: the former slot's, which another instance has brought, or nothing when that is too old.
    pub(super) fn step_back(&self, refused: &str) -> Option<Arc<str>> {
        let now = self.now();
        let mut state = self.state();
        let signed = state.as_ref()?;
        if &*signed.token != refused {
            return Some(Arc::clone(&signed.token));
        }
        let iat = slot(signed.iat.saturating_sub(SLOT) + LAG);
        let until = (iat + OLDEST).min(now + BETWEEN);
        if signed.renewed || until <= now {
            return None;
        }
        let token = self.sign(iat).ok()?;
        Some(self.enter(&mut state, Signed { token, iat, until, renewed: false }))
    }

    fn enter(&self, state: &mut Option<Signed>, signed: Signed) -> Arc<str> {
        let token = Arc::clone(&signed.token);
        *state = Some(signed);
        token
    }

    fn sign(&self, iat: u64) -> Result<Arc<str>, jsonwebtoken::errors::Error> {
        Ok(encode(&self.header, &Claims { iss: &self.team, iat }, &self.key)?.into())
    }

    fn state(&self) -> MutexGuard<'_, Option<Signed>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// The beginning of the slot whose token is used at that time.
fn slot(now: u64) -> u64 {
    now.saturating_sub(LAG) / SLOT * SLOT
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
        let claims: serde_json::Value = jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims;
        claims["iat"].as_u64().unwrap()
    }

    /// A slot's token comes into use.
    const CHANGE: u64 = 980_016 * SLOT + LAG;

    #[test]
    fn all_instances_and_restarts_within_a_slot_use_the_same_token() {
        let bench = Bench::new(CHANGE);
        let (one, other) = (bench.tokens(), bench.tokens());
        for _ in 0..SLOT / 30 {
            let token = one.current().unwrap();
            assert_eq!(token, other.current().unwrap());
            assert_eq!(token, bench.tokens().current().unwrap());
            bench.advance(30);
        }
        assert_eq!(one.current().unwrap(), bench.tokens().current().unwrap(), "the next slot's");
    }

    #[test]
    fn whenever_it_starts_a_token_is_used_for_twenty_minutes_at_least_and_never_for_an_hour() {
        for begun in (0..SLOT).step_by(97) {
            let bench = Bench::new(CHANGE + begun);
            let tokens = bench.tokens();
            let mut used: Vec<(u64, u64)> = Vec::new();
            for _ in 0..5 * 60 * 4 {
                let (now, iat) = (bench.now.load(Ordering::SeqCst), iat(&tokens.current().unwrap()));
                assert!((LAG..=OLDEST).contains(&(now - iat)), "{} s old", now - iat);
                if used.last().is_none_or(|(_, last)| *last != iat) {
                    used.push((now, iat));
                }
                bench.advance(15);
            }
            assert!(used.len() > 8);
            assert!(used.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 20 * 60), "{used:?}");
        }
    }

    #[test]
    fn an_expired_one_is_renewed_at_once_but_not_twice_within_twenty_minutes() {
        let bench = Bench::new(CHANGE + 600);
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
        bench.advance(20 * 60);
        assert_eq!(tokens.renew(&second), None);
        bench.advance(60);
        assert_ne!(tokens.renew(&second).unwrap(), second);
    }

    #[test]
    fn an_update_too_soon_steps_back_to_the_former_slots_token() {
        let bench = Bench::new(CHANGE - 30);
        let former = bench.tokens().current().unwrap();
        bench.advance(60);
        let tokens = bench.tokens();
        let refused = tokens.current().unwrap();
        assert_ne!(former, refused);
        assert_eq!(tokens.step_back(&refused), Some(Arc::clone(&former)));
        assert_eq!(
            tokens.step_back(&refused),
            Some(Arc::clone(&former)),
            "another push that was refused with it"
        );
        bench.advance(20 * 60);
        assert_eq!(tokens.current().unwrap(), former);
        bench.advance(60);
        assert_eq!(tokens.current().unwrap(), refused);
    }

    #[test]
    fn what_apple_would_call_too_old_is_not_stepped_back_to() {
        let bench = Bench::new(CHANGE + 26 * 60);
        let tokens = bench.tokens();
        let refused = tokens.current().unwrap();
        assert_eq!(tokens.step_back(&refused), None);
    }
}
