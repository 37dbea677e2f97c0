//! The driver's time: the core counts from an epoch of this process, the store and the API in Unix milliseconds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::core::Timestamp;

/// Knows which wall-clock time the core's epoch is. Copies agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: Duration,
}

impl Clock {
    /// The epoch is now.
    pub fn start() -> Self {
        let start_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_unix }
    }

    /// The core's time; steady, whatever is done to the system's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.start.elapsed())
    }

    /// Now, in Unix milliseconds.
    pub fn unix_ms(&self) -> i64 {
        self.to_unix_ms(self.now())
    }

    /// The wall-clock time of a core's time, in Unix milliseconds.
    pub fn to_unix_ms(&self, at: Timestamp) -> i64 {
        let since_1970 = self.start_unix.saturating_add(at.since_epoch());
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    /// The core's time of a wall-clock time; the epoch when that lies before it.
    pub fn from_unix_ms(&self, at: i64) -> Timestamp {
        let since_1970 = Duration::from_millis(u64::try_from(at).unwrap_or_default());
        Timestamp::from_epoch(since_1970.saturating_sub(self.start_unix))
    }

    /// When to wake for a deadline of the core.
    pub fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        let far = Duration::from_secs(365 * 24 * 3600);
        tokio::time::Instant::from_std(self.start + at.since_epoch().min(self.start.elapsed() + far))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_and_core_time_convert_into_each_other() {
        let clock = Clock::start();
        let later = Timestamp::from_epoch(Duration::from_secs(90));
        let wall = clock.to_unix_ms(later);
        let back = clock.from_unix_ms(wall);
        assert!(later.saturating_since(back) < Duration::from_millis(2), "{back:?}");
        assert_eq!(clock.from_unix_ms(0), Timestamp::ZERO);
        assert_eq!(clock.from_unix_ms(-5), Timestamp::ZERO);
    }
}
