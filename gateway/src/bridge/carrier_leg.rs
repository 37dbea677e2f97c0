//! A call to a number through the carrier, up to its answer: the part that every call to a phone has.

use super::desk::Desk;
use super::signal::{CallInput, LegInput};
use crate::core::{ErrorCode, LegId, LegProfile, MediaEvent, MediaFailure, OpId, PhoneNumber, Sdp};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CarrierEvent {
    /// Nothing that matters.
    None,
    /// It rings; told once.
    Ringing,
    /// Early media: its answer is being applied. It rings as well, if it did not before.
    EarlyMedia,
    /// It answered. If `op` fails, there is no sound and the call cannot go on.
    Answered {
        /// The last `ApplyAnswer`.
        op: OpId,
    },
    /// It will not be. The leg's dialog is gone or was ended.
    Failed(ErrorCode),
}

#[derive(Debug)]
pub(super) struct CarrierLeg {
    leg: LegId,
    number: PhoneNumber,
    caller_id: PhoneNumber,
    offer_op: OpId,
    called: bool,
    rang: bool,
    /// The answer that was applied last, with its operation.
    answer: Option<(Sdp, OpId)>,
}

impl CarrierLeg {
    pub(super) fn start(number: PhoneNumber, caller_id: PhoneNumber, desk: &mut Desk) -> Self {
        let leg = desk.new_leg();
        let offer_op = desk.create_offer(leg, LegProfile::Rtp, false);
        Self { leg, number, caller_id, offer_op, called: false, rang: false, answer: None }
    }

    pub(super) fn leg(&self) -> LegId {
        self.leg
    }

    pub(super) fn handle(&mut self, input: &CallInput, desk: &mut Desk) -> CarrierEvent {
        match input {
            CallInput::Media(event) => self.media(event, desk),
            CallInput::Leg { leg, input } if *leg == self.leg => self.far_side(input, desk),
            CallInput::Leg { .. }
            | CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => CarrierEvent::None,
        }
    }

    fn media(&mut self, event: &MediaEvent, desk: &mut Desk) -> CarrierEvent {
        match event {
            MediaEvent::LocalDescription { op, sdp, .. } if *op == self.offer_op && !self.called => {
                self.called = true;
                let (number, caller_id) = (self.number.clone(), self.caller_id.clone());
                desk.invite_carrier(self.leg, number, caller_id, sdp.clone());
                CarrierEvent::None
            }
            MediaEvent::Failed { leg, op, reason } if *leg == self.leg => {
                let known = op.is_none_or(|op| op == self.offer_op || self.applying(op));
                match (known, reason) {
                    (false, _) => CarrierEvent::None,
                    (true, MediaFailure::NoCommonCodec | MediaFailure::BadSdp) => {
                        CarrierEvent::Failed(ErrorCode::NoCommonCodec)
                    }
                    (true, MediaFailure::NoResources | MediaFailure::NoSuchLeg | MediaFailure::Transport) => {
                        CarrierEvent::Failed(ErrorCode::Unavailable)
                    }
                }
            }
            MediaEvent::LocalDescription { .. }
            | MediaEvent::Done { .. }
            | MediaEvent::Failed { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::FirstAudio { .. }
            | MediaEvent::Played { .. }
            | MediaEvent::RemoteHold { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::Stats { .. } => CarrierEvent::None,
        }
    }

    fn far_side(&mut self, input: &LegInput, desk: &mut Desk) -> CarrierEvent {
        match input {
            LegInput::Ringing if !self.rang => {
                self.rang = true;
                CarrierEvent::Ringing
            }
            LegInput::EarlyMedia(sdp) => {
                self.apply(sdp, desk);
                CarrierEvent::EarlyMedia
            }
            LegInput::Answered(sdp) => {
                if let Some(sdp) = sdp {
                    self.apply(sdp, desk);
                }
                match self.answer.as_ref() {
                    Some((_, op)) => CarrierEvent::Answered { op: *op },
                    // RFC 3261 section 13.2.1: a 200 without an answer to our offer is no call.
                    None => CarrierEvent::Failed(ErrorCode::NoCommonCodec),
                }
            }
            LegInput::Refused(status) => CarrierEvent::Failed(refusal_of(*status)),
            LegInput::Lost | LegInput::HungUp | LegInput::FlowLost => {
                CarrierEvent::Failed(ErrorCode::TrunkDown)
            }
            LegInput::Progress
            | LegInput::Ringing
            | LegInput::Confirmed(_)
            | LegInput::FlowBack
            | LegInput::Offer(_)
            | LegInput::OfferAnswered(_)
            | LegInput::OfferRefused
            | LegInput::OfferTooSoon
            | LegInput::Dtmf { .. }
            | LegInput::Refer(_) => CarrierEvent::None,
        }
    }

    /// The 200 usually repeats what the 183 brought: then there is nothing to do.
    fn apply(&mut self, sdp: &Sdp, desk: &mut Desk) {
        if self.answer.as_ref().is_none_or(|(known, _)| known != sdp) {
            let op = desk.apply_answer(self.leg, sdp.clone());
            self.answer = Some((sdp.clone(), op));
        }
    }

    fn applying(&self, op: OpId) -> bool {
        self.answer.as_ref().is_some_and(|(_, last)| *last == op)
    }
}

/// What a carrier's refusal means to whoever called. The carrier's own text never crosses.
pub(crate) fn refusal_of(status: u16) -> ErrorCode {
    match status {
        486 | 600 => ErrorCode::CustomerBusy,
        488 | 606 => ErrorCode::NoCommonCodec,
        401 | 403 | 407 | 500..=503 => ErrorCode::TrunkDown,
        _ => ErrorCode::CustomerUnreachable,
    }
}
