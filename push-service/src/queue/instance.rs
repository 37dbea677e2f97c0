//! Who owns what is to be sent. Instances that share a Postgres beat with their hearts in it; what a silent one owned, the others take
//! over. One that could not beat stops sending before they may, by its own steady clock, so that nothing is sent twice.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Between beats.
pub(super) const BEAT: Duration = Duration::from_millis(700);
/// After so long without a beat an instance is buried, by the database's clock.
pub(super) const SILENCE: Duration = Duration::from_secs(4);
/// After so long without one it stops by itself, counted from before the beat that was heard: always earlier than it can be buried.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// One life of an instance. Whoever was buried begins another under another name.
#[derive(Debug)]
pub(super) struct Instance {
    name: String,
    lease: Mutex<Lease>,
}

#[derive(Debug, Clone, Copy)]
enum Lease {
    /// Nobody else can take over.
    Alone,
    Until(Instant),
    Lost,
}

impl Instance {
    /// The only one there can be.
    pub(super) fn alone() -> Self {
        Self { name: Uuid::now_v7().to_string(), lease: Mutex::new(Lease::Alone) }
    }

    /// One of several; it owns nothing before its first [`extend`](Self::extend).
    pub(super) fn among_others() -> Self {
        Self { name: Uuid::now_v7().to_string(), lease: Mutex::new(Lease::Lost) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its heart beat after `begun`.
    pub(super) fn extend(&self, begun: Instant) {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        match *lease {
            Lease::Alone => {}
            Lease::Until(_) | Lease::Lost => *lease = Lease::Until(begun + LEASE),
        }
    }

    /// It sends no more.
    pub(super) fn give_up(&self) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Lease::Lost;
    }

    /// Whether what it owns is its own for sure.
    pub(super) fn holds(&self) -> bool {
        match *self.lease.lock().unwrap_or_else(PoisonError::into_inner) {
            Lease::Alone => true,
            Lease::Until(end) => Instant::now() < end,
            Lease::Lost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_counted_from_before_the_beat_and_ends_before_the_burial() {
        let instance = Instance::among_others();
        assert!(!instance.holds());
        instance.extend(Instant::now());
        assert!(instance.holds());
        let long_ago = Instant::now().checked_sub(LEASE).unwrap();
        instance.extend(long_ago);
        assert!(!instance.holds());
        assert!(LEASE + BEAT <= SILENCE);
        let alone = Instance::alone();
        assert!(alone.holds());
        alone.give_up();
        assert!(!alone.holds());
    }
}
