use std::collections::VecDeque;

use doorstep_sip::Timestamp;

use crate::{CallSnapshot, EndpointConfig, Input, Output};

/// See the [crate](crate).
#[derive(Debug)]
pub struct Endpoint {
    now: Timestamp,
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint that is offline and wants nothing. The seed makes its tags, Call-IDs and waits; never give the same
    /// twice, but to replay a recording.
    pub fn new(_config: EndpointConfig, _seed: [u8; 32]) -> Self {
        Self { now: Timestamp::ZERO, outputs: VecDeque::new() }
    }

    /// Applies one input. `now` never goes back; an earlier time counts as the last one.
    pub fn handle_input(&mut self, now: Timestamp, _input: Input) {
        self.now = self.now.max(now);
    }

    /// The next thing to do; drain it to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Deadline`], if nothing else comes before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Every call that is not over, in the order of their numbers.
    pub fn calls(&self) -> impl Iterator<Item = CallSnapshot> {
        std::iter::empty()
    }
}
