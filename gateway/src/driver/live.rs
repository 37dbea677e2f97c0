//! Calls as they stand now: what the store will hold as soon as it has taken it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::store::StoredCall;

/// Ended calls that are kept, for a store that lags.
const ENDED: usize = 1024;

/// The calls that go on and those that ended last. Clones see the same.
#[derive(Clone, Default)]
pub struct LiveCalls(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    calls: BTreeMap<String, StoredCall>,
    ended: VecDeque<String>,
}

impl LiveCalls {
    /// The record of a call, if it is going on or has ended lately.
    pub fn find(&self, id: &str) -> Option<StoredCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.get(id).cloned()
    }

    pub(super) fn update(&self, call: &StoredCall) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.calls.insert(call.id.clone(), call.clone());
        let was_over = before.is_some_and(|before| before.ended_at.is_some());
        if call.ended_at.is_some() && !was_over {
            inner.ended.push_back(call.id.clone());
            if inner.ended.len() > ENDED
                && let Some(oldest) = inner.ended.pop_front()
            {
                inner.calls.remove(&oldest);
            }
        }
    }
}

impl std::fmt::Debug for LiveCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCalls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::CallMedia;

    fn call(id: usize, ended_at: Option<i64>) -> StoredCall {
        StoredCall {
            id: id.to_string(),
            order: None,
            courier: None,
            direction: "click_to_call".into(),
            started_at: 0,
            ringing_at: None,
            answered_at: None,
            ended_at,
            end: None,
            error: None,
            media: CallMedia::default(),
        }
    }

    #[test]
    fn running_calls_stay_and_ended_ones_are_forgotten_in_time() {
        let live = LiveCalls::default();
        live.update(&call(0, None));
        for id in 1..=ENDED + 1 {
            live.update(&call(id, None));
            live.update(&call(id, Some(1)));
            live.update(&call(id, Some(2)));
        }
        assert!(live.find("0").is_some() && live.find("1").is_none());
        assert_eq!(live.find("2").and_then(|call| call.ended_at), Some(2));
    }
}
