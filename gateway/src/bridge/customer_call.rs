//! A customer's call to the company's number, from its route to the answer: the courier's apps are rung, or the fallback takes it.

use std::time::Duration;

use super::Next;
use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::message::{Message, MessageEvent};
use super::ring_group::{RingEvent, RingGroup};
use super::signal::{CallInput, Farewell, LegOutput, Reach};
use super::talk::Pair;
use crate::core::{
    CallEventKind, EndReason, ErrorCode, Fallback, LegId, LegProfile, MediaEvent, MediaFailure, OpId, Sdp,
    Timestamp,
};

/// A message is over by then, whatever the media plane says.
const LONGEST_MESSAGE: Duration = Duration::from_secs(180);

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
    /// The customer hears the contact centre's network already.
    early: bool,
}

#[derive(Debug)]
enum Callee {
    Courier(RingGroup),
    Centre(CarrierLeg),
    /// The customer was answered and hears why nobody is there; the contact centre may be called meanwhile.
    Message(Message),
}

impl CustomerCall {
    /// `offer` is the customer's; `apps` are those of the courier's apps that can be rung or woken, until the end of the ring time.
    pub(super) fn start(
        offer: Option<Sdp>,
        apps: &[Reach],
        until: Timestamp,
        otherwise: Fallback,
        desk: &mut Desk,
    ) -> (Self, Next) {
        let customer = desk.new_leg();
        desk.dialog_opened(customer);
        desk.step(CallEventKind::Started);
        let offerless = offer.is_none();
        let refused = apps.is_empty() && otherwise == Fallback::Refuse;
        let customer_op = (!refused).then(|| {
            desk.hold_calls();
            match offer {
                Some(offer) => desk.create_answer(customer, LegProfile::Rtp, offer),
                None => desk.create_offer(customer, LegProfile::Rtp, false),
            }
        });
        let mut call = Self {
            customer,
            customer_op,
            customer_sdp: None,
            offerless,
            otherwise,
            callee: Callee::Courier(RingGroup::start(apps, until, desk)),
            rang: false,
            early: false,
        };
        let next = if apps.is_empty() {
            call.fall_back(EndReason::Refused(ErrorCode::CourierUnreachable), desk)
        } else {
            Next::Stay
        };
        (call, next)
    }

    pub(super) fn caller(&self) -> LegId {
        self.customer
    }

