//! Being reachable: doorstep-sip's [`Registration`] over the connections that come and go.

use doorstep_sip::Timestamp;
use doorstep_sip::msg::{Host, InvalidValue, NameAddr, SipUri};
use doorstep_sip::registration::{
    PushParams, Registration, RegistrationConfig, RegistrationEvent, RegistrationFailure,
};
use doorstep_sip::ua::{FlowId, UaError, UaEvent};
use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;

use super::link::Replace;
use super::outcome::Outcome;
use super::{Deadline, Endpoint};
use crate::{Auth, EndReason, EndpointConfig, Event, PushTarget, RegistrationState};

pub(super) struct Registrar {
    /// `None` when the configured names cannot stand in a SIP message.
    registration: Option<Registration>,
    wanted: bool,
    /// The binding is being taken away.
    leaving: bool,
    told: RegistrationState,
}

impl Registrar {
    pub(super) fn new(config: &EndpointConfig, rng: &mut ChaCha12Rng) -> Self {
        let seed = rng.random();
        let registration = registration_config(config).ok().map(|config| Registration::new(config, seed));
        Self { registration, wanted: false, leaving: false, told: RegistrationState::Unregistered }
    }

    pub(super) fn needs_link(&self) -> bool {
        self.wanted || self.leaving
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.registration.as_ref()?.next_deadline()
    }

    /// The registrar knows this side on the connection in use.
    pub(super) fn is_registered(&self) -> bool {
        matches!(self.told, RegistrationState::Registered { .. })
    }
}

fn registration_config(config: &EndpointConfig) -> Result<RegistrationConfig, InvalidValue> {
    let aor = config.address()?;
    let mut registration = RegistrationConfig::new(SipUri::new(Host::domain(&config.domain)?), aor);
    registration.instance = Some(config.instance.clone());
    registration.expires = config.register_expires;
    Ok(registration)
}

impl EndpointConfig {
    /// This side's address: From and To of its registration.
    pub(super) fn address(&self) -> Result<NameAddr, InvalidValue> {
        let address = NameAddr::new(self.named(SipUri::new(Host::domain(&self.domain)?)));
        Ok(match &self.display_name {
            Some(name) => address.with_display_name(name),
            None => address,
        })
    }

    /// A URI of this side's: with its user part, where it has one.
    pub(super) fn named(&self, uri: SipUri) -> SipUri {
        if self.user.is_empty() { uri } else { uri.with_user(&self.user) }
    }
}

impl Endpoint {
    pub(super) fn register(&mut self) {
        self.forget_waits();
        if self.registrar.wanted {
            return;
        }
        self.registrar.wanted = true;
        self.registrar.leaving = false;
        self.tell_registration(RegistrationState::Registering);
        match self.link.flow() {
            Some(flow) => self.registration_moves(flow),
            None if self.registrar.registration.is_none() => {
                self.registration_failed(EndReason::NoSuchTarget)
            }
            None => {}
        }
    }

    pub(super) fn unregister(&mut self) {
        self.registrar.wanted = false;
        if let Some(registration) = &mut self.registrar.registration {
            self.registrar.leaving = true;
            let done = registration.unregister(self.now, &mut self.ua);
            self.registration_could_not(done);
        } else {
            self.tell_registration(RegistrationState::Unregistered);
        }
    }

    /// Says no more to the registrar, which keeps what it knows.
    pub(super) fn registrar_rests(&mut self) {
        self.registrar.wanted = false;
    }

    pub(super) fn set_push(&mut self, push: Option<PushTarget>) {
        let push =
            push.map(|push| PushParams { provider: push.provider, param: Some(push.param), prid: push.prid });
        if let Some(registration) = &mut self.registrar.registration {
            let done = registration.set_push(self.now, &mut self.ua, push);
            self.registration_could_not(done);
        }
    }

