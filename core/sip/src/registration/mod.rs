//! A binding at a registrar, kept alive (RFC 3261 section 10) over flows that come and go (RFC 5626) and with a push
//! address for the time between (RFC 8599).
//!
//! It sends through a [`UserAgent`], which answers digest challenges by itself: hand every event of that user agent to
//! [`handle_event`](Registration::handle_event), wake it at [`next_deadline`](Registration::next_deadline), and take
//! out what there is to [`poll`](Registration::poll). One REGISTER is under way at a time; what changes meanwhile goes
//! out with the next. Call-ID and CSeq go on over refreshes and flows.

mod push;
mod response;
mod types;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

pub use push::PushParams;
pub use types::{RegistrationConfig, RegistrationEvent, RegistrationFailure};

use crate::Timestamp;
use crate::msg::{HeaderName, Headers, InvalidValue, Method, NameAddr, SipUri};
use crate::ua::{FlowId, OutOfDialog, RequestId, UaError, UserAgent};

/// See the [module](self).
pub struct Registration {
    config: RegistrationConfig,
    rng: ChaCha12Rng,
    call_id: String,
    cseq: u32,
    wanted: Wanted,
    flow: Option<FlowId>,
    /// The REGISTER without an answer.
    outstanding: Option<Outstanding>,
    /// Something changed while one was under way.
    again: bool,
    binding: Option<Binding>,
    /// A REGISTER went out and nobody said what became of it.
    unsure: bool,
    /// The registrar, or a hop before it, does not do RFC 5626 (439).
    outbound_refused: bool,
    /// When to send next.
    next: Option<Timestamp>,
    /// Failures since the last success.
    failures: u32,
    /// 423 and 439 since the last success.
    corrections: u8,
    events: VecDeque<RegistrationEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Registered,
    Gone,
}

#[derive(Debug)]
struct Outstanding {
    id: RequestId,
    flow: FlowId,
    what: Wanted,
    /// With the push parameters.
    contact: SipUri,
    outbound: bool,
}

/// What the registrar has, as far as this side knows.
#[derive(Debug)]
struct Binding {
    /// As it was sent.
    contact: SipUri,
    until: Timestamp,
    /// The registrar tells bindings apart by instance and not by URI.
    outbound: bool,
}

/// A registrar that goes on asking for other parameters is given up.
const MAX_CORRECTIONS: u8 = 3;

impl Registration {
    /// A registration that has not started. The seed makes its Call-ID and its waits; never give the same twice.
    pub fn new(config: RegistrationConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let call_id = format!("{:032x}", rng.random::<u128>());
        Self {
            config,
            rng,
            call_id,
            cseq: 0,
            wanted: Wanted::Gone,
            flow: None,
            outstanding: None,
            again: false,
            binding: None,
            unsure: false,
            outbound_refused: false,
            next: None,
            failures: 0,
            corrections: 0,
            events: VecDeque::new(),
        }
    }

    /// Registers over a flow and keeps it so.
    pub fn start(&mut self, now: Timestamp, ua: &mut UserAgent, flow: FlowId) -> Result<(), UaError> {
        self.wanted = Wanted::Registered;
        if self.flow != Some(flow) {
            self.outstanding = None;
        }
        self.flow = Some(flow);
        self.send(now, ua)
    }

    /// Registers anew now: after a refusal that was mended, or to learn whether the registrar still knows this side.
    /// Without a flow it waits for one.
    pub fn refresh(&mut self, now: Timestamp, ua: &mut UserAgent) -> Result<(), UaError> {
        match self.wanted {
            Wanted::Registered => self.send(now, ua),
            Wanted::Gone => Ok(()),
        }
    }

    /// Takes the binding away. Without a flow it waits for one; what was never there is gone at once.
    pub fn unregister(&mut self, now: Timestamp, ua: &mut UserAgent) -> Result<(), UaError> {
        self.wanted = Wanted::Gone;
        if self.is_gone() {
            self.next = None;
            self.events.push_back(RegistrationEvent::Unregistered);
            return Ok(());
        }
        self.send(now, ua)
    }

    /// The registrar cannot have anything of this side.
    fn is_gone(&self) -> bool {
        self.binding.is_none() && !self.unsure
    }

    /// Where a push wakes this side from now on; the registrar is told at once.
    pub fn set_push(
        &mut self,
        now: Timestamp,
        ua: &mut UserAgent,
        push: Option<PushParams>,
    ) -> Result<(), UaError> {
        if self.config.push == push {
            return Ok(());
        }
        self.config.push = push;
        self.refresh(now, ua)
    }

