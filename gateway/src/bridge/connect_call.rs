//! Click-to-call: the company has one side of an order rung, and when it answers the other.

use std::time::Duration;

use super::Next;
use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::ring_group::{RingEvent, RingGroup};
use super::signal::{CallInput, Reach};
use super::talk::Pair;
use crate::core::{CallEventKind, EndReason, ErrorCode, Grant, LegId, MediaEvent, OpId, Side, Timestamp};

#[derive(Debug)]
pub(super) struct ConnectCall {
    grant: Grant,
    /// Those that can be rung or woken.
    apps: Vec<Reach>,
    ring: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The apps ring first.
    CourierFirst(RingGroup),
    /// The courier waits for the customer.
    CourierWaits { courier: LegId, op: OpId, customer: CarrierLeg, joined: bool },
    /// The phone rings first.
    CustomerFirst(CarrierLeg),
    /// The customer waits for the courier.
    CustomerWaits { customer: LegId, op: OpId, apps: RingGroup },
}

impl ConnectCall {
    pub(super) fn start(
        now: Timestamp,
        grant: Grant,
        first: Side,
        apps: &[Reach],
        ring: Duration,
        desk: &mut Desk,
    ) -> (Self, Next) {
        desk.step(CallEventKind::Started);
        let unreachable = Next::Over(EndReason::Refused(ErrorCode::CourierUnreachable));
        let next = if apps.is_empty() { unreachable } else { Next::Stay };
        let state = match first {
            Side::Trunk if !apps.is_empty() => State::CustomerFirst(call_customer(&grant, desk)),
            Side::Edge | Side::Trunk => State::CourierFirst(RingGroup::start(apps, now + ring, desk)),
        };
        (Self { grant, apps: apps.to_vec(), ring, state }, next)
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::CourierFirst(group) | State::CustomerWaits { apps: group, .. } => group.next_deadline(),
            State::CourierWaits { .. } | State::CustomerFirst(_) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, desk: &mut Desk) -> Next {
        match &mut self.state {
            State::CourierFirst(group) | State::CustomerWaits { apps: group, .. } => {
                group.handle_timeout(now, desk);
            }
            State::CourierWaits { .. } | State::CustomerFirst(_) => {}
        }
        Next::Stay
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: &CallInput, desk: &mut Desk) -> Next {
        if let (CallInput::AppConnected { app, wakeable }, State::CustomerFirst(_)) = (input, &self.state) {
            self.note_app(*app, *wakeable);
            return Next::Stay;
        }
        match &mut self.state {
            State::CourierFirst(group) => match group.handle(now, input, desk) {
                RingEvent::None => Next::Stay,
                RingEvent::Ringing => ringing(desk),
                RingEvent::Answered { leg, op } => {
                    let customer = call_customer(&self.grant, desk);
                    self.state = State::CourierWaits { courier: leg, op, customer, joined: false };
                    Next::RingAgain
                }
                RingEvent::Declined => Next::Over(EndReason::Declined),
                RingEvent::Nobody => Next::Over(EndReason::Refused(ErrorCode::CourierUnreachable)),
            },
            State::CourierWaits { courier, op, customer, joined } => {
                if let Some(over) = ends(input, *courier, *op, EndReason::CourierHungUp) {
                    return over;
                }
                let phone = customer.leg();
                let event = customer.handle(input, desk);
                let sound = matches!(event, CarrierEvent::EarlyMedia | CarrierEvent::Answered { .. });
                if sound && !std::mem::replace(joined, true) {
                    desk.join(*courier, phone);
                    desk.forward(phone);
                }
                match event {
                    CarrierEvent::None | CarrierEvent::Ringing | CarrierEvent::EarlyMedia => Next::Stay,
                    CarrierEvent::Answered { op: phone_op } => {
                        desk.forward(*courier);
                        Next::Talk(Pair::courier(*courier, phone).needing(*op).needing(phone_op))
                    }
                    CarrierEvent::Failed(code) => Next::Over(EndReason::Refused(code)),
                }
            }
            State::CustomerFirst(customer) => match customer.handle(input, desk) {
                CarrierEvent::None => Next::Stay,
                CarrierEvent::Ringing | CarrierEvent::EarlyMedia => ringing(desk),
                CarrierEvent::Answered { op } => {
                    let customer = customer.leg();
                    let apps = RingGroup::start(&self.apps, now + self.ring, desk);
                    self.state = State::CustomerWaits { customer, op, apps };
                    Next::RingAgain
                }
                CarrierEvent::Failed(code) => Next::Over(EndReason::Refused(code)),
            },
            State::CustomerWaits { customer, op, apps } => {
                if let Some(over) = ends(input, *customer, *op, EndReason::CustomerHungUp) {
                    return over;
                }
                match apps.handle(now, input, desk) {
                    RingEvent::None | RingEvent::Ringing => Next::Stay,
                    RingEvent::Answered { leg, op: app_op } => {
                        desk.join(leg, *customer);
                        desk.forward(leg);
                        desk.forward(*customer);
                        Next::Talk(Pair::courier(leg, *customer).needing(*op).needing(app_op))
                    }
                    RingEvent::Declined => Next::Over(EndReason::Declined),
                    RingEvent::Nobody => Next::Over(EndReason::Refused(ErrorCode::CourierUnreachable)),
                }
            }
        }
    }
}

impl ConnectCall {
    /// For when its turn comes.
    fn note_app(&mut self, place: usize, wakeable: bool) {
        let reach = Reach { connected: true, wakeable };
        match self.apps.get_mut(place) {
            Some(app) => *app = reach,
            None => self.apps.push(reach),
        }
    }
}

fn call_customer(grant: &Grant, desk: &mut Desk) -> CarrierLeg {
    CarrierLeg::start(grant.customer.clone(), grant.caller_id.clone(), desk)
}

fn ringing(desk: &mut Desk) -> Next {
    desk.step(CallEventKind::Ringing);
    Next::Stay
}

/// Whether the side that waits has gone, or has no sound.
fn ends(input: &CallInput, waiting: LegId, vital: OpId, hung_up: EndReason) -> Option<Next> {
    match input {
        CallInput::Leg { leg, input } if *leg == waiting && input.ends_leg() => Some(Next::Over(hung_up)),
        CallInput::Media(MediaEvent::Failed { leg, op, .. })
            if *leg == waiting && op.is_none_or(|op| op == vital) =>
        {
            Some(Next::Over(EndReason::Lost))
        }
        CallInput::Leg { .. }
        | CallInput::Media(_)
        | CallInput::AppConnected { .. }
        | CallInput::Wake(_)
        | CallInput::CompanyHungUp
        | CallInput::Shutdown => None,
    }
}
