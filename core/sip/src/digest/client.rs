use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::fields::{Fields, is_digest};
use super::{Authorization, Challenge, Challenger};
use crate::Sensitive;
use crate::msg::{HeaderName, Headers, InvalidValue, Request, Response};

/// Who this side is to a server that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub username: Sensitive<String>,
    /// Its password.
    pub password: Sensitive<String>,
    /// The only realm that may ask for them; `None` trusts whoever the requests go to.
    pub realm: Option<String>,
}

impl Credentials {
    /// Credentials for any realm.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into().into(), password: password.into().into(), realm: None }
    }

    /// The same for one realm.
    pub fn for_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }
}

/// Answers challenges with one account's credentials and remembers the nonces, so that later requests carry an answer
/// before they are asked.
pub struct DigestClient {
    credentials: Credentials,
    rng: ChaCha12Rng,
    /// The oldest first; at most [`MAX_KNOWN`].
    known: Vec<Known>,
}

/// A server and its proxies; whoever invents more realms loses the first of them.
const MAX_KNOWN: usize = 8;
/// How often one request goes out again to the same realm: the second and third time only for a stale nonce.
const MAX_ANSWERS: u8 = 3;

#[derive(Debug)]
struct Known {
    challenger: Challenger,
    challenge: Challenge,
    cnonce: String,
    nc: u32,
}

/// What has been tried with one request, over all the times that it went out.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Vec<Tried>);

#[derive(Debug, Clone)]
struct Tried {
    challenger: Challenger,
    realm: String,
    nonce: String,
    /// How many challenges were answered.
    answers: u8,
}

impl DigestClient {
    /// A client that has not been challenged yet. The seed makes its own nonces; never give the same twice.
    pub fn new(credentials: Credentials, seed: [u8; 32]) -> Self {
        Self { credentials, rng: ChaCha12Rng::from_seed(seed), known: Vec::new() }
    }

    /// Puts an answer into the request for every realm whose nonce is known, in place of those that it has. It must
    /// be complete but for its Via.
    pub fn authorize(&mut self, request: &mut Request, attempts: &mut Attempts) -> Result<(), InvalidValue> {
        for challenger in Challenger::ALL {
            remove_digest(&mut request.headers, &challenger.credentials_header())?;
        }
        let (method, uri) = (request.method.to_string(), request.uri.to_string());
        for known in &mut self.known {
            let answer = known.answer(&self.credentials, &method, &uri);
            request.headers.push(known.challenger.credentials_header(), answer)?;
            attempts.of(known.challenger, &known.challenge.realm).nonce.clone_from(&known.challenge.nonce);
        }
        Ok(())
    }

    /// Takes a 401 or 407. Returns whether the request should go out again, with a new CSeq, through
    /// [`authorize`](Self::authorize); otherwise the credentials are wrong, or nothing that is asked can be answered.
    pub fn challenged(&mut self, response: &Response, attempts: &mut Attempts) -> bool {
        let mut answerable = false;
        for challenger in Challenger::ALL {
            for challenge in self.best_challenges(challenger, &response.headers) {
                let tried = attempts.of(challenger, &challenge.realm);
                let same_nonce = tried.nonce == challenge.nonce;
                let refused = !challenge.stale && (same_nonce || tried.answers > 0);
                if refused || tried.answers >= MAX_ANSWERS {
                    self.forget(challenger, &challenge.realm);
                    return false;
                }
                tried.answers += 1;
                self.learn(challenger, challenge);
                answerable = true;
            }
        }
        answerable
    }

    /// Takes the first final response to a request that was let in: the server may say which nonce to use next
    /// (RFC 7616 section 3.5).
    pub fn accepted(&mut self, headers: &Headers, attempts: &Attempts) {
        for challenger in Challenger::ALL {
            let info = headers.get(&challenger.info_header()).and_then(|info| Fields::parse(info).ok());
            let Some(next) = info.as_ref().and_then(|fields| fields.get("nextnonce")) else { continue };
            // The header names no realm; it speaks for the nonce that the request carried.
            let known = self.known.iter_mut().find(|known| {
                known.challenger == challenger
                    && attempts.0.iter().any(|tried| {
                        tried.challenger == challenger
                            && tried.realm == known.challenge.realm
                            && tried.nonce == known.challenge.nonce
                    })
            });
            if let Some(known) = known.filter(|known| known.challenge.nonce != next) {
                known.challenge.nonce = next.to_owned();
                known.nc = 0;
                known.cnonce = new_cnonce(&mut self.rng);
            }
        }
    }

    /// The strongest challenge of each realm that can be answered.
    fn best_challenges(&self, challenger: Challenger, headers: &Headers) -> Vec<Challenge> {
        let mut best: Vec<Challenge> = Vec::new();
        for line in headers.all(&challenger.challenge_header()) {
            let Ok(challenge) = line.parse::<Challenge>() else { continue };
            if self.credentials.realm.as_ref().is_some_and(|realm| *realm != challenge.realm) {
                continue;
            }
            match best.iter_mut().find(|other| other.realm == challenge.realm) {
                Some(other) => {
                    if other.algorithm < challenge.algorithm {
                        *other = challenge;
                    }
                }
                None => best.push(challenge),
            }
        }
        best.truncate(MAX_KNOWN);
        best
    }

    fn learn(&mut self, challenger: Challenger, challenge: Challenge) {
        self.forget(challenger, &challenge.realm);
        if self.known.len() >= MAX_KNOWN {
            self.known.remove(0);
        }
        let cnonce = new_cnonce(&mut self.rng);
        self.known.push(Known { challenger, challenge, cnonce, nc: 0 });
    }

    fn forget(&mut self, challenger: Challenger, realm: &str) {
        self.known.retain(|known| known.challenger != challenger || known.challenge.realm != realm);
    }
}

impl Known {
    fn answer(&mut self, credentials: &Credentials, method: &str, uri: &str) -> Authorization {
        let Challenge { realm, nonce, opaque, algorithm, qop_auth, stale: _ } = &self.challenge;
        self.nc = self.nc.wrapping_add(1);
        let counted = qop_auth.then(|| (self.nc, self.cnonce.clone()));
        let ha1 = algorithm.ha1(credentials.username.expose(), realm, credentials.password.expose());
        let by_ref = counted.as_ref().map(|(nc, cnonce)| (*nc, cnonce.as_str()));
        Authorization {
            username: credentials.username.clone(),
            realm: realm.clone(),
            nonce: nonce.clone(),
            uri: uri.to_owned(),
            response: algorithm.response(&ha1, method, uri, nonce, by_ref),
            algorithm: *algorithm,
            opaque: opaque.clone(),
            counted,
        }
    }
}

impl Attempts {
    fn of(&mut self, challenger: Challenger, realm: &str) -> &mut Tried {
        let at = self.0.iter().position(|tried| tried.challenger == challenger && tried.realm == realm);
        let at = at.unwrap_or_else(|| {
            self.0.push(Tried { challenger, realm: realm.to_owned(), nonce: String::new(), answers: 0 });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

fn new_cnonce(rng: &mut ChaCha12Rng) -> String {
    format!("{:032x}", rng.random::<u128>())
}

/// Credentials of another scheme are the user's own and stay.
fn remove_digest(headers: &mut Headers, name: &HeaderName) -> Result<(), InvalidValue> {
    let others = headers.all(name).filter(|line| !line.split([' ', '\t']).next().is_some_and(is_digest));
    let others: Vec<_> = others.map(str::to_owned).collect();
    headers.remove(name);
    for line in others {
        headers.push(name.clone(), line)?;
    }
    Ok(())
}
