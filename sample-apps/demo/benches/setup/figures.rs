//! What was measured, and how it is told.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use doorstep_testkit::slow_path::SlowPath;
use serde_json::{Value, json};

use super::number;

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

/// From the press to ringing.
#[derive(Default)]
pub(crate) struct Ringing {
    times: Times,
    /// Sorted.
    trips: Vec<u32>,
}

impl Ringing {
    /// Of an app that says when it was pressed and when it rang; the path says how many round trips lay between.
    pub(crate) fn note(&mut self, path: &SlowPath, port: u16, ringing: &Value) -> anyhow::Result<()> {
        let (pressed, rang) = (number(ringing, "pressed")?, number(ringing, "at")?);
        self.times.note(rang - pressed);
        let trips = path.round_trips(port, time(pressed)?, time(rang)?);
        let place = self.trips.partition_point(|other| *other < trips);
        self.trips.insert(place, trips);
        Ok(())
    }

    /// The median of the round trips, and the most.
    pub(crate) fn json(&self) -> Value {
        json!({
            "round_trips": self.median(),
            "round_trips_max": self.trips.last(),
            "p50_ms": self.times.percentile(50),
            "p95_ms": self.times.percentile(95),
        })
    }

    fn median(&self) -> Option<u32> {
        self.trips.get(self.trips.len() / 2).copied()
    }
}

impl fmt::Display for Ringing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trips = self.median().unwrap_or_default();
        let most = self.trips.last().copied().unwrap_or_default();
        write!(f, "{trips} round trips (at most {most}), {}", self.times)
    }
}

fn time(ms: f64) -> anyhow::Result<SystemTime> {
    let since = Duration::try_from_secs_f64(ms / 1000.0).context("no time")?;
    UNIX_EPOCH.checked_add(since).context("no time")
}
