//! An answered call: two legs that hear each other. Hold, digits and hang-up cross; the courier may pass the customer on to the
//! contact centre.

use std::time::Duration;

use super::Next;
use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::signal::{CallInput, Farewell, LegInput, LegOutput, ReferTarget};
use super::talk_leg::{Role, TalkLeg};
use crate::core::{EndReason, ErrorCode, LegId, LegProfile, MediaEvent, OpId, PhoneNumber, Sdp, Timestamp};

/// Two legs that were joined: what a call has when it is answered.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    /// The courier or the contact centre.
    pub(super) first: LegId,
    first_role: Role,
    customer: LegId,
    /// The customer's answer to our offer comes with its ACK.
    pub(super) answer_comes_with_ack: bool,
    vital: Vec<OpId>,
}

impl Pair {
    pub(super) fn courier(courier: LegId, customer: LegId) -> Self {
        let (first_role, vital) = (Role::Courier, Vec::new());
        Self { first: courier, first_role, customer, answer_comes_with_ack: false, vital }
    }

    pub(super) fn centre(centre: LegId, customer: LegId) -> Self {
        Self { first_role: Role::Centre, ..Self::courier(centre, customer) }
    }

    /// An operation still under way, without which there is no sound.
    pub(super) fn needing(mut self, op: OpId) -> Self {
        self.vital.push(op);
        self
    }
}

/// What holds for an answered call.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) talk: Duration,
    /// How long a side that was lost is waited for.
    pub(super) grace: Duration,
    /// How long a transfer's target may ring.
    pub(super) ring: Duration,
    /// The contact centre, and the number that it is shown.
    pub(super) centre: Option<(PhoneNumber, PhoneNumber)>,
}

#[derive(Debug)]
pub(super) struct Talk {
    /// The courier or the contact centre; `None`: the courier hung up, and the transfer goes on.
    first: Option<TalkLeg>,
    customer: TalkLeg,
    until: Timestamp,
    answer_comes_with_ack: bool,
    vital: Vec<OpId>,
    transfer: Option<Transfer>,
    transferred: bool,
    take_over: Option<TakeOver>,
    terms: Terms,
}

/// The courier takes the call over to another app, which has no answer yet.
#[derive(Debug, Clone, Copy)]
struct TakeOver {
    leg: LegId,
    op: OpId,
}

/// The courier passes the customer on.
#[derive(Debug)]
struct Transfer {
    centre: CarrierLeg,
    until: Timestamp,
}

impl Talk {
    pub(super) fn new(now: Timestamp, pair: Pair, terms: Terms) -> Self {
        Self {
            first: Some(TalkLeg::new(pair.first, pair.first_role)),
            customer: TalkLeg::new(pair.customer, Role::Customer),
            until: now + terms.talk,
            answer_comes_with_ack: pair.answer_comes_with_ack,
            vital: pair.vital,
            transfer: None,
            transferred: false,
            take_over: None,
            terms,
        }
    }

    /// See [`super::Call::take_over`].
    pub(super) fn take_over(&mut self, leg: LegId, offer: Sdp, desk: &mut Desk) -> Option<LegId> {
        let theirs = self.first.as_ref().is_some_and(|first| first.leg == leg && first.role == Role::Courier);
        if !theirs || self.transfer.is_some() || self.take_over.is_some() {
            return None;
        }
        let leg = desk.new_leg();
        desk.dialog_opened(leg);
        let op = desk.create_answer(leg, LegProfile::WebRtc, offer);
        self.take_over = Some(TakeOver { leg, op });
        Some(leg)
    }

