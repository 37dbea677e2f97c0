//! One call, from its start to its end, whoever made it: the part that does not depend on who rings first.

use std::time::Duration;

use super::connect_call::ConnectCall;
use super::courier_call::CourierCall;
use super::customer_call::CustomerCall;
use super::desk::Desk;
use super::signal::{CallInput, CallOutput, LegInput, LegOutput, OfferRefusal, Reach};
use super::talk::{Pair, Talk, Terms};
use crate::core::{
    CallEventKind, EndReason, ErrorCode, Fallback, Grant, LegId, Limits, PhoneNumber, Sdp, Side, Timestamp,
};

/// What the gateway allows its calls; an order may set its own times.
#[derive(Debug, Clone)]
pub struct CallRules {
    /// Times to ring and to talk.
    pub limits: Limits,
    /// How long a courier whose connection or media was lost is waited for.
    pub grace: Duration,
    /// Where a courier may pass a customer on to.
    pub contact_centre: Option<PhoneNumber>,
}

/// What a step of a call's beginning leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing changes.
    Stay,
    /// Somebody else rings now: the ring time starts anew.
    RingAgain,
    /// The caller hears a message: it has this long.
    Wait(Duration),
    /// It was answered.
    Talk(Pair),
    /// It is over.
    Over(EndReason),
}

/// A call as a sans-IO state machine.
#[derive(Debug)]
pub struct Call {
    desk: Desk,
    stage: Stage,
    ring: Duration,
    ring_until: Timestamp,
    terms: Terms,
}

#[derive(Debug)]
enum Stage {
    Courier(CourierCall),
    Customer(CustomerCall),
    Connect(ConnectCall),
    Talk(Box<Talk>),
    Over,
}

impl Call {
    /// A courier calls the customer of an order: the store has granted it. Returns the courier's leg as well. `number` is this
    /// call's alone.
    pub fn from_courier(
        now: Timestamp,
        number: u64,
        grant: &Grant,
        rules: &CallRules,
        offer: Sdp,
    ) -> (Self, LegId) {
        let mut desk = Desk::new(number);
        let setup = CourierCall::start(grant, offer, &mut desk);
        let caller = setup.caller();
        (Self::new(now, desk, Stage::Courier(setup), Some(grant), rules), caller)
    }

    /// A customer calls the company's number. `grant`: the order that it belongs to, if any; `apps`: those of the courier's apps that can
    /// be rung or woken. Returns the customer's leg as well.
    pub fn from_customer(
        now: Timestamp,
        number: u64,
        grant: Option<&Grant>,
        otherwise: Fallback,
        rules: &CallRules,
        offer: Option<Sdp>,
        apps: &[Reach],
    ) -> (Self, LegId) {
        let mut desk = Desk::new(number);
        let until = now + ring_time(grant, rules);
        let (setup, next) = CustomerCall::start(offer, apps, until, otherwise, &mut desk);
        let caller = setup.caller();
        let mut call = Self::new(now, desk, Stage::Customer(setup), grant, rules);
        call.follow(now, next);
        (call, caller)
    }

    /// The company has both sides of an order rung, `first` first.
    pub fn from_company(
        now: Timestamp,
        number: u64,
        grant: &Grant,
        first: Side,
        rules: &CallRules,
        apps: &[Reach],
    ) -> Self {
        let mut desk = Desk::new(number);
        let ring = ring_time(Some(grant), rules);
        let (setup, next) = ConnectCall::start(now, grant.clone(), first, apps, ring, &mut desk);
        let mut call = Self::new(now, desk, Stage::Connect(setup), Some(grant), rules);
        call.follow(now, next);
        call
    }

    fn new(now: Timestamp, desk: Desk, stage: Stage, grant: Option<&Grant>, rules: &CallRules) -> Self {
        let ring = ring_time(grant, rules);
        let talk = grant.and_then(|grant| grant.max_talk).unwrap_or(rules.limits.talk);
        let caller_id = grant.map(|grant| grant.caller_id.clone());
        let centre = rules.contact_centre.clone().zip(caller_id);
        let terms = Terms { talk, grace: rules.grace, ring, centre };
        Self { desk, stage, ring, ring_until: now + ring, terms }
    }

