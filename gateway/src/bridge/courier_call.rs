//! A courier's call to the customer, from the store's grant to the end, as a sans-IO state machine.
//!
//! Each leg gets its own session description at once: the courier's answer goes out in a 183 while the carrier is being called
//! (early bearer). The courier's sound is forwarded only from the carrier's 200. Transactions and dialogs are the user agents'
//! work: `EndLeg` means CANCEL, BYE or a refusal, as the dialog's state asks.

use std::collections::VecDeque;

use crate::core::{
    CallEventKind, EndReason, ErrorCode, Grant, LegId, LegProfile, Limits, MediaCommand, MediaEvent,
    MediaFailure, OpId, PhoneNumber, Sdp, Side, Timestamp,
};

/// Hands out operation ids; one for all calls of a core.
#[derive(Debug, Default)]
pub struct Ops(u64);

impl Ops {
    /// An id never handed out before.
    pub fn next_id(&mut self) -> OpId {
        self.0 = self.0.saturating_add(1);
        OpId(self.0)
    }
}

/// What happened to the call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallInput {
    /// The media plane answered, or a leg's media died.
    Media(MediaEvent),
    /// The carrier sent 180.
    CarrierRinging,
    /// The carrier sent 183 with a session description.
    CarrierEarlyMedia(Sdp),
    /// The carrier sent 200.
    CarrierAnswered(Sdp),
    /// The carrier refused with this status (400–699).
    CarrierRefused(u16),
    /// The leg was ended by its far side: BYE, or CANCEL from the courier.
    HungUp(Side),
    /// The leg's transport or session timer gave up.
    Lost(Side),
    /// The company ended the call through the API.
    CompanyHungUp,
    /// The gateway stops.
    Shutdown,
}

/// What must be done for the call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallOutput {
    /// Tell the media plane.
    Media(MediaCommand),
    /// Send 183 with our answer to the courier.
    CourierEarlyBearer(Sdp),
    /// Send 180 to the courier.
    CourierRinging,
    /// Send 200 to the courier, with the answer of the 183 (RFC 3261 section 13.2.1).
    CourierAnswer(Sdp),
    /// Refuse the courier's INVITE.
    CourierReject(ErrorCode),
    /// Call the customer.
    CarrierInvite {
        /// Request-URI and To.
        customer: PhoneNumber,
        /// From: the company's number.
        caller_id: PhoneNumber,
        /// Our offer.
        offer: Sdp,
    },
    /// End a leg, with a neutral Reason.
    EndLeg(Side),
    /// The call's life went a step on.
    Step(CallEventKind),
    /// The call is over; the last output.
    Ended(EndReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Our offer to the carrier is being made.
    Preparing,
    /// The carrier was called.
    Calling,
    /// The carrier answered; the answer for the courier is still being made.
    Answering,
    /// Both sides talk.
    Talking,
    Over,
}

/// One courier's call.
#[derive(Debug)]
pub struct CourierCall {
    grant: Grant,
    limits: Limits,
    courier: LegId,
    carrier: LegId,
    state: State,
    rang: bool,
    joined: bool,
    courier_op: OpId,
    carrier_op: OpId,
    courier_sdp: Option<Sdp>,
    deadline: Option<Timestamp>,
    outputs: VecDeque<CallOutput>,
}

impl CourierCall {
    /// Starts a call that the store has granted; `offer` is the courier's. Both legs' ids are fresh.
    pub fn new(
        grant: Grant,
        limits: Limits,
        offer: Sdp,
        courier: LegId,
        carrier: LegId,
        ops: &mut Ops,
    ) -> Self {
        let (courier_op, carrier_op) = (ops.next_id(), ops.next_id());
        let outputs = VecDeque::from([
            CallOutput::Step(CallEventKind::Started),
            CallOutput::Media(MediaCommand::CreateAnswer {
                leg: courier,
                op: courier_op,
                profile: LegProfile::WebRtc,
                offer,
            }),
            CallOutput::Media(MediaCommand::CreateOffer {
                leg: carrier,
                op: carrier_op,
                profile: LegProfile::Rtp,
                hold: false,
            }),
        ]);
        Self {
            grant,
            limits,
            courier,
            carrier,
            state: State::Preparing,
            rang: false,
            joined: false,
            courier_op,
            carrier_op,
            courier_sdp: None,
            deadline: None,
            outputs,
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Ends the call if its ring or talk limit has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Preparing | State::Calling | State::Answering => {
                self.refuse(ErrorCode::CustomerUnreachable, EndReason::NoAnswer);
            }
            State::Talking => self.end(None, EndReason::TalkLimit),
            State::Over => {}
        }
    }