    pub(super) fn next_deadline(&self) -> Timestamp {
        let legs = [self.first.as_ref().and_then(TalkLeg::next_deadline), self.customer.next_deadline()];
        let transfer = self.transfer.as_ref().map(|transfer| transfer.until);
        legs.into_iter().chain([transfer]).flatten().fold(self.until, Timestamp::min)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, desk: &mut Desk) -> Next {
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if now >= self.until {
            return Next::Over(EndReason::TalkLimit);
        }
        if due(self.first.as_ref().and_then(TalkLeg::away_until)) || due(self.customer.away_until()) {
            return Next::Over(EndReason::Lost);
        }
        for leg in self.first.iter_mut().chain([&mut self.customer]) {
            leg.handle_timeout(now, desk);
        }
        if due(self.transfer.as_ref().map(|transfer| transfer.until)) {
            return self.transfer_failed(ErrorCode::CustomerUnreachable, Farewell::NoAnswer, desk);
        }
        Next::Stay
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: &CallInput, desk: &mut Desk) -> Next {
        self.taking_over(input, desk);
        if let Some(transfer) = &mut self.transfer {
            let event = transfer.centre.handle(input, desk);
            match event {
                CarrierEvent::None | CarrierEvent::EarlyMedia => {}
                CarrierEvent::Ringing => self.notify(180, false, desk),
                CarrierEvent::Answered { op } => self.transfer_done(op, desk),
                CarrierEvent::Failed(code) => return self.transfer_failed(code, Farewell::Failure, desk),
            }
        }
        match input {
            CallInput::Media(event) => self.media(now, event, desk),
            CallInput::Leg { leg, input } if *leg == self.customer.leg => {
                self.far_side(now, Role::Customer, input, desk)
            }
            CallInput::Leg { leg, input } => match self.first.as_ref().filter(|first| first.leg == *leg) {
                Some(first) => {
                    let role = first.role;
                    self.far_side(now, role, input, desk)
                }
                None => Next::Stay,
            },
            CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => Next::Stay,
        }
    }

    fn taking_over(&mut self, input: &CallInput, desk: &mut Desk) {
        let Some(TakeOver { leg, op }) = self.take_over else { return };
        match input {
            CallInput::Media(MediaEvent::LocalDescription { op: of, sdp, .. }) if *of == op => {
                self.take_over = None;
                desk.say(leg, LegOutput::Answer(sdp.clone()));
                desk.join(leg, self.customer.leg);
                desk.forward(leg);
                if let Some(before) = self.first.take() {
                    desk.end_leg(before.leg, Farewell::AnsweredElsewhere);
                }
                let mut first = TalkLeg::new(leg, Role::Courier);
                first.put_on_hold(self.customer.holds, desk);
                self.first = Some(first);
                self.customer.put_on_hold(false, desk);
            }
            CallInput::Media(MediaEvent::Failed { leg: of, .. }) if *of == leg => {
                self.take_over = None;
                desk.reject(leg, ErrorCode::NoCommonCodec);
                desk.end_leg(leg, Farewell::Failure);
            }
            CallInput::Leg { leg: of, input } if *of == leg && input.ends_leg() => {
                self.take_over = None;
                desk.end_leg(leg, Farewell::Failure);
            }
            CallInput::Leg { .. }
            | CallInput::Media(_)
            | CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => {}
        }
    }

    fn media(&mut self, now: Timestamp, event: &MediaEvent, desk: &mut Desk) -> Next {
        if let MediaEvent::Failed { op: Some(op), .. } = event
            && self.vital.contains(op)
        {
            return Next::Over(EndReason::Lost);
        }
        let grace = self.terms.grace;
        let Some(leg) = self.leg_of(event.leg()) else { return Next::Stay };
        if let MediaEvent::Failed { op: None, .. } = event {
            // An app that changes networks comes back with a new offer; a phone does not.
            return match leg.role {
                Role::Courier => {
                    leg.media_lost(now + grace);
                    Next::Stay
                }
                Role::Customer | Role::Centre => Next::Over(EndReason::Lost),
            };
        }
        leg.media(event, desk);
        if let MediaEvent::RemoteHold { held, .. } = event {
            let (held, role) = (*held, leg.role);
            if let Some(other) = self.other_than(role) {
                other.put_on_hold(held, desk);
            }
        }
        Next::Stay
    }

