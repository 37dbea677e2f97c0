//! Our own registration with a carrier that learns our address that way (RFC 3261 section 10.2). Refreshes, retries and challenges
//! are [`doorstep_sip::registration`]'s and the user agent's work.

use doorstep_sip::msg::NameAddr;
use doorstep_sip::registration::{Registration, RegistrationConfig, RegistrationEvent};

use super::config::CarrierConfig;
use super::trunk::{own_user, uri_of_carrier};

/// The registration that a carrier wants, if it wants one.
pub(super) fn registration_with(carrier: &CarrierConfig, seed: [u8; 32]) -> Option<Registration> {
    let expires = carrier.register?;
    let registrar = uri_of_carrier(carrier);
    let address = NameAddr::new(registrar.clone().with_user(own_user(carrier)));
    Some(Registration::new(
        RegistrationConfig { expires, ..RegistrationConfig::new(registrar, address) },
        seed,
    ))
}

/// Says in the log how a registration goes; its user agent and its timers do the rest.
pub(super) fn log(carrier: &CarrierConfig, registration: &mut Registration) {
    while let Some(event) = registration.poll() {
        let carrier = &carrier.id;
        match event {
            RegistrationEvent::Registered { expires, .. } => {
                tracing::info!(%carrier, expires_s = expires.as_secs(), "registered with a carrier");
            }
            RegistrationEvent::Failed { retry_in, .. } => {
                tracing::warn!(%carrier, retry = retry_in.is_some(), "a carrier did not register us");
            }
            RegistrationEvent::Lapsed => {
                tracing::warn!(%carrier, "our registration with a carrier has lapsed")
            }
            RegistrationEvent::Unregistered => {
                tracing::info!(%carrier, "a carrier has forgotten us, as asked")
            }
        }
    }
}
