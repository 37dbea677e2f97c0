//! The keys that tokens are checked with, each bound to one algorithm.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::config::JwtSource;

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Not a PEM file with a P-256 or RSA public key.
    #[error("{0}: no ES256 or RS256 public key in it")]
    NoKey(PathBuf),
    /// Not a JWKS.
    #[error("{0}: not a JSON web key set")]
    NoJwks(PathBuf),
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Keys {
    /// With a `kid`.
    named: BTreeMap<String, (Algorithm, DecodingKey)>,
    /// The only key, which takes tokens whatever `kid` they name.
    only: Option<(Algorithm, DecodingKey)>,
}

impl Keys {
    pub(super) fn load(source: Option<&JwtSource>) -> Result<Self, KeyError> {
        match source {
            None => Ok(Self::default()),
            Some(JwtSource::Secret(secret)) => {
                Ok(Self::one(Algorithm::HS256, DecodingKey::from_secret(secret.expose())))
            }
            Some(JwtSource::PublicKey(path)) => {
                let pem = read(path)?;
                let (algorithm, key) = public_key(&pem).ok_or_else(|| KeyError::NoKey(path.clone()))?;
                Ok(Self::one(algorithm, key))
            }
            Some(JwtSource::Jwks(path)) => {
                let set: JwkSet =
                    serde_json::from_slice(&read(path)?).map_err(|_| KeyError::NoJwks(path.clone()))?;
                Self::from_set(&set).ok_or_else(|| KeyError::NoKey(path.clone()))
            }
        }
    }

    /// The key for a token, if it was made for the token's algorithm.
    pub(super) fn pick(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<(Algorithm, &DecodingKey)> {
        let (own, key) = kid.and_then(|kid| self.named.get(kid)).or(self.only.as_ref())?;
        (*own == algorithm).then_some((*own, key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.only.is_none() && self.named.is_empty()
    }

    fn one(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { named: BTreeMap::new(), only: Some((algorithm, key)) }
    }

    /// `None` when nothing in it can be used. Keys of other kinds are passed over: a set may hold more than ours.
    fn from_set(set: &JwkSet) -> Option<Self> {
        let mut keys = Self::default();
        let mut usable: Vec<(Option<String>, Algorithm, DecodingKey)> = set
            .keys
            .iter()
            .filter_map(|jwk| {
                Some((jwk.common.key_id.clone(), algorithm_of(jwk)?, DecodingKey::from_jwk(jwk).ok()?))
            })
            .collect();
        if let [(None, ..)] = usable[..] {
            let (_, algorithm, key) = usable.pop()?;
            return Some(Self::one(algorithm, key));
        }
        for (kid, algorithm, key) in usable {
            if let Some(kid) = kid {
                keys.named.insert(kid, (algorithm, key));
            }
        }
        (!keys.is_empty()).then_some(keys)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("named", &self.named.len()).finish_non_exhaustive()
    }
}

/// A shared secret in a JWKS is not taken: the file is public by its nature.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        // Not our enum, and it may grow: keys of other kinds are passed over.
        _ => return None,
    };
    jwk.common.key_algorithm.as_ref().is_none_or(|named| *named == name).then_some(algorithm)
}

fn public_key(pem: &[u8]) -> Option<(Algorithm, DecodingKey)> {
    let ec = DecodingKey::from_ec_pem(pem).ok().map(|key| (Algorithm::ES256, key));
    ec.or_else(|| DecodingKey::from_rsa_pem(pem).ok().map(|key| (Algorithm::RS256, key)))
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|error| KeyError::Unreadable { path: path.to_owned(), error })
}