    /// Whether the caller was answered, to hear a message.
    pub(super) fn has_answered(&self) -> bool {
        match &self.callee {
            Callee::Message(message) => message.has_begun(),
            Callee::Courier(_) | Callee::Centre(_) => false,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        match &self.callee {
            Callee::Courier(group) => group.next_deadline(),
            Callee::Centre(_) | Callee::Message(_) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, desk: &mut Desk) -> Next {
        match &mut self.callee {
            Callee::Courier(group) => group.handle_timeout(now, desk),
            Callee::Centre(_) | Callee::Message(_) => {}
        }
        Next::Stay
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: &CallInput, desk: &mut Desk) -> Next {
        match input {
            CallInput::Leg { leg, input } if *leg == self.customer && input.ends_leg() => {
                return Next::Over(EndReason::CustomerHungUp);
            }
            CallInput::Media(MediaEvent::LocalDescription { op, sdp, .. })
                if Some(*op) == self.customer_op =>
            {
                self.described(sdp, desk);
                return Next::Stay;
            }
            CallInput::Media(MediaEvent::Failed { leg, reason, .. }) if *leg == self.customer => {
                return self.no_media(*reason, desk);
            }
            CallInput::Leg { .. }
            | CallInput::Media(_)
            | CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => {}
        }
        match &mut self.callee {
            Callee::Courier(group) => match group.handle(now, input, desk) {
                RingEvent::None => Next::Stay,
                RingEvent::Ringing => self.ringing(desk),
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
                    CarrierEvent::Ringing => self.ringing(desk),
                    CarrierEvent::EarlyMedia => self.early_media(leg, desk),
                    CarrierEvent::Answered { op } => {
                        self.answer(Pair::centre(leg, self.customer).needing(op), desk)
                    }
                    CarrierEvent::Failed(code) => self.unreachable(EndReason::Refused(code), desk),
                }
            }
            Callee::Message(message) => match message.handle(input, desk) {
                MessageEvent::None => Next::Stay,
                MessageEvent::CentreRings => Next::RingAgain,
                MessageEvent::Answered(pair) => Next::Talk(pair),
                MessageEvent::Over(reason) => Next::Over(reason),
            },
        }
    }

    /// Nobody answered in time. Returns whether something else rings now.
    pub(super) fn ring_time_over(&mut self, desk: &mut Desk) -> Next {
        match &mut self.callee {
            Callee::Courier(group) => {
                group.cancel(Farewell::NoAnswer, desk);
                self.fall_back(EndReason::NoAnswer, desk)
            }
            Callee::Centre(_) => self.unreachable(EndReason::NoAnswer, desk),
            Callee::Message(message) => Next::Over(message.reason()),
        }
    }

    /// Our description for the customer is there: the call can be, and whoever is to be called waits for that.
    fn described(&mut self, sdp: &Sdp, desk: &mut Desk) {
        self.customer_sdp = Some(sdp.clone());
        desk.let_calls_go();
        match &mut self.callee {
            Callee::Message(message) => message.begin(sdp.clone(), desk),
            Callee::Courier(_) | Callee::Centre(_) => {}
        }
    }

    fn no_media(&mut self, reason: MediaFailure, desk: &mut Desk) -> Next {
        let code = match reason {
            MediaFailure::BadSdp | MediaFailure::NoCommonCodec => ErrorCode::NoCommonCodec,
            MediaFailure::NoResources | MediaFailure::NoSuchLeg | MediaFailure::Transport => {
                ErrorCode::Unavailable
            }
        };
        if self.has_answered() {
            return Next::Over(EndReason::Lost);
        }
        desk.reject(self.customer, code);
        Next::Over(EndReason::Refused(code))
    }

    fn ringing(&mut self, desk: &mut Desk) -> Next {
        if !std::mem::replace(&mut self.rang, true) {
            desk.say(self.customer, LegOutput::Ring);
            desk.step(CallEventKind::Ringing);
        }
        Next::Stay
    }

    /// What the contact centre's network says reaches the customer before the answer. An INVITE without an offer has no description
    /// to hear it by.
    fn early_media(&mut self, centre: LegId, desk: &mut Desk) -> Next {
        let next = self.ringing(desk);
        let Some(sdp) = self.customer_sdp.clone().filter(|_| !self.offerless) else { return next };
        if !std::mem::replace(&mut self.early, true) {
            desk.join(centre, self.customer);
            desk.forward(centre);
            desk.say(self.customer, LegOutput::EarlyMedia(sdp));
        }
        next
    }

    fn fall_back(&mut self, reason: EndReason, desk: &mut Desk) -> Next {
        let (clip, centre) = match self.otherwise.clone() {
            Fallback::Refuse => return self.unreachable(reason, desk),
            Fallback::ContactCentre { number, caller_id, message } => {
                let centre = CarrierLeg::start(number, caller_id, desk);
                match message {
                    Some(clip) => (clip, Some(centre)),
                    None => {
                        self.callee = Callee::Centre(centre);
                        return Next::RingAgain;
                    }
                }
            }
            Fallback::Message { clip } => (clip, None),
        };
        let mut message = Message::new(self.customer, clip, self.offerless, centre, reason);
        if let Some(sdp) = self.customer_sdp.clone() {
            message.begin(sdp, desk);
        }
        self.callee = Callee::Message(message);
        Next::Wait(LONGEST_MESSAGE)
    }

    /// 480, whatever the reason was: a caller learns nothing of the courier.
    fn unreachable(&self, reason: EndReason, desk: &mut Desk) -> Next {
        desk.reject(self.customer, ErrorCode::CourierUnreachable);
        Next::Over(reason)
    }

    fn answer(&mut self, mut pair: Pair, desk: &mut Desk) -> Next {
        // Nobody was called before it was there.
        let Some(sdp) = self.customer_sdp.clone() else { return self.unreachable(EndReason::Lost, desk) };
        desk.join(pair.first, self.customer);
        desk.forward(pair.first);
        desk.forward(self.customer);
        desk.say(self.customer, LegOutput::Answer(sdp));
        pair.answer_comes_with_ack = self.offerless;
        Next::Talk(pair)
    }
}
