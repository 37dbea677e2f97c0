//! A customer's call to the company's number, from its route to the answer: the courier's apps are rung, or the fallback takes it.

use super::Next;
use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::ring_group::{RingEvent, RingGroup};
use super::signal::{CallInput, Farewell, LegOutput};
use super::talk::Pair;
use crate::core::{
    CallEventKind, EndReason, ErrorCode, Fallback, LegId, LegProfile, MediaEvent, MediaFailure, OpId, Sdp,
};

#[derive(Debug)]
pub(super) struct CustomerCall {
    customer: LegId,
    /// `None`: the call was refused at once, without media.
    customer_op: Option<OpId>,
    customer_sdp: Option<Sdp>,
    /// The INVITE had no offer: ours goes into the 200, and the answer comes with the ACK.
    offerless: bool,
    otherwise: Fallback,
    callee: Callee,
    rang: bool,
    /// Somebody answered, while the answer for the customer is still being made.
    answered: Option<Pair>,
}

#[derive(Debug)]
enum Callee {
    Courier(RingGroup),
    Centre(CarrierLeg),
}

impl CustomerCall {
    /// `offer` is the customer's; `apps` says how many apps of the courier can be rung.
    pub(super) fn start(
        offer: Option<Sdp>,
        apps: usize,
        otherwise: Fallback,
        desk: &mut Desk,
    ) -> (Self, Next) {
        let customer = desk.new_leg();
        desk.dialog_opened(customer);
        desk.step(CallEventKind::Started);
        let offerless = offer.is_none();
        let refused = apps == 0 && otherwise == Fallback::Refuse;
        let customer_op = (!refused).then(|| match offer {
            Some(offer) => desk.create_answer(customer, LegProfile::Rtp, offer),
            None => desk.create_offer(customer, LegProfile::Rtp, false),
        });
        let mut call = Self {
            customer,
            customer_op,
            customer_sdp: None,
            offerless,
            otherwise,
            callee: Callee::Courier(RingGroup::start(apps, desk)),
            rang: false,
            answered: None,
        };
        let next = if apps == 0 {
            call.fall_back(EndReason::Refused(ErrorCode::CourierUnreachable), desk)
        } else {
            Next::Stay
        };
        (call, next)
    }

    pub(super) fn caller(&self) -> LegId {
        self.customer
    }

    pub(super) fn handle(&mut self, input: &CallInput, desk: &mut Desk) -> Next {
        match input {
            CallInput::Leg { leg, input } if *leg == self.customer => {
                if input.ends_leg() {
                    return Next::Over(EndReason::CustomerHungUp);
                }
                return Next::Stay;
            }
            CallInput::Media(MediaEvent::LocalDescription { op, sdp, .. })
                if Some(*op) == self.customer_op =>
            {
                self.customer_sdp = Some(sdp.clone());
                return match self.answered.take() {
                    Some(pair) => self.answer(pair, desk),
                    None => Next::Stay,
                };
            }
            CallInput::Media(MediaEvent::Failed { leg, reason, .. }) if *leg == self.customer => {
                let code = match reason {
                    MediaFailure::BadSdp | MediaFailure::NoCommonCodec => ErrorCode::NoCommonCodec,
                    MediaFailure::NoResources | MediaFailure::NoSuchLeg | MediaFailure::Transport => {
                        ErrorCode::Unavailable
                    }
                };
                desk.reject(self.customer, code);
                return Next::Over(EndReason::Refused(code));
            }
            CallInput::Leg { .. } | CallInput::Media(_) | CallInput::CompanyHungUp | CallInput::Shutdown => {}
        }
        if let Some(pair) = &self.answered {
            // Who answered may hang up before the customer's 200 can be made.
            if let CallInput::Leg { leg, input } = input
                && *leg == pair.first
                && input.ends_leg()
            {
                return self.unreachable(EndReason::Lost, desk);
            }
            return Next::Stay;
        }
        match &mut self.callee {
            Callee::Courier(group) => match group.handle(input, desk) {
                RingEvent::None => Next::Stay,
                RingEvent::Ringing => {
                    self.ringing(desk);
                    Next::Stay
                }
                RingEvent::Answered { leg, op } => {
                    self.answer(Pair::courier(leg, self.customer).needing(op), desk)
                }
                RingEvent::Declined => self.fall_back(EndReason::Declined, desk),
                RingEvent::Nobody => self.fall_back(EndReason::Refused(ErrorCode::CourierUnreachable), desk),
            },
            Callee::Centre(centre) => {
                let leg = centre.leg();
                match centre.handle(input, desk) {
                    CarrierEvent::None => Next::Stay,
                    CarrierEvent::Ringing | CarrierEvent::EarlyMedia => {
                        self.ringing(desk);
                        Next::Stay
                    }
                    CarrierEvent::Answered { op } => {
                        self.answer(Pair::centre(leg, self.customer).needing(op), desk)
                    }
                    CarrierEvent::Failed(code) => self.unreachable(EndReason::Refused(code), desk),
                }
            }
        }
    }

    /// Nobody answered in time. Returns whether something else rings now.
    pub(super) fn ring_time_over(&mut self, desk: &mut Desk) -> Next {
        match &mut self.callee {
            Callee::Courier(group) if self.answered.is_none() => {
                group.cancel(Farewell::NoAnswer, desk);
                self.fall_back(EndReason::NoAnswer, desk)
            }
            Callee::Courier(_) | Callee::Centre(_) => self.unreachable(EndReason::NoAnswer, desk),
        }
    }

    fn ringing(&mut self, desk: &mut Desk) {
        if !std::mem::replace(&mut self.rang, true) {
            desk.say(self.customer, LegOutput::Ring);
            desk.step(CallEventKind::Ringing);
        }
    }

    fn fall_back(&mut self, reason: EndReason, desk: &mut Desk) -> Next {
        match self.otherwise.clone() {
            Fallback::Refuse | Fallback::Message { .. } => self.unreachable(reason, desk),
            Fallback::ContactCentre { number, caller_id, message: _ } => {
                self.callee = Callee::Centre(CarrierLeg::start(number, caller_id, desk));
                Next::RingAgain
            }
        }
    }

    /// 480, whatever the reason was: a caller learns nothing of the courier.
    fn unreachable(&self, reason: EndReason, desk: &mut Desk) -> Next {
        desk.reject(self.customer, ErrorCode::CourierUnreachable);
        Next::Over(reason)
    }

    fn answer(&mut self, mut pair: Pair, desk: &mut Desk) -> Next {
        let Some(sdp) = self.customer_sdp.clone() else {
            self.answered = Some(pair);
            return Next::Stay;
        };
        desk.join(pair.first, self.customer);
        desk.forward(pair.first);
        desk.forward(self.customer);
        desk.say(self.customer, LegOutput::Answer(sdp));
        pair.answer_comes_with_ack = self.offerless;
        Next::Talk(pair)
    }
}
