use std::time::Duration;

use super::nonces::{NonceRefusal, Nonces, equal_in_constant_time};
use super::{Algorithm, Authorization, Challenge, Challenger};
use crate::msg::{HeaderName, Request, StatusCode, Uri};
use crate::ua::Reply;
use crate::{Sensitive, Timestamp};

/// What a server asks for.
#[derive(Debug, Clone)]
pub struct DigestConfig {
    /// Shown to users; part of the hash, so that it cannot be changed without new HA1s.
    pub realm: String,
    /// Which headers and status to use.
    pub challenger: Challenger,
    /// What is offered and taken, in the order of the challenges: RFC 8760 wants the strongest first.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be used.
    pub nonce_age: Duration,
    /// How many nonces in use are remembered; the oldest of more become stale before their time.
    pub max_nonces: usize,
}

impl DigestConfig {
    /// 401, SHA-256 before MD5, nonces of five minutes.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            challenger: Challenger::Server,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_age: Duration::from_secs(300),
            max_nonces: 65_536,
        }
    }
}

/// What a server knows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password.
    Password(Sensitive<String>),
    /// Its hashes with user and realm ([`Algorithm::ha1`]), one per kind of hash that is kept.
    Ha1 {
        /// For [`Algorithm::Md5`] and its `-sess`.
        md5: Option<Sensitive<String>>,
        /// For [`Algorithm::Sha256`] and its `-sess`.
        sha256: Option<Sensitive<String>>,
    },
}

/// Credentials that came with a request; not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented(Authorization);

impl Presented {
    /// Whose [`Secret`] to verify them with.
    pub fn username(&self) -> &Sensitive<String> {
        &self.0.username
    }
}

/// The credentials are right and the request is no replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// A header for the 2xx: the nonce in use will end soon, and the client should use this one from now on.
    pub info: Option<(HeaderName, String)>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestRefusal {
    /// No credentials for this realm, or none that it asked for.
    #[error("no credentials")]
    Missing,
    /// Wrong user or wrong password: which one is not told.
    #[error("wrong credentials")]
    Wrong,
    /// Right, but the nonce is too old or not of this server.
    #[error("stale nonce")]
    Stale,
    /// Right, but this use of the nonce has been seen.
    #[error("replayed credentials")]
    Replayed,
    /// They were made for another Request-URI.
    #[error("credentials for another request")]
    WrongUri,
}

/// Challenges and verifies for one realm.
///
/// ```
/// # use doorstep_sip::{Timestamp, digest::{DigestConfig, DigestRefusal, DigestServer, Secret}, msg::Request, ua::Reply};
/// fn authenticate(
///     server: &mut DigestServer, now: Timestamp, request: &Request, find: impl Fn(&str) -> Option<Secret>,
/// ) -> Result<(), Reply> {
///     let checked = match server.presented(request) {
///         Some(presented) => {
///             let secret = find(presented.username().expose());
///             server.verify(now, request, &presented, secret.as_ref())
///         }
///         None => Err(DigestRefusal::Missing),
///     };
///     checked.map(|_| ()).map_err(|refusal| server.refuse(now, refusal))
/// }
/// ```
pub struct DigestServer {
    config: DigestConfig,
    nonces: Nonces,
}

impl DigestServer {
    /// A server whose nonces and their key come from the seed; never give the same twice.
    pub fn new(config: DigestConfig, seed: [u8; 32]) -> Self {
        let nonces = Nonces::new(seed, config.nonce_age, config.max_nonces);
        Self { config, nonces }
    }

    /// The credentials that a request carries for this realm.
    pub fn presented(&self, request: &Request) -> Option<Presented> {
        let name = self.config.challenger.credentials_header();
        let mut read = request.headers.all(&name).filter_map(|line| line.parse::<Authorization>().ok());
        read.find(|authorization| authorization.realm == self.config.realm).map(Presented)
    }

