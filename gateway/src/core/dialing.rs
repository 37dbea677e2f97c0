//! Our calls to carriers: to the best that answers, and to the next one when it does not take the call up.

use std::collections::BTreeSet;

use doorstep_sip::ua::{EndCause, SessionEvent, SessionId, UaError};

use super::gateway::GatewayCore;
use super::ids::{LegId, PhoneNumber, Sdp, Side, Timestamp};

/// A call to a number that no carrier has taken up yet.
#[derive(Debug)]
pub(super) struct Dialing {
    number: PhoneNumber,
    caller_id: PhoneNumber,
    offer: Sdp,
    /// Which carriers were called, by their places.
    tried: BTreeSet<usize>,
}

impl Dialing {
    pub(super) fn new(number: PhoneNumber, caller_id: PhoneNumber, offer: Sdp) -> Self {
        Self { number, caller_id, offer, tried: BTreeSet::new() }
    }
}

impl GatewayCore {
    /// Calls through the best carrier that is up and was not tried. Nothing of the courier's leg is in it.
    pub(super) fn dial(
        &mut self,
        now: Timestamp,
        mut dialing: Dialing,
    ) -> Result<(SessionId, usize, Dialing), UaError> {
        let mut up = self.trunk.carriers.iter().enumerate().filter(|(_, carrier)| carrier.is_up());
        let next = up.find(|(place, _)| !dialing.tried.contains(place));
        let (place, carrier) = next.ok_or(UaError::NoSuchFlow)?;
        let outbound = carrier.outbound.clone().ok_or(UaError::NoSuchFlow)?;
        let invite = carrier.invite(&outbound, &dialing.number, &dialing.caller_id, dialing.offer.clone());
        dialing.tried.insert(place);
        let session = self.trunk.ua.invite(now, outbound.flow, invite)?;
        Ok((session, place, dialing))
    }

    /// Looks whether a carrier takes a call up. Returns whether the call is with another one now, so that nobody need hear of this
    /// event.
    pub(super) fn dial_on(
        &mut self,
        now: Timestamp,
        id: LegId,
        session: SessionId,
        event: &SessionEvent,
    ) -> bool {
        let SessionEvent::Ended { cause } = event else {
            if let (SessionEvent::Progress { .. } | SessionEvent::Answered { .. }, Some(leg)) =
                (event, self.leg_mut(id))
            {
                leg.dialing = None;
            }
            return false;
        };
        let Some(leg) = self.leg_mut(id) else { return false };
        let (carrier, dialing) = (leg.carrier, leg.dialing.take());
        if *cause == EndCause::Timeout
            && let Some(carrier) = carrier
        {
            self.carrier_is_silent(now, carrier);
        }
        let not_here = match cause {
            EndCause::Refused { response } => (500..=503).contains(&response.status.code()),
            EndCause::Timeout | EndCause::FlowClosed => true,
            EndCause::Local | EndCause::Remote { .. } | EndCause::Expired => false,
        };
        let Some(dialing) = dialing.filter(|_| not_here) else { return false };
        match self.dial(now, dialing) {
            Ok((next, carrier, dialing)) => {
                self.sessions.remove(&(Side::Trunk, session));
                self.sessions.insert((Side::Trunk, next), id);
                if let Some(leg) = self.leg_mut(id) {
                    (leg.session, leg.carrier, leg.dialing) = (next, Some(carrier), Some(dialing));
                }
                true
            }
            Err(_) => false,
        }
    }

    /// A carrier gave no answer at all: ask at once whether it is there.
    fn carrier_is_silent(&mut self, now: Timestamp, carrier: usize) {
        if let Some(carrier) = self.trunk.carriers.get_mut(carrier) {
            carrier.health.doubt(now);
        }
        self.carriers_due(now);
    }
}