    /// There is a connection, new or first.
    pub(super) fn registration_moves(&mut self, flow: FlowId) {
        let Some(registration) = &mut self.registrar.registration else {
            if self.registrar.wanted {
                self.registration_failed(EndReason::NoSuchTarget);
            }
            return;
        };
        let done = if self.registrar.wanted {
            registration.start(self.now, &mut self.ua, flow)
        } else {
            registration.flow_changed(self.now, &mut self.ua, Some(flow))
        };
        self.registration_could_not(done);
    }

    pub(super) fn registration_lost_flow(&mut self) {
        if let Some(registration) = &mut self.registrar.registration {
            let done = registration.flow_changed(self.now, &mut self.ua, None);
            self.registration_could_not(done);
        }
        if self.registrar.wanted && self.registrar.is_registered() {
            self.tell_registration(RegistrationState::Registering);
        }
    }

    fn registration_could_not(&mut self, done: Result<(), UaError>) {
        if let Err(error) = done {
            tracing::warn!(%error, "REGISTER could not be sent");
            self.registration_failed(EndReason::ProtocolError);
        }
    }

    pub(super) fn registration_failed(&mut self, reason: EndReason) {
        self.registrar.leaving = false;
        if self.registrar.wanted {
            self.tell_registration(RegistrationState::Failed { reason });
        }
    }

    pub(super) fn registration_due(&mut self) {
        if let Some(registration) = &mut self.registrar.registration {
            registration.handle_timeout(self.now, &mut self.ua);
        }
    }

    /// Whether an event of the user agent was about the registration.
    pub(super) fn registration_heard(&mut self, event: &UaEvent) -> bool {
        match &mut self.registrar.registration {
            Some(registration) => registration.handle_event(self.now, &mut self.ua, event),
            None => false,
        }
    }

    pub(super) fn tend_registration(&mut self) {
        while let Some(event) = self.registrar.registration.as_mut().and_then(Registration::poll) {
            match event {
                RegistrationEvent::Registered { expires, .. } => {
                    self.tell_registration(RegistrationState::Registered { expires_in: expires });
                    self.expect_announced_calls();
                }
                RegistrationEvent::Failed { cause, retry_in: _ } => self.registration_refused(&cause),
                RegistrationEvent::Lapsed => {
                    if self.registrar.wanted {
                        self.tell_registration(RegistrationState::Registering);
                    }
                }
                RegistrationEvent::Unregistered => {
                    self.registrar.leaving = false;
                    if !self.registrar.wanted {
                        self.tell_registration(RegistrationState::Unregistered);
                    }
                }
            }
        }
    }

    fn registration_refused(&mut self, cause: &RegistrationFailure) {
        let reason = match cause {
            RegistrationFailure::Refused { response } => Outcome::of_refusal(response).reason,
            RegistrationFailure::Timeout => EndReason::TimedOut,
            // The next connection registers by itself.
            RegistrationFailure::FlowClosed => return,
            RegistrationFailure::CannotSend(_) => EndReason::ProtocolError,
        };
        if reason == EndReason::Unauthorized && self.config.auth == Auth::Token {
            // The token has ended on this connection: another connection with another token.
            self.token_was_refused();
            if !self.token.is_denied() {
                self.replace_link(Replace::TokenNow);
                return;
            }
        }
        self.registration_failed(reason);
    }

    /// The INVITE of a call that a push has announced comes now or never.
    fn expect_announced_calls(&mut self) {
        let announced = self.calls.values().filter(|call| call.awaits_invite());
        let waiting: Vec<_> = announced.map(|call| call.handle).collect();
        for call in waiting {
            if !self.deadlines.runs(Deadline::Wake(call)) {
                self.deadlines.set(Deadline::Wake(call), self.now + self.config.wake_grace);
            }
        }
    }

    fn tell_registration(&mut self, state: RegistrationState) {
        if state != self.registrar.told || matches!(state, RegistrationState::Registered { .. }) {
            self.registrar.told = state;
            self.tell(Event::Registration(state));
        }
    }
}
