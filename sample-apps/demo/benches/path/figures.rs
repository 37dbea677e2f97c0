//! What was measured, and how it is told.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use doorstep_testkit::slow_path::SlowPath;

/// Milliseconds, once for each call.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn note(&mut self, ms: f64) {
        let place = self.0.partition_point(|other| *other < ms);
        self.0.insert(place, ms);
    }

    /// By nearest rank, in tenths of a millisecond.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        (self.0.get(rank - 1).copied().unwrap_or(f64::NAN) * 10.0).round() / 10.0
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, highest] = [50, 95, 100].map(|percent| self.percentile(percent));
        write!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms, highest {highest:.1} ms")
    }
}

/// Round trips, once for each call.
#[derive(Default)]
pub(crate) struct Trips(Vec<u32>);

impl Trips {
    /// As counted on the path to a port of the right end, between two moments (milliseconds since the Unix epoch).
    pub(crate) fn note(&mut self, path: &SlowPath, port: u16, since: f64, until: f64) -> anyhow::Result<()> {
        let trips = path.round_trips(port, time(since)?, time(until)?);
        let place = self.0.partition_point(|other| *other < trips);
        self.0.insert(place, trips);
        Ok(())
    }

    pub(crate) fn median(&self) -> Option<u32> {
        self.0.get(self.0.len() / 2).copied()
    }

    pub(crate) fn most(&self) -> Option<u32> {
        self.0.last().copied()
    }
}

impl fmt::Display for Trips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most] = [self.median(), self.most()].map(Option::unwrap_or_default);
        write!(f, "{median} round trips (at most {most})")
    }
}

fn time(ms: f64) -> anyhow::Result<SystemTime> {
    let since = Duration::try_from_secs_f64(ms / 1000.0).context("no time")?;
    UNIX_EPOCH.checked_add(since).context("no time")
}
