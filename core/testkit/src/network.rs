//! A network that delays, loses, doubles, overtakes and is cut, in virtual time and from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use doorstep_sip::Timestamp;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// What the way from one end to the other is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// The shortest time that something takes, one way.
    pub delay: Duration,
    /// What may come on top of it, by chance.
    pub jitter: Duration,
    /// Of a thousand parcels, how many get lost. On a reliable way they come late instead.
    pub loss: u32,
    /// Of a thousand parcels, how many arrive twice. Not on a reliable way.
    pub doubled: u32,
    /// Nothing is lost, doubled or overtaken: a stream with frames in it, such as a WebSocket. Otherwise datagrams.
    pub reliable: bool,
}

impl Conditions {
    /// A stream of frames, each of which takes exactly `delay`.
    pub const fn stream(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: 0, doubled: 0, reliable: true }
    }

    /// Datagrams of which each takes exactly `delay` and none is lost.
    pub const fn datagrams(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: 0, doubled: 0, reliable: false }
    }

    /// The same where a fifth is lost, a tenth comes twice, and parcels overtake each other.
    pub const fn bad(self) -> Self {
        Self { jitter: Duration::from_millis(300), loss: 200, doubled: 100, ..self }
    }
}

/// What a lost segment of a stream costs: the sender's retransmission.
const RETRANSMISSION: Duration = Duration::from_millis(300);

/// Parcels on their way, in the order of their arrival.
#[derive(Debug)]
pub struct Network<K, T> {
    rng: ChaCha12Rng,
    now: Timestamp,
    number: u64,
    under_way: BTreeMap<(Timestamp, u64), T>,
    /// The last arrival on each reliable way.
    last: BTreeMap<K, Timestamp>,
}

impl<K: Ord + Clone, T: Clone> Network<K, T> {
    /// An empty network. What happens on it follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha12Rng::seed_from_u64(seed),
            now: Timestamp::ZERO,
            number: 0,
            under_way: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// Sends a parcel on a way.
    pub fn send(&mut self, now: Timestamp, way: K, conditions: Conditions, parcel: T) {
        self.now = self.now.max(now);
        let lost = self.chance(conditions.loss);
        if conditions.reliable {
            let late = if lost { RETRANSMISSION } else { Duration::ZERO };
            let arrival = self.now + self.travel(conditions) + late;
            let last = self.last.entry(way).or_default();
            let arrival = arrival.max(*last);
            *last = arrival;
            self.put(arrival, parcel);
            return;
        }
        if !lost {
            let arrival = self.now + self.travel(conditions);
            self.put(arrival, parcel.clone());
        }
        if self.chance(conditions.doubled) {
            let arrival = self.now + self.travel(conditions) + self.travel(conditions);
            self.put(arrival, parcel);
        }
    }

    /// When the next parcel arrives.
    pub fn next_arrival(&self) -> Option<Timestamp> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out a parcel that has arrived.
    pub fn arrived(&mut self, now: Timestamp) -> Option<T> {
        let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Takes away what is on its way and meets the description: a cut.
    pub fn lose(&mut self, lost: impl Fn(&T) -> bool) {
        self.under_way.retain(|_, parcel| !lost(parcel));
    }

    fn put(&mut self, arrival: Timestamp, parcel: T) {
        self.number += 1;
        self.under_way.insert((arrival, self.number), parcel);
    }

    fn travel(&mut self, conditions: Conditions) -> Duration {
        let jitter = u64::try_from(conditions.jitter.as_millis()).unwrap_or(u64::MAX);
        conditions.delay + Duration::from_millis(self.rng.random_range(0..=jitter))
    }

    fn chance(&mut self, of_a_thousand: u32) -> bool {
        of_a_thousand > 0 && self.rng.random_range(0..1000) < of_a_thousand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(conditions: Conditions, seed: u64) -> Vec<(Timestamp, u32)> {
        let mut network = Network::new(seed);
        for parcel in 0..200 {
            network.send(Timestamp::ZERO, (), conditions, parcel);
        }
        let mut seen = Vec::new();
        while let Some(at) = network.next_arrival() {
            seen.extend(network.arrived(at).map(|parcel| (at, parcel)));
        }
        seen
    }

    #[test]
    fn a_stream_keeps_order_and_loses_nothing_however_bad_it_is() {
        let seen = arrivals(Conditions::stream(Duration::from_millis(20)).bad(), 1);
        assert!(seen.iter().map(|(_, parcel)| *parcel).eq(0..200));
    }

    #[test]
    fn datagrams_get_lost_doubled_and_overtaken_the_same_way_for_the_same_seed() {
        let bad = Conditions::datagrams(Duration::from_millis(20)).bad();
        let seen = arrivals(bad, 7);
        let distinct: std::collections::BTreeSet<_> = seen.iter().map(|(_, parcel)| *parcel).collect();
        assert!(distinct.len() < 190, "some got lost");
        assert!(seen.len() > distinct.len(), "some came twice");
        assert!(seen.windows(2).any(|pair| pair[0].1 > pair[1].1), "some were overtaken");
        assert_eq!(seen, arrivals(bad, 7));
        assert_ne!(seen, arrivals(bad, 8));
    }
}