    /// Applies one input.
    pub fn handle_input(&mut self, now: Timestamp, input: CallInput, ops: &mut Ops) {
        if self.state == State::Over {
            // The carrier's 200 crossed our CANCEL: that dialog must be ended too (RFC 3261 section 15).
            if matches!(input, CallInput::CarrierAnswered(_)) {
                self.outputs.push_back(CallOutput::EndLeg(Side::Trunk));
            }
            return;
        }
        match input {
            CallInput::Media(event) => self.media(now, event),
            CallInput::CarrierRinging => self.ringing(),
            CallInput::CarrierEarlyMedia(sdp) => {
                if self.state == State::Calling {
                    self.apply_carrier_answer(sdp, ops);
                    self.ringing();
                }
            }
            CallInput::CarrierAnswered(sdp) => {
                if self.state == State::Calling {
                    self.apply_carrier_answer(sdp, ops);
                    self.forward(self.courier);
                    self.state = State::Answering;
                    self.answer_courier(now);
                }
            }
            CallInput::CarrierRefused(status) => {
                if self.state == State::Calling {
                    let code = refusal_of(status);
                    self.state = State::Preparing; // the carrier's leg is gone: nothing to cancel
                    self.refuse(code, EndReason::Refused(code));
                }
            }
            CallInput::HungUp(Side::Edge) => self.end(Some(Side::Edge), EndReason::CourierHungUp),
            CallInput::HungUp(Side::Trunk) => self.end(Some(Side::Trunk), EndReason::CustomerHungUp),
            CallInput::Lost(Side::Trunk) if self.state != State::Talking => {
                self.state = State::Preparing;
                self.refuse(ErrorCode::TrunkDown, EndReason::Refused(ErrorCode::TrunkDown));
            }
            CallInput::Lost(side) => self.end(Some(side), EndReason::Lost),
            CallInput::CompanyHungUp => self.end(None, EndReason::CompanyHungUp),
            CallInput::Shutdown => self.end(None, EndReason::Shutdown),
        }
    }

    fn media(&mut self, now: Timestamp, event: MediaEvent) {
        match event {
            MediaEvent::LocalDescription { op, sdp, .. } if op == self.courier_op => {
                self.courier_sdp = Some(sdp.clone());
                if self.state == State::Answering {
                    self.answer_courier(now);
                } else {
                    self.outputs.push_back(CallOutput::CourierEarlyBearer(sdp));
                }
            }
            MediaEvent::LocalDescription { op, sdp, .. }
                if op == self.carrier_op && self.state == State::Preparing =>
            {
                self.state = State::Calling;
                self.deadline = Some(now + self.grant.ring_time.unwrap_or(self.limits.ring));
                self.outputs.push_back(CallOutput::CarrierInvite {
                    customer: self.grant.customer.clone(),
                    caller_id: self.grant.caller_id.clone(),
                    offer: sdp,
                });
            }
            MediaEvent::Failed { op, reason, .. } => match (self.state, reason) {
                (State::Talking, _) => self.end(None, EndReason::Lost),
                (_, MediaFailure::NoCommonCodec | MediaFailure::BadSdp) if op == Some(self.courier_op) => {
                    self.refuse(ErrorCode::NoCommonCodec, EndReason::Refused(ErrorCode::NoCommonCodec));
                }
                _ => self.refuse(ErrorCode::Unavailable, EndReason::Refused(ErrorCode::Unavailable)),
            },
            MediaEvent::LocalDescription { .. }
            | MediaEvent::Done { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::FirstAudio { .. }
            | MediaEvent::RemoteHold { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::Stats { .. } => {}
        }
    }

    fn ringing(&mut self) {
        if self.state == State::Calling && !self.rang {
            self.rang = true;
            self.outputs.push_back(CallOutput::CourierRinging);
            self.outputs.push_back(CallOutput::Step(CallEventKind::Ringing));
        }
    }

    fn apply_carrier_answer(&mut self, answer: Sdp, ops: &mut Ops) {
        let (leg, op) = (self.carrier, ops.next_id());
        self.outputs.push_back(CallOutput::Media(MediaCommand::ApplyAnswer { leg, op, answer }));
        if !self.joined {
            self.joined = true;
            self.outputs
                .push_back(CallOutput::Media(MediaCommand::Join { a: self.courier, b: self.carrier }));
            self.forward(self.carrier);
        }
    }

    fn forward(&mut self, leg: LegId) {
        self.outputs.push_back(CallOutput::Media(MediaCommand::SetForward { leg, on: true }));
    }

    fn answer_courier(&mut self, now: Timestamp) {
        if let Some(sdp) = self.courier_sdp.clone() {
            self.state = State::Talking;
            self.deadline = Some(now + self.grant.max_talk.unwrap_or(self.limits.talk));
            self.outputs.push_back(CallOutput::CourierAnswer(sdp));
            self.outputs.push_back(CallOutput::Step(CallEventKind::Answered));
        }
    }

    /// Ends a call that the courier's app has no answer to yet.
    fn refuse(&mut self, code: ErrorCode, reason: EndReason) {
        self.outputs.push_back(CallOutput::CourierReject(code));
        self.end(Some(Side::Edge), reason);
    }

    /// Ends whichever legs still stand; `gone` is the one that has already ended.
    fn end(&mut self, gone: Option<Side>, reason: EndReason) {
        if gone != Some(Side::Edge) {
            self.outputs.push_back(CallOutput::EndLeg(Side::Edge));
        }
        if gone != Some(Side::Trunk) && self.state != State::Preparing {
            self.outputs.push_back(CallOutput::EndLeg(Side::Trunk));
        }
        for leg in [self.courier, self.carrier] {
            self.outputs.push_back(CallOutput::Media(MediaCommand::Close { leg }));
        }
        self.outputs.push_back(CallOutput::Step(CallEventKind::Ended));
        self.outputs.push_back(CallOutput::Ended(reason));
        self.state = State::Over;
        self.deadline = None;
    }
}

/// What a carrier's refusal means to the courier. The carrier's own text never crosses.
pub fn refusal_of(status: u16) -> ErrorCode {
    match status {
        486 | 600 => ErrorCode::CustomerBusy,
        401 | 403 | 407 | 500..=503 => ErrorCode::TrunkDown,
        _ => ErrorCode::CustomerUnreachable,
    }
}
