//! How late packets come, measured: the 95th percentile of their delay against the fastest ones of the last seconds.

use std::{collections::VecDeque, time::Duration};

/// Resolution of the measurement, milliseconds.
const BUCKET_MS: u32 = 5;
/// Delays up to one second are told apart.
const BUCKETS: usize = 200;
/// The share of packets that shall come in time.
const QUANTILE: f32 = 0.95;
/// Each packet takes away this much of the earlier ones' weight: half is forgotten after 100 packets, 2 s.
const FORGET: f32 = 0.993;
/// Before anything is measured, 20 ms are assumed, with the weight of this many packets.
const PRIOR_PACKETS: f32 = 10.0;
const PRIOR_BUCKET: usize = 3;
/// The fastest packet of this long is the reference. Short enough to follow the drift of two clocks.
const WINDOW_US: i64 = 2_000_000;
/// Packets remembered for the window, at 10 ms each and some more.
const REMEMBERED: usize = 256;

/// A transit that jumps by more than this is a new timeline, or a delay beyond all use.
const LEAP_US: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct DelayEstimator {
    clock_rate: u32,
    histogram: Box<[f32; BUCKETS]>,
    packets: f32,
    /// (arrival, transit) in µs with rising transit: the front is the window's fastest.
    fastest: VecDeque<(i64, i64)>,
    last_transit: Option<i64>,
    /// Interarrival jitter in µs (RFC 3550 section 6.4.1).
    jitter: f64,
}

impl DelayEstimator {
    pub(super) fn new(clock_rate: u32) -> Self {
        let mut histogram = Box::new([0.0; BUCKETS]);
        histogram[PRIOR_BUCKET] = 1.0;
        Self {
            clock_rate,
            histogram,
            packets: PRIOR_PACKETS,
            fastest: VecDeque::with_capacity(REMEMBERED),
            last_transit: None,
            jitter: 0.0,
        }
    }

    /// Takes note of a packet; `timestamp` is unwrapped, in units of the RTP clock.
    pub(super) fn packet(&mut self, timestamp: i64, arrival: Duration) {
        let arrival = i64::try_from(arrival.as_micros()).unwrap_or(i64::MAX / 4);
        let transit = arrival - timestamp.saturating_mul(1_000_000) / i64::from(self.clock_rate);
        if self.last_transit.is_some_and(|last| (transit - last).abs() > LEAP_US) {
            self.new_timeline();
        }
        if let Some(last) = self.last_transit.replace(transit) {
            self.jitter += ((transit - last).abs() as f64 - self.jitter) / 16.0;
        }
        let relative = transit - self.reference(arrival, transit);
        self.count((relative / 1_000) as u32);
    }

    /// The sender's timestamps or the path have changed: earlier transits say nothing any more.
    pub(super) fn new_timeline(&mut self) {
        self.fastest.clear();
        self.last_transit = None;
    }

    /// By how much packets are late, at the chosen percentile, in milliseconds.
    pub(super) fn quantile_ms(&self) -> u32 {
        let mut sum = 0.0;
        let within = |weight: &f32| {
            sum += *weight;
            sum >= QUANTILE
        };
        let bucket = self.histogram.iter().position(within).unwrap_or(BUCKETS - 1);
        (bucket as u32 + 1) * BUCKET_MS
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.jitter / 1_000.0
    }

    /// The fastest transit of the window that ends with this packet.
    fn reference(&mut self, arrival: i64, transit: i64) -> i64 {
        while self.fastest.back().is_some_and(|(_, slower)| *slower >= transit) {
            self.fastest.pop_back();
        }
        let outdated = |(at, _): &(i64, i64)| arrival - at > WINDOW_US;
        while self.fastest.len() == REMEMBERED || self.fastest.front().is_some_and(outdated) {
            self.fastest.pop_front();
        }
        self.fastest.push_back((arrival, transit));
        self.fastest.front().map_or(transit, |(_, fastest)| *fastest)
    }

    fn count(&mut self, late_ms: u32) {
        let keep = FORGET.min(1.0 - 1.0 / (self.packets + 1.0));
        self.packets += 1.0;
        for weight in self.histogram.iter_mut() {
            *weight *= keep;
        }
        let bucket = ((late_ms / BUCKET_MS) as usize).min(BUCKETS - 1);
        self.histogram[bucket] += 1.0 - keep;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::DelayEstimator;

    fn after(delays_ms: impl Iterator<Item = u64>) -> DelayEstimator {
        let mut estimator = DelayEstimator::new(8_000);
        for (i, delay) in delays_ms.enumerate() {
            estimator.packet(i as i64 * 160, Duration::from_millis(i as u64 * 20 + 50 + delay));
        }
        estimator
    }

    #[test]
    fn a_steady_network_needs_next_to_nothing() {
        assert_eq!(after((0..500).map(|_| 0)).quantile_ms(), 5);
        assert_eq!(after((0..500).map(|_| 0)).jitter_ms(), 0.0);
    }

    #[test]
    fn the_95th_percentile_counts_and_not_the_worst() {
        // Two packets of a hundred come 400 ms late, ten 60 ms.
        let delays = (0..1_000).map(|i| {
            if i % 50 == 0 {
                400
            } else if i % 10 == 3 {
                60
            } else {
                0
            }
        });
        assert_eq!(after(delays).quantile_ms(), 65);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let delays = (0..1_500).map(|i| if i < 500 { i % 7 * 25 } else { 0 });
        assert_eq!(after(delays).quantile_ms(), 5);
    }

    #[test]
    fn drifting_clocks_are_no_delay() {
        // 1 ms in 10 s.
        assert_eq!(after((0..20_000).map(|i| i / 500)).quantile_ms(), 5);
    }

    #[test]
    fn a_new_timeline_is_no_delay() {
        let mut estimator = after((0..500).map(|_| 0));
        for i in 0..100 {
            estimator.packet(1_000_000_000 + i * 160, Duration::from_millis(60_000 + i as u64 * 20));
        }
        assert_eq!(estimator.quantile_ms(), 5);
    }
}
