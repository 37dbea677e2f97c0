//! A courier's call to the customer, from the store's grant to the answer.
//!
//! Each leg gets its own session description at once, and the carrier is called when the courier's is there: no phone rings for a call
//! that has no sound. The courier's answer goes out in a 183 meanwhile (early bearer). The courier's sound is forwarded only from the carrier's 200.

use super::Next;
use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::signal::{CallInput, LegOutput};
use super::talk::Pair;
use crate::core::{
    CallEventKind, EndReason, ErrorCode, Grant, LegId, LegProfile, MediaEvent, MediaFailure, OpId, Sdp,
};

#[derive(Debug)]
pub(super) struct CourierCall {
    courier: LegId,
    courier_op: OpId,
    courier_sdp: Option<Sdp>,
    carrier: CarrierLeg,
    rang: bool,
    joined: bool,
}

impl CourierCall {
    /// `offer` is the courier's; its INVITE waits for an answer.
    pub(super) fn start(grant: &Grant, offer: Sdp, desk: &mut Desk) -> Self {
        let courier = desk.new_leg();
        desk.dialog_opened(courier);
        desk.step(CallEventKind::Started);
        desk.hold_calls();
        let courier_op = desk.create_answer(courier, LegProfile::WebRtc, offer);
        let carrier = CarrierLeg::start(grant.customer.clone(), grant.caller_id.clone(), desk);
        Self { courier, courier_op, courier_sdp: None, carrier, rang: false, joined: false }
    }

    pub(super) fn caller(&self) -> LegId {
        self.courier
    }

    pub(super) fn handle(&mut self, input: &CallInput, desk: &mut Desk) -> Next {
        match input {
            CallInput::Leg { leg, input } if *leg == self.courier => {
                if input.ends_leg() {
                    return Next::Over(EndReason::CourierHungUp);
                }
                return Next::Stay;
            }
            CallInput::Media(MediaEvent::LocalDescription { op, sdp, .. }) if *op == self.courier_op => {
                self.courier_sdp = Some(sdp.clone());
                desk.say(self.courier, LegOutput::EarlyMedia(sdp.clone()));
                desk.let_calls_go();
                return Next::Stay;
            }
            CallInput::Media(MediaEvent::Failed { leg, reason, .. }) if *leg == self.courier => {
                return self.refuse(
                    match reason {
                        MediaFailure::BadSdp | MediaFailure::NoCommonCodec => ErrorCode::NoCommonCodec,
                        MediaFailure::NoResources | MediaFailure::NoSuchLeg | MediaFailure::Transport => {
                            ErrorCode::Unavailable
                        }
                    },
                    desk,
                );
            }
            CallInput::Leg { .. }
            | CallInput::Media(_)
            | CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => {}
        }
        match self.carrier.handle(input, desk) {
            CarrierEvent::None => Next::Stay,
            CarrierEvent::Ringing => {
                self.ringing(desk);
                Next::Stay
            }
            CarrierEvent::EarlyMedia => {
                self.join(desk);
                self.ringing(desk);
                Next::Stay
            }
            CarrierEvent::Answered { op } => {
                self.join(desk);
                desk.forward(self.courier);
                self.answer(op, desk)
            }
            CarrierEvent::Failed(code) => self.refuse(code, desk),
        }
    }

    pub(super) fn ring_time_over(&mut self, desk: &mut Desk) -> Next {
        desk.reject(self.courier, ErrorCode::CustomerUnreachable);
        Next::Over(EndReason::NoAnswer)
    }

    fn ringing(&mut self, desk: &mut Desk) {
        if !std::mem::replace(&mut self.rang, true) {
            desk.say(self.courier, LegOutput::Ring);
            desk.step(CallEventKind::Ringing);
        }
    }

    fn join(&mut self, desk: &mut Desk) {
        if !std::mem::replace(&mut self.joined, true) {
            desk.join(self.courier, self.carrier.leg());
            desk.forward(self.carrier.leg());
        }
    }

    /// 200 to the courier, with the answer of the 183 (RFC 3261 section 13.2.1).
    fn answer(&mut self, op: OpId, desk: &mut Desk) -> Next {
        // Nobody was called before it was there.
        let Some(sdp) = self.courier_sdp.clone() else { return Next::Over(EndReason::Lost) };
        desk.say(self.courier, LegOutput::Answer(sdp));
        Next::Talk(Pair::courier(self.courier, self.carrier.leg()).needing(op))
    }

    fn refuse(&self, code: ErrorCode, desk: &mut Desk) -> Next {
        desk.reject(self.courier, code);
        Next::Over(EndReason::Refused(code))
    }
}