    fn far_side(&mut self, now: Timestamp, role: Role, input: &LegInput, desk: &mut Desk) -> Next {
        match input {
            LegInput::HungUp | LegInput::Refused(_) => self.hung_up(role, desk),
            LegInput::Lost => Next::Over(EndReason::Lost),
            LegInput::Dtmf { digit, duration_ms } => {
                if let Some(other) = self.other_than(role) {
                    desk.send_dtmf(other.leg, *digit, *duration_ms);
                }
                Next::Stay
            }
            LegInput::Refer(target) => {
                self.refer(now, role, *target, desk);
                Next::Stay
            }
            LegInput::Confirmed(answer) if role == Role::Customer && self.answer_comes_with_ack => {
                self.answer_comes_with_ack = false;
                match answer {
                    Some(answer) => {
                        self.vital.push(desk.apply_answer(self.customer.leg, answer.clone()));
                        Next::Stay
                    }
                    None => Next::Over(EndReason::Lost),
                }
            }
            LegInput::Progress
            | LegInput::Ringing
            | LegInput::EarlyMedia(_)
            | LegInput::Answered(_)
            | LegInput::Confirmed(_)
            | LegInput::FlowLost
            | LegInput::FlowBack
            | LegInput::Offer(_)
            | LegInput::OfferAnswered(_)
            | LegInput::OfferRefused
            | LegInput::OfferTooSoon => {
                let grace = self.terms.grace;
                let leg = match role {
                    Role::Customer => Some(&mut self.customer),
                    Role::Courier | Role::Centre => self.first.as_mut(),
                };
                if let Some(leg) = leg {
                    leg.far_side(now, input, grace, desk);
                }
                Next::Stay
            }
        }
    }

    fn hung_up(&mut self, role: Role, desk: &mut Desk) -> Next {
        match role {
            Role::Courier if self.transfer.is_some() => {
                // A blind transfer: who passes the call on need not wait for its end (RFC 5589 section 6).
                if let Some(courier) = self.first.take() {
                    desk.end_leg(courier.leg, Farewell::Normal);
                }
                Next::Stay
            }
            Role::Courier => Next::Over(EndReason::CourierHungUp),
            _ if self.transferred => Next::Over(EndReason::Transferred),
            Role::Customer => Next::Over(EndReason::CustomerHungUp),
            Role::Centre => Next::Over(EndReason::CompanyHungUp),
        }
    }

    fn refer(&mut self, now: Timestamp, role: Role, target: ReferTarget, desk: &mut Desk) {
        let leg = match role {
            Role::Customer => self.customer.leg,
            Role::Courier | Role::Centre => match &self.first {
                Some(first) => first.leg,
                None => return,
            },
        };
        let centre = match (role, target) {
            (Role::Courier, ReferTarget::ContactCentre) => self.terms.centre.clone(),
            (Role::Courier | Role::Customer | Role::Centre, _) => None,
        };
        let Some((number, caller_id)) = centre else {
            desk.say(leg, LegOutput::RefuseRefer(ErrorCode::TargetNotAllowed));
            return;
        };
        if self.transfer.is_some() {
            desk.say(leg, LegOutput::RefuseRefer(ErrorCode::TooManyCalls));
            return;
        }
        desk.say(leg, LegOutput::AcceptRefer);
        let centre = CarrierLeg::start(number, caller_id, desk);
        self.transfer = Some(Transfer { centre, until: now + self.terms.ring });
        self.notify(100, false, desk);
    }

    fn transfer_done(&mut self, op: OpId, desk: &mut Desk) {
        let Some(transfer) = self.transfer.take() else { return };
        self.notify(200, true, desk);
        let centre = transfer.centre.leg();
        desk.join(centre, self.customer.leg);
        desk.forward(centre);
        desk.forward(self.customer.leg);
        if let Some(courier) = self.first.take() {
            desk.end_leg(courier.leg, Farewell::Normal);
        }
        let mut first = TalkLeg::new(centre, Role::Centre);
        first.put_on_hold(self.customer.holds, desk);
        self.first = Some(first);
        self.customer.put_on_hold(false, desk);
        self.vital.push(op);
        self.transferred = true;
    }

    fn transfer_failed(&mut self, code: ErrorCode, why: Farewell, desk: &mut Desk) -> Next {
        if let Some(transfer) = self.transfer.take() {
            desk.end_leg(transfer.centre.leg(), why);
            self.notify(code.status(), true, desk);
        }
        if self.first.is_none() { Next::Over(EndReason::CourierHungUp) } else { Next::Stay }
    }

    fn notify(&self, status: u16, last: bool, desk: &mut Desk) {
        if let Some(courier) = &self.first {
            desk.say(courier.leg, LegOutput::Notify { status, last });
        }
    }

    fn leg_of(&mut self, leg: LegId) -> Option<&mut TalkLeg> {
        if self.customer.leg == leg {
            return Some(&mut self.customer);
        }
        self.first.as_mut().filter(|first| first.leg == leg)
    }

    fn other_than(&mut self, role: Role) -> Option<&mut TalkLeg> {
        match role {
            Role::Customer => self.first.as_mut(),
            Role::Courier | Role::Centre => Some(&mut self.customer),
        }
    }
}
