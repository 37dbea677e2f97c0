//! What is asked of the voice engine, and what it says.

use doorstep_sip::msg::StatusCode;

use super::Endpoint;
use super::call::{Doing, Phase};
use crate::{CallHandle, EndReason, Event, LegId, MediaCommand, MediaEvent, MediaFailure, OpId, Sdp};

impl Endpoint {
    pub(super) fn make_first_offer(&mut self, handle: CallHandle) {
        let Some(leg) = self.leg_of(handle) else { return };
        let op = self.next_op(handle, Doing::FirstOffer);
        self.order_media(MediaCommand::CreateOffer { leg, op, hold: false });
    }

    pub(super) fn apply_answer(&mut self, handle: CallHandle, answer: Sdp) {
        let Some(leg) = self.leg_of(handle) else { return };
        let op = self.next_op(handle, Doing::Apply);
        self.order_media(MediaCommand::ApplyAnswer { leg, op, answer });
    }

    /// The far side may be heard.
    pub(super) fn open_speaker(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Some(leg) = call.leg.filter(|_| !std::mem::replace(&mut call.audible, true)) else { return };
        self.order_media(MediaCommand::OpenSpeaker { leg });
    }

    /// The call is answered: the far side may be heard, and may hear.
    pub(super) fn open_microphone(&mut self, handle: CallHandle) {
        self.open_speaker(handle);
        let Some((leg, muted)) = self.calls.get(&handle).and_then(|call| Some((call.leg?, call.muted)))
        else {
            return;
        };
        if muted {
            self.order_media(MediaCommand::SetMute { leg, on: true });
        }
        self.order_media(MediaCommand::OpenMicrophone { leg });
    }

    /// Ends a call's leg; questions to it are forgotten.
    pub(super) fn close_leg(&mut self, handle: CallHandle) {
        self.ops.retain(|_, (of, _)| *of != handle);
        let Some(call) = self.calls.get_mut(&handle) else { return };
        (call.media_connected, call.digit, call.audible) = (false, None, false);
        if let Some(leg) = call.leg.take() {
            self.order_media(MediaCommand::Close { leg });
        }
    }

    pub(super) fn media_said(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::LocalDescription { leg, op, sdp } => {
                if let Some((call, doing)) = self.answered_op(leg, op) {
                    self.description_made(call, op, doing, sdp);
                }
            }
            MediaEvent::Done { leg, op } => match self.answered_op(leg, op) {
                Some((call, Doing::Digit)) => self.digit_sent(call),
                Some((_, Doing::Apply)) | None => {}
                Some((
                    call,
                    doing @ (Doing::FirstOffer | Doing::FirstAnswer | Doing::Offer | Doing::Answer),
                )) => {
                    self.op_failed(call, doing, MediaFailure::NoResources);
                }
            },
            MediaEvent::Failed { leg, op: Some(op), reason } => {
                if let Some((call, doing)) = self.answered_op(leg, op) {
                    self.op_failed(call, doing, reason);
                }
            }
            MediaEvent::Failed { leg, op: None, reason } => {
                if let Some(call) = self.call_with(leg) {
                    self.media_failed(call, reason);
                }
            }
            MediaEvent::Connected { leg } => self.path_changed(leg, true),
            MediaEvent::Disconnected { leg } => self.path_changed(leg, false),
            MediaEvent::FirstAudio { leg } => {
                if let Some(call) = self.call_with(leg) {
                    self.tell(Event::FirstAudio { call });
                }
            }
            MediaEvent::Digit { leg, digit } => {
                if let Some(call) = self.call_with(leg) {
                    self.tell(Event::DigitReceived { call, digit });
                }
            }
            MediaEvent::Quality { leg, quality } => {
                if let Some(call) = self.call_with(leg) {
                    self.tell(Event::Quality { call, quality });
                }
            }
        }
    }

    pub(super) fn call_with(&self, leg: LegId) -> Option<CallHandle> {
        self.calls.values().find(|call| call.leg == Some(leg)).map(|call| call.handle)
    }

    /// The question that an answer belongs to, if it still stands.
    fn answered_op(&mut self, leg: LegId, op: OpId) -> Option<(CallHandle, Doing)> {
        let (call, doing) = *self.ops.get(&op)?;
        if self.calls.get(&call)?.leg != Some(leg) {
            return None;
        }
        self.ops.remove(&op);
        Some((call, doing))
    }

    fn description_made(&mut self, handle: CallHandle, op: OpId, doing: Doing, sdp: Sdp) {
        let sdp = sdp.into_exposed().into();
        match doing {
            Doing::FirstOffer => {
                if let Some(calling) = self.calls.get_mut(&handle).and_then(|call| call.calling_mut()) {
                    calling.offer = Some(sdp);
                }
            }
            Doing::FirstAnswer => self.ready_to_answer(handle, sdp),
            Doing::Offer => self.offer_made(handle, op, sdp),
            Doing::Answer => self.answer_made(handle, op, sdp),
            Doing::Apply | Doing::Digit => {}
        }
    }

    fn op_failed(&mut self, handle: CallHandle, doing: Doing, reason: MediaFailure) {
        tracing::debug!(%reason, "the voice engine failed");
        match doing {
            Doing::FirstOffer | Doing::FirstAnswer | Doing::Apply => self.media_failed(handle, reason),
            Doing::Offer => self.offer_not_made(handle),
            Doing::Answer => self.answer_not_made(handle),
            Doing::Digit => self.digit_failed(handle, reason),
        }
    }

    /// Nobody can talk in this call.
    pub(super) fn media_failed(&mut self, handle: CallHandle, failure: MediaFailure) {
        let (reason, status) = match failure {
            MediaFailure::BadSdp => (EndReason::ProtocolError, StatusCode::BAD_REQUEST),
            MediaFailure::NoCommonCodec => (EndReason::NoCommonCodec, StatusCode::NOT_ACCEPTABLE_HERE),
            MediaFailure::NoResources
            | MediaFailure::NoSuchLeg
            | MediaFailure::Transport
            | MediaFailure::NoTelephoneEvent
            | MediaFailure::Device => (EndReason::MediaFailed, StatusCode::TEMPORARILY_UNAVAILABLE),
        };
        match self.calls.get(&handle).map(|call| &call.phase) {
            Some(Phase::Ringing(_)) => self.refuse(handle, status, reason),
            Some(Phase::Calling(_) | Phase::Active(_)) => self.drop_call(handle, reason),
            None => {}
        }
    }
}
