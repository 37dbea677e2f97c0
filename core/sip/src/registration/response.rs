//! What a registrar answers (RFC 3261 section 10.2.4 to 10.2.8).

use std::time::Duration;

use rand::RngExt as _;

use super::{
    Binding, MAX_CORRECTIONS, Outstanding, Registration, RegistrationEvent, RegistrationFailure, Wanted,
};
use crate::Timestamp;
use crate::msg::{Contacts, HeaderName, Headers, Response, StatusCode};
use crate::ua::{FailureCause, RequestId, UaEvent, UserAgent};

impl Registration {
    /// Takes an event of the user agent. Returns whether it was about this registration; then nobody else need look
    /// at it.
    pub fn handle_event(&mut self, now: Timestamp, ua: &mut UserAgent, event: &UaEvent) -> bool {
        match event {
            UaEvent::Response { id, response } => self.handle_response(now, ua, *id, response),
            UaEvent::RequestFailed { id, cause } => self.handle_failure(now, ua, *id, *cause),
            UaEvent::IncomingRequest { .. } | UaEvent::IncomingInvite { .. } | UaEvent::Session { .. } => {
                false
            }
        }
    }

    fn is_ours(&self, id: RequestId) -> bool {
        self.outstanding.as_ref().is_some_and(|outstanding| outstanding.id == id)
    }

    fn handle_response(
        &mut self,
        now: Timestamp,
        ua: &mut UserAgent,
        id: RequestId,
        response: &Response,
    ) -> bool {
        if !self.is_ours(id) {
            return false;
        }
        if response.status.is_provisional() {
            return true;
        }
        // A challenge that the user agent answered has moved the number on.
        self.cseq = self.cseq.max(response.headers.cseq().map_or(0, |cseq| cseq.number));
        let Some(sent) = self.outstanding.take() else { return true };
        self.unsure = false;
        if response.status.is_success() {
            self.succeeded(now, &sent, response);
        } else if self.corrected(&sent, response) {
            self.again = true;
        } else {
            let cause = RegistrationFailure::Refused { response: response.clone() };
            self.failed(now, cause);
        }
        self.go_on(now, ua, &sent);
        true
    }

    fn handle_failure(
        &mut self,
        now: Timestamp,
        ua: &mut UserAgent,
        id: RequestId,
        cause: FailureCause,
    ) -> bool {
        if !self.is_ours(id) {
            return false;
        }
        let Some(sent) = self.outstanding.take() else { return true };
        let cause = match cause {
            FailureCause::Timeout => RegistrationFailure::Timeout,
            FailureCause::FlowClosed => {
                self.flow = None;
                RegistrationFailure::FlowClosed
            }
        };
        self.failed(now, cause);
        self.go_on(now, ua, &sent);
        true
    }

    /// What came up while the REGISTER was under way.
    fn go_on(&mut self, now: Timestamp, ua: &mut UserAgent, sent: &Outstanding) {
        if !std::mem::take(&mut self.again) && sent.what == self.wanted {
            return;
        }
        if self.wanted == Wanted::Gone && self.is_gone() {
            self.next = None;
            self.events.push_back(RegistrationEvent::Unregistered);
        } else {
            self.send_or_tell(now, ua);
        }
    }

    fn succeeded(&mut self, now: Timestamp, sent: &Outstanding, response: &Response) {
        self.failures = 0;
        self.corrections = 0;
        if sent.what == Wanted::Gone {
            self.binding = None;
            if self.wanted == Wanted::Gone {
                self.again = false;
                self.next = None;
                self.events.push_back(RegistrationEvent::Unregistered);
            }
            return;
        }
        let expires = self.granted(sent, &response.headers).max(Duration::from_secs(1));
        let outbound = sent.outbound && response.headers.contains_token(&HeaderName::Require, "outbound");
        self.binding = Some(Binding { contact: sent.contact.clone(), until: now + expires, outbound });
        // Half of the time at the earliest, three quarters at the latest: many must not come at once.
        self.next = Some(now + expires.mul_f64(self.rng.random_range(0.5..0.75)));
        if self.wanted == Wanted::Gone {
            return;
        }
        let flow_timer = response.headers.get(&HeaderName::FlowTimer).and_then(seconds);
        self.events.push_back(RegistrationEvent::Registered {
            flow: sent.flow,
            expires,
            outbound,
            flow_timer,
        });
    }

