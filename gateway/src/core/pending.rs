//! What waits for the store, and what becomes of it when the answer is there.

use doorstep_sip::ua::{FlowId, SessionId};

use super::gateway::GatewayCore;
use super::headers::refusal_for_app;
use super::ids::{CourierId, OpId, Sdp, Side, Timestamp};
use super::io::Output;
use super::lookup::{Binding, Fallback, Grant, Lookup, LookupResult, Route};
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
    /// The same, granted to an order's courier: which apps can be reached?
    CustomerReaches { session: SessionId, offer: Option<Sdp>, grant: Box<Grant>, otherwise: Fallback },
    /// Click-to-call.
    Connect { op: OpId, first: Side },
    /// The same, granted.
    ConnectReaches { op: OpId, first: Side, grant: Box<Grant> },
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
            Self::CustomerCalls { session, .. } | Self::CustomerReaches { session, .. } => {
                Some((Side::Trunk, *session))
            }
            Self::Connect { .. }
            | Self::ConnectReaches { .. }
            | Self::Register(_)
            | Self::DeviceGone { .. } => None,
        }
    }

    /// Whether it is a call of that courier to be.
    pub(super) fn is_call_of(&self, of: &CourierId) -> bool {
        match self {
            Self::CourierCalls { courier, .. } => courier == of,
            Self::CustomerReaches { .. }
            | Self::ConnectReaches { .. }
            | Self::CustomerCalls { .. }
            | Self::Connect { .. }
            | Self::Register(_)
            | Self::DeviceGone { .. } => false,
        }
    }

    /// Whether it is a call to be.
    pub(super) fn is_call(&self) -> bool {
        match self {
            Self::CourierCalls { .. }
            | Self::CustomerCalls { .. }
            | Self::CustomerReaches { .. }
            | Self::Connect { .. }
            | Self::ConnectReaches { .. } => true,
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
            (Pending::CustomerCalls { session, offer }, LookupResult::Route(route)) => match route {
                Route::Courier { grant, otherwise } => {
                    let courier = grant.courier.clone();
                    let grant = Box::new(grant);
                    let reaches = Pending::CustomerReaches { session, offer, grant, otherwise };
                    self.ask(Lookup::LoadBindings { courier }, reaches);
                }
                Route::NoOrder(otherwise) => {
                    self.start_customer_call(now, session, None, otherwise, offer, Vec::new());
                }
            },
            (Pending::CustomerReaches { session, offer, grant, otherwise }, result) => {
                let bindings = bindings_or_none(result);
                self.start_customer_call(now, session, Some(*grant), otherwise, offer, bindings);
            }
            (Pending::CustomerCalls { session, offer }, LookupResult::Refused(_)) => {
                self.start_customer_call(now, session, None, Fallback::Refuse, offer, Vec::new());
            }
            (Pending::Connect { op, first }, LookupResult::Grant(grant)) => {
                let courier = grant.courier.clone();
                let reaches = Pending::ConnectReaches { op, first, grant: Box::new(grant) };
                self.ask(Lookup::LoadBindings { courier }, reaches);
            }
            (Pending::ConnectReaches { op, first, grant }, result) => {
                let result = self.start_connect_call(now, *grant, first, bindings_or_none(result));
                self.output(Output::CommandDone { op, result });
            }
            (Pending::Connect { op, .. }, LookupResult::Refused(code)) => {
                self.output(Output::CommandDone { op, result: Err(code) });
            }
            (Pending::Register(registering), LookupResult::Bindings(bindings)) => {
                self.registered(now, *registering, bindings);
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
            Pending::CustomerCalls { session, .. } | Pending::CustomerReaches { session, .. } => {
                self.reject_carrier(now, session, ErrorCode::Unavailable);
            }
            Pending::Connect { op, .. } | Pending::ConnectReaches { op, .. } => {
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

/// A store that does not answer leaves those apps that are connected.
fn bindings_or_none(result: LookupResult) -> Vec<Binding> {
    match result {
        LookupResult::Bindings(bindings) => bindings,
        LookupResult::Unavailable
        | LookupResult::Grant(_)
        | LookupResult::Refused(_)
        | LookupResult::Route(_)
        | LookupResult::Recorded => Vec::new(),
    }
}
