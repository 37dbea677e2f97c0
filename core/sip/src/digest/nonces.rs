use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use sha2::{Digest as _, Sha256};

use crate::Timestamp;

/// The server's nonces. They carry the time of their making under a signature, so that only those cost memory that a
/// right answer came with; which of their counts were taken is kept for each.
pub(super) struct Nonces {
    key: [u8; 32],
    rng: ChaCha12Rng,
    max_age: Duration,
    max_used: usize,
    used: BTreeMap<Nonce, Counts>,
    /// Whatever is as old and not in the table may have been in it.
    evicted: Option<u64>,
}

/// When it was made, in ms, and what tells it from others of that moment. They sort by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nonce {
    made_ms: u64,
    random: u64,
}

/// Which counts of a nonce were taken.
#[derive(Debug, Clone, Copy)]
struct Counts {
    highest: u32,
    /// Bit `n` stands for `highest - n`.
    taken: u64,
}

/// Why a nonce does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceRefusal {
    /// Not of this server, too old, or forgotten.
    Stale,
    /// This count was taken before, or is so far behind that it may have been.
    Replayed,
}

impl Nonces {
    pub(super) fn new(seed: [u8; 32], max_age: Duration, max_used: usize) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        Self { key: rng.random(), rng, max_age, max_used, used: BTreeMap::new(), evicted: None }
    }

    pub(super) fn make(&mut self, now: Timestamp) -> String {
        let nonce = Nonce { made_ms: millis(now), random: self.rng.random() };
        let plain = nonce.plain();
        URL_SAFE_NO_PAD.encode([plain, self.signature(&plain)].concat())
    }

    /// Takes one count of a nonce. Returns whether it is time for another nonce.
    pub(super) fn take(&mut self, now: Timestamp, text: &str, nc: u32) -> Result<bool, NonceRefusal> {
        let nonce = self.read(text).ok_or(NonceRefusal::Stale)?;
        let age = millis(now).checked_sub(nonce.made_ms).map(Duration::from_millis);
        let age = age.filter(|age| *age <= self.max_age).ok_or(NonceRefusal::Stale)?;
        match self.used.get_mut(&nonce) {
            Some(counts) => {
                if !counts.take(nc) {
                    return Err(NonceRefusal::Replayed);
                }
            }
            None if self.evicted.is_some_and(|until| nonce.made_ms <= until) => {
                return Err(NonceRefusal::Stale);
            }
            None => {
                self.make_room(now);
                self.used.insert(nonce, Counts { highest: nc, taken: 1 });
            }
        }
        Ok(age > self.max_age / 2)
    }

    fn make_room(&mut self, now: Timestamp) {
        let oldest = millis(now).saturating_sub(self.max_age.as_millis().try_into().unwrap_or(u64::MAX));
        while let Some(first) = self.used.first_entry().filter(|first| first.key().made_ms < oldest) {
            first.remove();
        }
        while self.used.len() >= self.max_used.max(1) {
            let Some((nonce, _)) = self.used.pop_first() else { break };
            self.evicted = self.evicted.max(Some(nonce.made_ms));
        }
    }

    fn read(&self, text: &str) -> Option<Nonce> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (plain, signature) = bytes.split_first_chunk::<16>()?;
        let genuine = equal_in_constant_time(&self.signature(plain), signature);
        let (made, random) = plain.split_first_chunk::<8>()?;
        let random = random.try_into().ok()?;
        genuine.then(|| Nonce { made_ms: u64::from_be_bytes(*made), random: u64::from_be_bytes(random) })
    }

    /// A keyed hash of the nested kind (as HMAC is), cut to half.
    fn signature(&self, plain: &[u8; 16]) -> [u8; 16] {
        let inner = Sha256::new().chain_update(self.key).chain_update(plain).finalize();
        let outer = Sha256::new().chain_update(self.key).chain_update(inner).finalize();
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(outer) {
            *to = from;
        }
        half
    }

    #[cfg(test)]
    pub(super) fn used_len(&self) -> usize {
        self.used.len()
    }
}

impl Nonce {
    fn plain(self) -> [u8; 16] {
        ((u128::from(self.made_ms) << 64) | u128::from(self.random)).to_be_bytes()
    }
}

impl Counts {
    /// `false` when the count was taken before. Requests may overtake each other by up to 63.
    fn take(&mut self, nc: u32) -> bool {
        match nc.checked_sub(self.highest) {
            Some(0) => false,
            Some(ahead) => {
                self.taken = self.taken.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = nc;
                true
            }
            None => {
                let bit = 1_u64.checked_shl(self.highest - nc).unwrap_or(0);
                let free = bit != 0 && self.taken & bit == 0;
                self.taken |= bit;
                free
            }
        }
    }
}

fn millis(at: Timestamp) -> u64 {
    at.since_epoch().as_millis().try_into().unwrap_or(u64::MAX)
}

/// How long it takes does not tell where two values differ. Their lengths are no secret.
pub(super) fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    let differing =
        left.iter().zip(right).fold(0, |differing, (a, b)| std::hint::black_box(differing | (a ^ b)));
    left.len() == right.len() && differing == 0
}