    /// How long the registrar keeps this side's contact, among all that it lists.
    fn granted(&self, sent: &Outstanding, headers: &Headers) -> Duration {
        let Some(Contacts::List(list)) = headers.contacts() else {
            return headers.expires().map_or(self.config.expires, |secs| Duration::from_secs(secs.into()));
        };
        let instance = self.config.instance.as_ref().filter(|_| sent.outbound);
        let by_instance = instance.and_then(|instance| {
            let wanted = format!("<{instance}>");
            list.iter().find(|contact| contact.params.unquoted("+sip.instance").as_deref() == Some(&wanted))
        });
        let ours = by_instance.or_else(|| {
            list.iter().find(|contact| {
                contact.uri.as_sip().is_some_and(|uri| {
                    (uri.user(), &uri.host, uri.port)
                        == (sent.contact.user(), &sent.contact.host, sent.contact.port)
                })
            })
        });
        let own = ours.and_then(|contact| contact.params.value("expires").and_then(seconds));
        let common = || headers.expires().map(|secs| Duration::from_secs(secs.into()));
        own.or_else(common).unwrap_or(self.config.expires)
    }

    /// 423 and 439 name what the registrar would take. Returns whether that can be sent now.
    fn corrected(&mut self, sent: &Outstanding, response: &Response) -> bool {
        let corrected = match response.status {
            StatusCode::INTERVAL_TOO_BRIEF => {
                let least = response.headers.get(&HeaderName::MinExpires).and_then(seconds);
                match least.filter(|least| *least > self.config.expires) {
                    Some(least) => {
                        self.config.expires = least;
                        true
                    }
                    None => false,
                }
            }
            StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT if sent.outbound => {
                self.outbound_refused = true;
                true
            }
            _ => false,
        };
        self.corrections = self.corrections.saturating_add(u8::from(corrected));
        corrected && self.corrections <= MAX_CORRECTIONS
    }

    fn failed(&mut self, now: Timestamp, cause: RegistrationFailure) {
        let asked = match &cause {
            RegistrationFailure::Refused { response } => retry_after(response),
            RegistrationFailure::Timeout
            | RegistrationFailure::FlowClosed
            | RegistrationFailure::CannotSend(_) => None,
        };
        let may_pass = match &cause {
            RegistrationFailure::Refused { response } => asked.is_some() || may_pass(response.status),
            RegistrationFailure::Timeout => true,
            RegistrationFailure::FlowClosed | RegistrationFailure::CannotSend(_) => false,
        };
        let retry_in = may_pass.then(|| {
            let doubled = self.config.retry_min.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
            let back_off = doubled.min(self.config.retry_max).mul_f64(self.rng.random_range(0.5..1.0));
            let asked = asked.map_or(Duration::ZERO, |asked| asked.mul_f64(self.rng.random_range(1.0..1.1)));
            back_off.max(asked)
        });
        self.failures = self.failures.saturating_add(1);
        self.next = retry_in.map(|wait| now + wait);
        self.events.push_back(RegistrationEvent::Failed { cause, retry_in });
    }
}

/// Whether the same request may be taken later.
fn may_pass(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::FLOW_FAILED
        | StatusCode::TEMPORARILY_UNAVAILABLE => true,
        StatusCode::NOT_IMPLEMENTED
        | StatusCode::VERSION_NOT_SUPPORTED
        | StatusCode::MESSAGE_TOO_LARGE
        | StatusCode::PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED => false,
        other => (500..600).contains(&other.code()),
    }
}

/// `Retry-After: SECONDS (comment);duration=…`, at most a day.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers.get(&HeaderName::RetryAfter)?;
    let number = value.split([' ', '\t', ';', '(']).next()?;
    seconds(number).map(|asked| asked.min(Duration::from_secs(86_400)))
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse::<u32>().ok()).flatten().map(|secs| Duration::from_secs(secs.into()))
}
