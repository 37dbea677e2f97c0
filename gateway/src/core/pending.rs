//! What waits for the store, and what becomes of it when the answer is there.

use doorstep_sip::ua::{FlowId, SessionId};

use super::gateway::GatewayCore;
use super::headers::refusal_for_app;
use super::ids::{CourierId, OpId, Sdp, Side, Timestamp};
use super::io::Output;
use super::lookup::{Fallback, LookupResult, Route};
use super::push::DeviceId;
use super::refusal::ErrorCode;
use super::registrar::Registering;

/// A question whose answer is awaited.
#[derive(Debug)]
pub(super) enum Pending {
    /// A courier's INVITE.
    CourierCalls { session: SessionId, flow: FlowId, courier: CourierId, offer: Sdp },
    /// A carrier's INVITE.
    CustomerCalls { session: SessionId, offer: Option<Sdp> },
    /// Click-to-call.
    Connect { op: OpId, first: Side },
    /// REGISTER.
    Register(Box<Registering>),
    /// A device's token is gone: which bindings are on it?
    DeviceGone { device: DeviceId },
}

impl Pending {
    /// The INVITE that waits.
    fn session(&self) -> Option<(Side, SessionId)> {
        match self {
            Self::CourierCalls { session, .. } => Some((Side::Edge, *session)),
            Self::CustomerCalls { session, .. } => Some((Side::Trunk, *session)),
            Self::Connect { .. } | Self::Register(_) | Self::DeviceGone { .. } => None,
        }
    }

    /// Whether it is a call of that courier to be.
    pub(super) fn is_call_of(&self, of: &CourierId) -> bool {
        matches!(self, Self::CourierCalls { courier, .. } if courier == of)
    }

    /// Whether it is a call to be.
    pub(super) fn is_call(&self) -> bool {
        match self {
            Self::CourierCalls { .. } | Self::CustomerCalls { .. } | Self::Connect { .. } => true,
            Self::Register(_) | Self::DeviceGone { .. } => false,
        }
    }
}

impl GatewayCore {
    pub(super) fn looked_up(&mut self, now: Timestamp, op: OpId, result: LookupResult) {
        // Whoever waited may have hung up meanwhile.
        let Some(pending) = self.pending.remove(&op) else { return };
        match (pending, result) {
            (Pending::CourierCalls { session, flow, courier, offer }, LookupResult::Grant(grant)) => {
                if self.trunk.is_up() {
                    self.start_courier_call(now, session, flow, courier, grant, offer);
                } else {
                    self.reject_app(now, session, refusal_for_app(ErrorCode::TrunkDown));
                }
            }
            (Pending::CourierCalls { session, .. }, LookupResult::Refused(code)) => {
                self.reject_app(now, session, refusal_for_app(code));
            }
            (Pending::CustomerCalls { session, offer }, LookupResult::Route(route)) => {
                let (grant, otherwise) = match route {
                    Route::Courier { grant, otherwise } => (Some(grant), otherwise),
                    Route::NoOrder(otherwise) => (None, otherwise),
                };
                self.start_customer_call(now, session, grant, otherwise, offer);
            }
            (Pending::CustomerCalls { session, offer }, LookupResult::Refused(_)) => {
                self.start_customer_call(now, session, None, Fallback::Refuse, offer);
            }
            (Pending::Connect { op, first }, LookupResult::Grant(grant)) => {
                let result = self.start_connect_call(now, grant, first);
                self.output(Output::CommandDone { op, result });
            }
            (Pending::Connect { op, .. }, LookupResult::Refused(code)) => {
                self.output(Output::CommandDone { op, result: Err(code) });
            }
            (Pending::Register(registering), LookupResult::Bindings(bindings)) => {
                self.registered(now, *registering, &bindings);
            }
            (Pending::DeviceGone { device }, LookupResult::Bindings(bindings)) => {
                self.forget_device(&device, bindings);
            }
            (
                pending,
                LookupResult::Unavailable
                | LookupResult::Grant(_)
                | LookupResult::Refused(_)
                | LookupResult::Route(_)
                | LookupResult::Bindings(_)
                | LookupResult::Recorded,
            ) => self.give_up(now, pending),
        }
    }

    /// The store has no answer, or the gateway stops.
    pub(super) fn give_up(&mut self, now: Timestamp, pending: Pending) {
        match pending {
            Pending::CourierCalls { session, .. } => {
                self.reject_app(now, session, refusal_for_app(ErrorCode::Unavailable));
            }
            Pending::CustomerCalls { session, .. } => {
                self.reject_carrier(now, session, ErrorCode::Unavailable);
            }
            Pending::Connect { op, .. } => {
                self.output(Output::CommandDone { op, result: Err(ErrorCode::Unavailable) });
            }
            Pending::Register(registering) => self.not_registered(now, &registering),
            // The next wake tells it again.
            Pending::DeviceGone { .. } => {}
        }
    }

    /// The far side gave up before the store answered.
    pub(super) fn forget_pending(&mut self, side: Side, session: SessionId) {
        self.pending.retain(|_, pending| pending.session() != Some((side, session)));
    }
}
