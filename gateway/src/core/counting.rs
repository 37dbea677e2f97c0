//! What the media of a call carried, for its record. Its legs tell it as they close, the last ones when the call is over already.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::CallEntry;
use super::gateway::GatewayCore;
use super::ids::{LegId, Side, Timestamp};
use super::io::GatewayEvent;
use super::lookup::{CallMedia, CallRecord, Lookup};
use super::media_port::LegStats;
use crate::bridge::call_of_leg;

/// How long the record of an ended call waits for its legs' counters.
const PATIENCE: Duration = Duration::from_secs(5);

/// The record of a call that has ended while its legs still close.
pub(super) struct Counting {
    record: CallRecord,
    legs: BTreeMap<LegId, Side>,
    until: Timestamp,
}

impl GatewayCore {
    /// The call is over; its last legs tell what they carried in a moment.
    pub(super) fn await_counters(&mut self, now: Timestamp, number: u64, entry: &CallEntry) {
        let side_of = |leg: &LegId| Some((*leg, entry.legs.get(leg)?.side));
        let legs: BTreeMap<_, _> = entry.uncounted.iter().filter_map(side_of).collect();
        if !legs.is_empty() {
            let (record, until) = (entry.record.clone(), now + PATIENCE);
            self.counting.insert(number, Counting { record, legs, until });
        }
    }

    /// A leg has closed and tells what it carried.
    pub(super) fn counted(&mut self, leg: LegId, stats: &LegStats) {
        let number = call_of_leg(leg);
        if let Some(entry) = self.calls.get_mut(&number) {
            if entry.uncounted.remove(&leg)
                && let Some(side) = entry.legs.get(&leg).map(|leg| leg.side)
            {
                entry.record.media.add(side, stats);
            }
            return;
        }
        let Some(counting) = self.counting.get_mut(&number) else { return };
        if let Some(side) = counting.legs.remove(&leg) {
            counting.record.media.add(side, stats);
        }
        if counting.legs.is_empty() {
            self.keep_counters(number);
        }
    }

    pub(super) fn next_counting_deadline(&self) -> Option<Timestamp> {
        self.counting.values().map(|counting| counting.until).min()
    }

    /// Keeps what was told so far of calls whose legs take too long to close.
    pub(super) fn counting_due(&mut self, now: Timestamp) {
        let due = self.counting.iter().filter(|(_, counting)| counting.until <= now);
        for number in due.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.keep_counters(number);
        }
    }

    fn keep_counters(&mut self, number: u64) {
        let Some(Counting { record, .. }) = self.counting.remove(&number) else { return };
        if record.media != CallMedia::default() {
            self.tell(Lookup::RecordCall(record.clone()));
            self.event(GatewayEvent::Counted { record });
        }
    }
}
