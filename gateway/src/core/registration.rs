//! Our own registration with a carrier that learns our address that way (RFC 3261 section 10.2). Challenges are the user agent's
//! work.

use std::time::Duration;

use doorstep_sip::msg::{HeaderName, Headers, Method, Response, StatusCode};
use doorstep_sip::ua::{OutOfDialog, RequestId};

use super::headers::add;
use super::ids::Timestamp;
use super::trunk::{Carrier, Outbound};

/// When to try again after a refusal or silence.
const RETRY: Duration = Duration::from_secs(30);

/// One registration.
#[derive(Debug)]
pub(super) struct Registration {
    expires: Duration,
    due_at: Option<Timestamp>,
    asked: Option<RequestId>,
    registered: bool,
    leaving: bool,
}

impl Registration {
    pub(super) fn new(expires: Duration) -> Self {
        Self { expires, due_at: None, asked: None, registered: false, leaving: false }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.due_at
    }

    pub(super) fn flow_opened(&mut self, now: Timestamp) {
        self.asked = None;
        self.due_at = Some(now);
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.leaving && self.due_at.is_some_and(|at| at <= now)
    }

    pub(super) fn asked(&mut self, request: RequestId) {
        self.asked = Some(request);
        self.due_at = None;
    }

    pub(super) fn failed(&mut self, now: Timestamp) {
        self.registered = false;
        self.due_at = Some(now + RETRY);
    }

    pub(super) fn answered(&mut self, now: Timestamp, request: RequestId, response: Option<&Response>) {
        if self.asked.take_if(|asked| *asked == request).is_none() {
            return;
        }
        match response {
            Some(response) if response.status.is_success() => {
                self.registered = true;
                let granted = granted(response).unwrap_or(self.expires).max(Duration::from_secs(10));
                // In good time, so that a lost request does not end it.
                self.due_at = Some(now + granted.mul_f64(0.8));
            }
            Some(response) if response.status == StatusCode::INTERVAL_TOO_BRIEF => {
                let least = response.headers.get(&HeaderName::MinExpires);
                let least = least.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
                match least.filter(|least| *least > self.expires && *least <= MAX_EXPIRES) {
                    Some(least) => (self.expires, self.due_at) = (least, Some(now)),
                    None => self.failed(now),
                }
            }
            Some(_) | None => self.failed(now),
        }
    }

    /// The gateway stops. Returns whether the carrier must be told.
    pub(super) fn leave(&mut self) -> bool {
        (self.leaving, self.due_at) = (true, None);
        self.registered
    }
}

/// No carrier may make us ask for more.
const MAX_EXPIRES: Duration = Duration::from_secs(7 * 24 * 3600);

/// For how long the carrier has registered us.
fn granted(response: &Response) -> Option<Duration> {
    let contact = response.headers.contact();
    let contact = contact.and_then(|contact| contact.params.value("expires")?.parse::<u32>().ok());
    contact.or(response.headers.expires()).map(|seconds| Duration::from_secs(seconds.into()))
}

impl Carrier {
    pub(super) fn register(&self, outbound: &Outbound) -> Option<OutOfDialog> {
        let registration = self.registration.as_ref()?;
        let expires = if registration.leaving { Duration::ZERO } else { registration.expires };
        let mut headers = Headers::default();
        add(&mut headers, HeaderName::Expires, expires.as_secs().to_string());
        let user = self.own_address(outbound).uri.as_sip().and_then(|uri| uri.user()).unwrap_or_default();
        let address = doorstep_sip::msg::NameAddr::new(self.uri().with_user(&user));
        Some(OutOfDialog {
            method: Method::Register,
            uri: self.uri().into(),
            from: address.clone(),
            to: address,
            sequence: None,
            headers,
            body: bytes::Bytes::new(),
        })
    }
}