    /// The courier goes on with the call on another app, whose INVITE with that offer names `leg` (RFC 3891). Returns the new leg; `None`:
    /// there is nothing to take over.
    pub fn take_over(&mut self, leg: LegId, offer: Sdp) -> Option<LegId> {
        match &mut self.stage {
            Stage::Talk(talk) => talk.take_over(leg, offer, &mut self.desk),
            Stage::Courier(_) | Stage::Customer(_) | Stage::Connect(_) | Stage::Over => None,
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.desk.poll()
    }

    /// When `handle_timeout` is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Courier(_) => Some(self.ring_until),
            Stage::Customer(setup) => setup.next_deadline().into_iter().chain([self.ring_until]).min(),
            Stage::Connect(setup) => setup.next_deadline().into_iter().chain([self.ring_until]).min(),
            Stage::Talk(talk) => Some(talk.next_deadline()),
            Stage::Over => None,
        }
    }

    /// Does what is due: ring and talk limits, and the wait for a side that was lost.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let rang_out = now >= self.ring_until;
        let next = match &mut self.stage {
            Stage::Courier(setup) => setup.ring_time_over(&mut self.desk),
            Stage::Customer(setup) if rang_out => setup.ring_time_over(&mut self.desk),
            Stage::Customer(setup) => setup.handle_timeout(now, &mut self.desk),
            Stage::Connect(_) if rang_out => Next::Over(EndReason::NoAnswer),
            Stage::Connect(setup) => setup.handle_timeout(now, &mut self.desk),
            Stage::Talk(talk) => talk.handle_timeout(now, &mut self.desk),
            Stage::Over => Next::Stay,
        };
        self.follow(now, next);
    }

    /// Applies one input.
    pub fn handle_input(&mut self, now: Timestamp, input: CallInput) {
        if let CallInput::Leg { leg, input } = &input {
            self.note(*leg, input);
        }
        let next = match (&input, &mut self.stage) {
            (_, Stage::Over) => Next::Stay,
            (CallInput::CompanyHungUp, _) => Next::Over(EndReason::CompanyHungUp),
            (CallInput::Shutdown, _) => {
                self.turn_away();
                Next::Over(EndReason::Shutdown)
            }
            (_, Stage::Courier(setup)) => setup.handle(&input, &mut self.desk),
            (_, Stage::Customer(setup)) => setup.handle(now, &input, &mut self.desk),
            (_, Stage::Connect(setup)) => setup.handle(now, &input, &mut self.desk),
            (_, Stage::Talk(talk)) => talk.handle(now, &input, &mut self.desk),
        };
        self.follow(now, next);
    }

    /// What holds for a leg in every stage.
    fn note(&mut self, leg: LegId, input: &LegInput) {
        match input {
            LegInput::Refused(_) | LegInput::HungUp | LegInput::Lost => self.desk.dialog_gone(leg),
            // Whoever waits for the other side keeps its media until the other is there.
            LegInput::Offer(_) if !matches!(self.stage, Stage::Talk(_)) => {
                self.desk.say(leg, LegOutput::RefuseOffer(OfferRefusal::Pending));
            }
            LegInput::Refer(_) if !matches!(self.stage, Stage::Talk(_)) => {
                self.desk.say(leg, LegOutput::RefuseRefer(ErrorCode::TargetNotAllowed));
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
            | LegInput::OfferTooSoon
            | LegInput::Dtmf { .. }
            | LegInput::Refer(_) => {}
        }
    }

    /// Refuses a caller that has no answer yet.
    fn turn_away(&mut self) {
        let caller = match &self.stage {
            Stage::Courier(setup) => setup.caller(),
            Stage::Customer(setup) if setup.has_answered() => return,
            Stage::Customer(setup) => setup.caller(),
            Stage::Connect(_) | Stage::Talk(_) | Stage::Over => return,
        };
        self.desk.reject(caller, ErrorCode::Unavailable);
    }

    fn follow(&mut self, now: Timestamp, next: Next) {
        match next {
            Next::Stay => {}
            Next::RingAgain => self.ring_until = now + self.ring,
            Next::Wait(time) => self.ring_until = now + time,
            Next::Talk(pair) => {
                self.desk.step(CallEventKind::Answered);
                self.stage = Stage::Talk(Box::new(Talk::new(now, pair, self.terms.clone())));
            }
            Next::Over(reason) => {
                self.stage = Stage::Over;
                self.desk.finish(reason);
            }
        }
    }
}

fn ring_time(grant: Option<&Grant>, rules: &CallRules) -> Duration {
    grant.and_then(|grant| grant.ring_time).unwrap_or(rules.limits.ring)
}
