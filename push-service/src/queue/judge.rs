//! What follows from a provider's verdict.

use std::time::Duration;

use rand::RngExt as _;

use crate::clock::to_unix_ms;
use crate::provider::Verdict;
use crate::store::DeliveryState;

/// Before the second attempt; doubled before each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// Longest reason that is kept.
const REASON: usize = 200;

/// How a delivery goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) state: DeliveryState,
    /// Unix milliseconds; of consequence only while queued.
    pub(super) next_at: i64,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) provider_id: Option<String>,
    /// The device's token is dead, unless it was registered after this.
    pub(super) dead_since: Option<i64>,
}

/// After the `attempts`th attempt. What cannot be tried again in time is expired at once, so that whoever waits need not.
pub(super) fn judge(verdict: Verdict, attempts: u32, now: i64, expires_at: i64) -> Step {
    let step = |state, status, reason: Option<String>| Step {
        state,
        next_at: now,
        status,
        reason: reason.map(cut),
        provider_id: None,
        dead_since: None,
    };
    match verdict {
        Verdict::Sent { provider_id, status } => {
            Step { provider_id: Some(provider_id), ..step(DeliveryState::Sent, Some(status), None) }
        }
        Verdict::Retry { status, reason, after } => {
            let pause = pause(attempts).max(after.unwrap_or_default());
            let next_at = now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
            let state = if next_at < expires_at { DeliveryState::Queued } else { DeliveryState::Expired };
            Step { next_at, ..step(state, status, Some(reason)) }
        }
        Verdict::DeviceGone { status, reason, since } => Step {
            dead_since: Some(since.map_or(i64::MAX, to_unix_ms)),
            ..step(DeliveryState::Gone, Some(status), Some(reason))
        },
        Verdict::Rejected { status, reason } | Verdict::Misconfigured { status, reason, .. } => {
            step(DeliveryState::Failed, status, Some(reason))
        }
    }
}

/// With a quarter more or less, so that those who failed together do not come back together.
fn pause(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(8));
    doubled.min(LONGEST_PAUSE).mul_f64(rand::rng().random_range(0.75..1.25))
}

fn cut(mut reason: String) -> String {
    // No control characters: Postgres does not take them all.
    reason.retain(|c| !c.is_control());
    if reason.len() > REASON {
        let end = (0..=REASON).rev().find(|index| reason.is_char_boundary(*index)).unwrap_or_default();
        reason.truncate(end);
    }
    reason
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn retry(after: Option<u64>) -> Verdict {
        let after = after.map(Duration::from_secs);
        Verdict::Retry { status: Some(503), reason: "busy".into(), after }
    }

    #[test]
    fn pauses_grow_and_retry_after_is_heeded() {
        for (attempts, low, high) in [(1, 375, 625), (2, 750, 1250), (3, 1500, 2500), (30, 6000, 10_000)] {
            let step = judge(retry(None), attempts, 1000, i64::MAX);
            assert_eq!(step.state, DeliveryState::Queued);
            assert!((low..=high).contains(&(step.next_at - 1000)), "{attempts}: {step:?}");
        }
        let step = judge(retry(Some(20)), 1, 1000, 60_000);
        assert_eq!((step.state, step.next_at, step.status), (DeliveryState::Queued, 21_000, Some(503)));
    }

    #[test]
    fn nothing_is_put_off_beyond_its_time() {
        assert_eq!(judge(retry(Some(20)), 1, 1000, 21_000).state, DeliveryState::Expired);
        assert_eq!(judge(retry(None), 1, 1000, 1300).state, DeliveryState::Expired);
    }

    #[test]
    fn a_dead_token_is_dead_since_the_provider_says() {
        let gone = |since| Verdict::DeviceGone { status: 410, reason: "Unregistered".into(), since };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(judge(gone(Some(at)), 1, 9000, 20_000).dead_since, Some(5000));
        assert_eq!(judge(gone(None), 1, 9000, 20_000).dead_since, Some(i64::MAX));
    }

    #[test]
    fn a_reason_is_kept_short() {
        let reason = format!("a\u{0}{}", "é".repeat(200));
        let step = judge(Verdict::Rejected { status: None, reason }, 1, 0, 1);
        assert_eq!(step.state, DeliveryState::Failed);
        let reason = step.reason.unwrap();
        assert!(reason.len() <= REASON && reason.starts_with("aé"), "{reason}");
    }
}
