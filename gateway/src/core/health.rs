//! Whether a carrier answers: OPTIONS now and then (RFC 3261 section 11), more often while it does not.

use std::time::Duration;

use doorstep_sip::msg::{Headers, Method, NameAddr, StatusCode};
use doorstep_sip::ua::{OutOfDialog, RequestId};

use super::ids::Timestamp;
use super::trunk::{Carrier, Outbound};

/// How often a carrier is asked that does not answer.
const DOWN_INTERVAL: Duration = Duration::from_secs(5);

/// One carrier's health. It is taken to be well until it fails to answer.
#[derive(Debug)]
pub(super) struct Health {
    /// `None`: it is not asked.
    interval: Option<Duration>,
    timeout: Duration,
    up: bool,
    ask_at: Option<Timestamp>,
    asked: Option<(RequestId, Timestamp)>,
}

impl Health {
    pub(super) fn new(interval: Option<Duration>, timeout: Duration) -> Self {
        Self { interval, timeout, up: true, ask_at: None, asked: None }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.ask_at, self.asked.map(|(_, until)| until)].into_iter().flatten().min()
    }

    pub(super) fn flow_opened(&mut self, now: Timestamp) {
        self.asked = None;
        self.ask_at = self.interval.map(|_| now);
    }

    /// Something else got no answer.
    pub(super) fn doubt(&mut self, now: Timestamp) {
        if self.asked.is_none() {
            self.ask_at = self.ask_at.map(|_| now);
        }
    }

    pub(super) fn wants_to_ask(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.ask_at.is_some_and(|at| at <= now)
    }

    pub(super) fn asked(&mut self, now: Timestamp, request: RequestId) {
        self.asked = Some((request, now + self.timeout));
        self.ask_at = None;
    }

    /// Returns the carrier's new state, if it has changed.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) -> Option<bool> {
        self.asked.take_if(|(_, until)| *until <= now)?;
        self.judge(now, false)
    }

    /// The final answer to a request, `None` when there was none. Any answer but 503 shows that somebody is there.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        request: RequestId,
        status: Option<StatusCode>,
    ) -> Option<bool> {
        self.asked.take_if(|(asked, _)| *asked == request)?;
        self.judge(now, status.is_some_and(|status| status != StatusCode::SERVICE_UNAVAILABLE))
    }

    fn judge(&mut self, now: Timestamp, up: bool) -> Option<bool> {
        let next = self.interval.map(|interval| if up { interval } else { interval.min(DOWN_INTERVAL) });
        self.ask_at = next.map(|wait| now + wait);
        (std::mem::replace(&mut self.up, up) != up).then_some(up)
    }
}

impl Carrier {
    pub(super) fn options(&self, outbound: &Outbound) -> OutOfDialog {
        OutOfDialog {
            method: Method::Options,
            uri: self.uri().into(),
            from: self.own_address(outbound),
            to: NameAddr::new(self.uri()),
            sequence: None,
            headers: Headers::default(),
            body: bytes::Bytes::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_carrier_is_down_from_its_first_silence_and_up_from_its_next_answer() {
        let mut health = Health::new(Some(Duration::from_secs(30)), Duration::from_secs(5));
        health.flow_opened(at(0));
        assert!(health.wants_to_ask(at(0)));
        health.asked(at(0), RequestId(1));
        assert_eq!(health.next_deadline(), Some(at(5)));
        assert_eq!(health.handle_timeout(at(5)), Some(false));
        assert!(!health.is_up());
        // The late answer to the first question counts for nothing.
        assert_eq!(health.answered(at(6), RequestId(1), Some(StatusCode::OK)), None);
        assert_eq!(health.next_deadline(), Some(at(10)));
        health.asked(at(10), RequestId(2));
        assert_eq!(health.answered(at(10), RequestId(2), Some(StatusCode::NOT_FOUND)), Some(true));
        assert_eq!(health.next_deadline(), Some(at(40)));
        health.doubt(at(11));
        assert!(health.wants_to_ask(at(11)));
        health.asked(at(11), RequestId(3));
        assert_eq!(health.answered(at(11), RequestId(3), Some(StatusCode::SERVICE_UNAVAILABLE)), Some(false));
    }
}