    /// Verifies credentials and takes one count of their nonce. `secret` is `None` for an unknown user; it takes as
    /// long as a wrong password does.
    pub fn verify(
        &mut self,
        now: Timestamp,
        request: &Request,
        presented: &Presented,
        secret: Option<&Secret>,
    ) -> Result<Accepted, DigestRefusal> {
        let Presented(authorization) = presented;
        let algorithm = authorization.algorithm;
        // Without a count a replay could not be told: RFC 2069's way is not taken.
        let Some((nc, cnonce)) = &authorization.counted else { return Err(DigestRefusal::Missing) };
        if !self.config.algorithms.contains(&algorithm) {
            return Err(DigestRefusal::Missing);
        }
        if authorization.uri.parse::<Uri>().as_ref() != Ok(&request.uri) {
            return Err(DigestRefusal::WrongUri);
        }
        let ha1 = secret.and_then(|secret| secret.ha1(algorithm, authorization));
        let known = ha1.is_some();
        let ha1 =
            ha1.unwrap_or_else(|| algorithm.ha1(authorization.username.expose(), &authorization.realm, ""));
        let (method, nonce) = (request.method.as_str(), &authorization.nonce);
        let expected = algorithm.response(&ha1, method, &authorization.uri, nonce, Some((*nc, cnonce)));
        let right = equal_in_constant_time(expected.as_bytes(), authorization.response.as_bytes());
        if !(known && right) {
            return Err(DigestRefusal::Wrong);
        }
        match self.nonces.take(now, nonce, *nc) {
            Ok(false) => Ok(Accepted { info: None }),
            Ok(true) => {
                // Base64 needs no quoting.
                let next = format!("nextnonce=\"{}\"", self.nonces.make(now));
                Ok(Accepted { info: Some((self.config.challenger.info_header(), next)) })
            }
            Err(NonceRefusal::Stale) => Err(DigestRefusal::Stale),
            Err(NonceRefusal::Replayed) => Err(DigestRefusal::Replayed),
        }
    }

    /// The answer to a request that is not let in: 401 or 407 with a challenge per algorithm, 400 for credentials
    /// that belong to another request.
    pub fn refuse(&mut self, now: Timestamp, refusal: DigestRefusal) -> Reply {
        let stale = match refusal {
            DigestRefusal::WrongUri => return Reply::new(StatusCode::BAD_REQUEST),
            DigestRefusal::Stale | DigestRefusal::Replayed => true,
            DigestRefusal::Missing | DigestRefusal::Wrong => false,
        };
        let mut reply = Reply::new(self.config.challenger.status());
        let nonce = self.nonces.make(now);
        for algorithm in self.config.algorithms.iter().copied() {
            let (realm, nonce) = (self.config.realm.clone(), nonce.clone());
            let challenge = Challenge { realm, nonce, opaque: None, algorithm, qop_auth: true, stale };
            if reply.headers.push(self.config.challenger.challenge_header(), challenge).is_err() {
                tracing::warn!("a challenge could not be written");
            }
        }
        reply
    }

    #[cfg(test)]
    pub(super) fn nonces_in_use(&self) -> usize {
        self.nonces.used_len()
    }
}

impl Secret {
    fn ha1(&self, algorithm: Algorithm, authorization: &Authorization) -> Option<Sensitive<String>> {
        let (username, realm) = (authorization.username.expose(), &authorization.realm);
        match (self, algorithm) {
            (Self::Password(password), algorithm) => Some(algorithm.ha1(username, realm, password.expose())),
            (Self::Ha1 { md5, .. }, Algorithm::Md5 | Algorithm::Md5Sess) => md5.clone(),
            (Self::Ha1 { sha256, .. }, Algorithm::Sha256 | Algorithm::Sha256Sess) => sha256.clone(),
        }
    }
}

#[cfg(test)]
impl Presented {
    /// The same client's answer with another count.
    pub(super) fn count_again(&mut self, nc: u32, password: &str, method: &str) {
        let authorization = &mut self.0;
        let ha1 =
            authorization.algorithm.ha1(authorization.username.expose(), &authorization.realm, password);
        let cnonce = authorization.counted.take().map(|(_, cnonce)| cnonce).unwrap_or_default();
        let (uri, nonce) = (&authorization.uri, &authorization.nonce);
        authorization.response =
            authorization.algorithm.response(&ha1, method, uri, nonce, Some((nc, &cnonce)));
        authorization.counted = Some((nc, cnonce));
    }
}
