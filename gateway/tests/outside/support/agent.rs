//! A SIP user agent with a wire: time and packets go in, events come out.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use doorstep_sip::Timestamp;
use doorstep_sip::ua::{FlowId, FlowInfo, UaConfig, UaEvent, UaOutput, UserAgent};

/// What carries the messages.
pub(crate) trait Wire {
    /// `None` when the far side has closed.
    async fn receive(&mut self) -> Option<Bytes>;
    async fn send(&mut self, bytes: Bytes);
}

/// See the [module](self).
pub(crate) struct Agent<W> {
    pub(crate) ua: UserAgent,
    pub(crate) wire: W,
    pub(crate) flow: FlowId,
    start: Instant,
    events: VecDeque<UaEvent>,
    /// Everything that was received, in order.
    pub(crate) received: Vec<String>,
}

impl<W: Wire> Agent<W> {
    pub(crate) fn new(wire: W, info: FlowInfo) -> Self {
        let config = UaConfig { session_expires: None, ..UaConfig::default() };
        let mut ua = UserAgent::new(config, rand::random());
        ua.flow_opened(FlowId(1), info);
        Self {
            ua,
            wire,
            flow: FlowId(1),
            start: Instant::now(),
            events: VecDeque::new(),
            received: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.start.elapsed())
    }

    /// Sends what the user agent wants to send.
    pub(crate) async fn flush(&mut self) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { bytes, .. } => self.wire.send(bytes).await,
                UaOutput::Event(event) => self.events.push_back(event),
            }
        }
    }

    /// The next event; `None` when the far side has closed.
    pub(crate) async fn next(&mut self) -> Option<UaEvent> {
        loop {
            self.flush().await;
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let wait = self.ua.next_deadline().map(|at| at.saturating_since(self.now()));
            let received = match wait {
                Some(wait) => match tokio::time::timeout(wait, self.wire.receive()).await {
                    Ok(received) => received,
                    Err(_) => {
                        self.ua.handle_timeout(self.now());
                        continue;
                    }
                },
                None => self.wire.receive().await,
            };
            let bytes = received?;
            self.received.push(String::from_utf8_lossy(&bytes).into_owned());
            self.ua.handle_message(self.now(), self.flow, &bytes);
        }
    }

    /// The next event that `pick` wants; others are passed over.
    pub(crate) async fn expect<T>(&mut self, what: &str, mut pick: impl FnMut(UaEvent) -> Option<T>) -> T {
        let mut passed = Vec::new();
        let found = async {
            while let Some(event) = self.next().await {
                let shown = format!("{event:?}");
                if let Some(found) = pick(event) {
                    return Some(found);
                }
                passed.push(shown);
            }
            None
        };
        match tokio::time::timeout(doorstep_service_testkit::HANG, found).await {
            Ok(Some(found)) => found,
            Ok(None) => panic!("the connection closed before {what}; came: {passed:#?}"),
            Err(_) => panic!("waited in vain for {what}; came: {passed:#?}"),
        }
    }
}
