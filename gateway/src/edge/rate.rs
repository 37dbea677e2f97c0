//! How many messages a connection may send: a bucket that fills at the configured rate.

use std::time::Duration;

/// Twice as many as per second may come at once.
const BURST_SECONDS: f64 = 2.0;

/// The bucket. Time is handed in.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    level: f64,
    last: Duration,
    refused_in_a_row: u32,
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it.
    Take,
    /// Drop it.
    Drop,
    /// Close the connection: it does not stop.
    Close,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, level: per_second * BURST_SECONDS, last: Duration::ZERO, refused_in_a_row: 0 }
    }

    /// Judges one message at `now`, counted from the connection's start.
    pub(super) fn judge(&mut self, now: Duration) -> Verdict {
        let filled = now.saturating_sub(self.last).as_secs_f64() * self.per_second;
        self.level = (self.level + filled).min(self.per_second * BURST_SECONDS);
        self.last = now.max(self.last);
        if self.level >= 1.0 {
            self.level -= 1.0;
            self.refused_in_a_row = 0;
            return Verdict::Take;
        }
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        if f64::from(self.refused_in_a_row) > self.per_second * BURST_SECONDS {
            Verdict::Close
        } else {
            Verdict::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_a_flood_is_dropped_and_then_cut_off() {
        let mut rate = Rate::new(5);
        let verdicts: Vec<_> = (0..21).map(|_| rate.judge(Duration::ZERO)).collect();
        assert_eq!(verdicts[..10], [Verdict::Take; 10]);
        assert_eq!(verdicts[10..20], [Verdict::Drop; 10]);
        assert_eq!(verdicts[20], Verdict::Close);
    }

    #[test]
    fn the_configured_rate_passes_for_ever() {
        let mut rate = Rate::new(5);
        for message in 0..1000 {
            assert_eq!(rate.judge(Duration::from_millis(200) * message), Verdict::Take);
        }
    }
}
