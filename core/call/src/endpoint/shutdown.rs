//! Stopping: every call is ended, the binding taken away or left for a push to wake the app, and then nothing more is
//! heard.

use std::time::Duration;

use doorstep_sip::msg::StatusCode;
use doorstep_sip::ua::{UaConfig, UserAgent};

use super::call::Phase;
use super::{Deadline, Endpoint};
use crate::{EndReason, Event};

/// So long BYE and REGISTER may take to be answered.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    Stopping,
    Over,
}

/// What becomes of the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    Removed,
    /// A push will wake the closed app.
    Kept,
}

impl Endpoint {
    pub(super) fn shut_down(&mut self, binding: Binding) {
        if self.life != Life::Running {
            return;
        }
        self.life = Life::Stopping;
        let all: Vec<_> = self.calls.keys().copied().collect();
        for handle in all {
            match self.calls.get(&handle).map(|call| &call.phase) {
                Some(Phase::Ringing(_)) => {
                    self.refuse(handle, StatusCode::TEMPORARILY_UNAVAILABLE, EndReason::Shutdown);
                }
                Some(Phase::Calling(_) | Phase::Active(_)) => self.drop_call(handle, EndReason::Shutdown),
                None => {}
            }
        }
        match binding {
            Binding::Removed => self.unregister(),
            Binding::Kept => self.registrar_rests(),
        }
        self.deadlines.set(Deadline::Shutdown, self.now + PATIENCE);
    }

    /// Done as soon as nobody owes this side an answer, or nobody can give one.
    pub(super) fn tend_shutdown(&mut self) {
        if self.life != Life::Stopping {
            return;
        }
        let nothing_to_hear = self.ua.requests_under_way() == 0 && !self.registrar.is_leaving();
        if nothing_to_hear || self.link.flow().is_none() {
            self.shut_down_now();
        }
    }

    pub(super) fn shut_down_now(&mut self) {
        if self.life == Life::Over {
            return;
        }
        self.life = Life::Over;
        self.registration_failed(EndReason::Shutdown);
        self.disconnect();
        self.pull();
        self.heard.clear();
        self.ua = UserAgent::new(UaConfig::default(), [0; 32]);
        self.orphans.clear();
        self.sessions.clear();
        self.deadlines.clear();
        self.tell(Event::Idle);
    }
}
