//! Holds an endpoint to the order of its events, whatever else a test looks at.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_call::{CallHandle, CallState, Direction, Event};

/// Sees every event of one endpoint.
#[derive(Debug, Default)]
pub struct EventOrder {
    known: BTreeMap<CallHandle, CallState>,
    over: BTreeSet<CallHandle>,
    idle: bool,
}

impl EventOrder {
    /// Fails the test when the event cannot follow what came before.
    pub fn see(&mut self, event: &Event) {
        assert!(!self.idle, "nothing after Idle, but {event:?}");
        match event {
            Event::Incoming(snapshot) => {
                assert_eq!(snapshot.direction, Direction::Incoming);
                assert_eq!(snapshot.state, CallState::Incoming);
                let before = self.known.insert(snapshot.call, snapshot.state);
                assert!(before.is_none() && !self.over.contains(&snapshot.call), "a call comes once");
            }
            Event::CallChanged(snapshot) => {
                assert!(!self.over.contains(&snapshot.call), "nothing after CallEnded, but {event:?}");
                let before = self.known.insert(snapshot.call, snapshot.state);
                assert!(
                    may_follow(before, snapshot.state),
                    "{:?} cannot follow {before:?} in {}",
                    snapshot.state,
                    snapshot.call
                );
            }
            Event::DigitReceived { call, .. }
            | Event::FirstAudio { call }
            | Event::Transfer { call, .. }
            | Event::Quality { call, .. } => {
                assert!(self.known.contains_key(call), "a call is introduced first, not by {event:?}");
                assert!(!self.over.contains(call), "nothing after CallEnded, but {event:?}");
            }
            Event::CallEnded { call, text, .. } => {
                assert!(self.over.insert(*call), "a call ends once");
                assert!(!text.is_empty(), "the courier can read why");
            }
            Event::Idle => {
                self.idle = true;
                let left: Vec<_> = self.known.keys().filter(|call| !self.over.contains(call)).collect();
                assert!(left.is_empty(), "every call has ended before Idle, but {left:?}");
            }
            Event::Connection(_)
            | Event::Registration(_)
            | Event::CommandRefused { .. }
            | Event::Push { .. } => {}
        }
    }

    /// Calls that were introduced and have not ended.
    pub fn open(&self) -> impl Iterator<Item = CallHandle> {
        self.known.keys().filter(|call| !self.over.contains(call)).copied()
    }
}

fn may_follow(before: Option<CallState>, state: CallState) -> bool {
    let rank = |state: CallState| match state {
        CallState::Connecting | CallState::Incoming => 0,
        CallState::Ringing | CallState::Answering => 1,
        CallState::Active { .. } | CallState::Reconnecting => 2,
        CallState::Ended(_) => 3,
    };
    match (before, state) {
        (_, CallState::Ended(_)) => false,
        (None, CallState::Connecting | CallState::Answering) => true,
        (None, _) => false,
        (Some(before), state) => rank(before) <= rank(state),
    }
}