    /// The flow to use from now on; `None` when the last one closed. On a new one this side registers at once.
    pub fn flow_changed(
        &mut self,
        now: Timestamp,
        ua: &mut UserAgent,
        flow: Option<FlowId>,
    ) -> Result<(), UaError> {
        if self.flow == flow {
            return Ok(());
        }
        // An answer on the old flow would say nothing of the new one.
        self.outstanding = None;
        self.flow = flow;
        self.next = None;
        self.failures = 0;
        self.corrections = 0;
        if self.wanted == Wanted::Gone && self.is_gone() {
            return Ok(());
        }
        self.send(now, ua)
    }

    /// Does what is due: a refresh, another try, or noticing that the binding has lapsed.
    pub fn handle_timeout(&mut self, now: Timestamp, ua: &mut UserAgent) {
        if self.binding.as_ref().is_some_and(|binding| binding.until <= now) {
            self.binding = None;
            self.events.push_back(RegistrationEvent::Lapsed);
        }
        if self.next.is_some_and(|next| next <= now) {
            self.next = None;
            self.send_or_tell(now, ua);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let lapse = self.binding.as_ref().map(|binding| binding.until);
        self.next.into_iter().chain(lapse).min()
    }

    /// The next thing to hear of.
    pub fn poll(&mut self) -> Option<RegistrationEvent> {
        self.events.pop_front()
    }

    /// Whether the registrar has this side's address, as far as this side knows.
    pub fn is_registered(&self) -> bool {
        self.binding.is_some()
    }

    /// Sends what is wanted, or leaves it to the answer that is still to come.
    fn send(&mut self, now: Timestamp, ua: &mut UserAgent) -> Result<(), UaError> {
        if self.outstanding.is_some() {
            self.again = true;
            return Ok(());
        }
        let Some(flow) = self.flow else { return Ok(()) };
        self.again = false;
        self.next = None;
        let here = &ua.flow(flow).ok_or(UaError::NoSuchFlow)?.contact;
        let contact = match &self.config.push {
            Some(push) => push.write(here)?,
            None => here.clone(),
        };
        let outbound = self.config.instance.is_some() && !self.outbound_refused;
        let headers = self.headers(&contact, outbound)?;
        let number = self.cseq + 1;
        let register = OutOfDialog {
            method: Method::Register,
            uri: self.config.registrar.clone().into(),
            from: self.config.aor.clone(),
            to: self.config.aor.clone(),
            sequence: Some((self.call_id.clone(), number)),
            headers,
            body: Bytes::new(),
        };
        let id = ua.send_request(now, flow, register)?;
        self.cseq = number;
        self.unsure |= self.wanted == Wanted::Registered;
        self.outstanding = Some(Outstanding { id, flow, what: self.wanted, contact, outbound });
        Ok(())
    }

    /// The same where nobody takes an error.
    fn send_or_tell(&mut self, now: Timestamp, ua: &mut UserAgent) {
        if let Err(error) = self.send(now, ua) {
            let cause = RegistrationFailure::CannotSend(error);
            self.events.push_back(RegistrationEvent::Failed { cause, retry_in: None });
        }
    }

    fn headers(&self, contact: &SipUri, outbound: bool) -> Result<Headers, InvalidValue> {
        // A binding that the registrar tells from the new one by its URI; it must go, or it would stay beside it.
        let old = self.binding.as_ref().filter(|binding| !binding.outbound).map(|binding| &binding.contact);
        let old = old.filter(|old| *old != contact);
        let mut headers = Headers::default();
        if let Some(old) = old {
            headers.push(HeaderName::Contact, self.contact(old, false, 0)?)?;
        }
        let expires = match self.wanted {
            Wanted::Registered => self.config.expires.as_secs().max(1),
            Wanted::Gone => 0,
        };
        if expires > 0 || old.is_none() {
            headers.push(HeaderName::Contact, self.contact(contact, outbound, expires)?)?;
        }
        headers.push(HeaderName::Expires, expires)?;
        if outbound {
            headers.push(HeaderName::Supported, "outbound, path")?;
        }
        for (name, value) in self.config.headers.iter() {
            headers.push(name.clone(), value)?;
        }
        Ok(headers)
    }

    fn contact(&self, uri: &SipUri, outbound: bool, expires: u64) -> Result<NameAddr, InvalidValue> {
        let mut contact = NameAddr::new(uri.clone());
        if let Some(instance) = self.config.instance.as_ref().filter(|_| outbound) {
            contact.params.set("+sip.instance", Some(&format!("<{instance}>")))?;
            contact.params.set("reg-id", Some("1"))?;
        }
        contact.params.set("expires", Some(&expires.to_string()))?;
        Ok(contact)
    }
}
