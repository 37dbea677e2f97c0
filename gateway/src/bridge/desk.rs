//! What a call's machines write their orders on. The desk knows which legs and which media are still open, so that each is
//! ended once, and all of them when the call is over.

use std::collections::{BTreeSet, VecDeque};

use super::signal::{CallOutput, Farewell, LegOutput};
use crate::core::{
    CallEventKind, ClipId, EndReason, ErrorCode, LegId, LegProfile, MediaCommand, OpId, PhoneNumber, Sdp,
    Timestamp,
};

/// How many low bits of a leg's or operation's id are the call's own; the rest is the call's number.
const OWN_BITS: u32 = 24;

/// The number of the call that a leg belongs to.
pub(crate) fn call_of_leg(leg: LegId) -> u64 {
    leg.0 >> OWN_BITS
}

/// The orders of one call.
#[derive(Debug)]
pub(crate) struct Desk {
    call: u64,
    legs: u64,
    ops: u64,
    dialogs: BTreeSet<LegId>,
    media: BTreeSet<LegId>,
    /// A wake was asked for that is not called off.
    wake: bool,
    /// Whom the call wants to call while nobody may be; `None`: each is called at once.
    held: Option<Held>,
    outputs: VecDeque<CallOutput>,
}

#[derive(Debug, Default)]
struct Held {
    calls: Vec<(LegId, LegOutput)>,
    wake: Option<Timestamp>,
}

impl Desk {
    /// The desk of a call whose number no other call has; it makes the ids of the call's legs and operations unlike any other's.
    pub(super) fn new(call: u64) -> Self {
        let (dialogs, media) = (BTreeSet::new(), BTreeSet::new());
        Self {
            call: call << OWN_BITS,
            legs: 0,
            ops: 0,
            dialogs,
            media,
            wake: false,
            held: None,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn poll(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    pub(super) fn new_leg(&mut self) -> LegId {
        self.legs += 1;
        LegId(self.call + self.legs)
    }

    /// The leg has a far side that must be told of the end.
    pub(super) fn dialog_opened(&mut self, leg: LegId) {
        self.dialogs.insert(leg);
    }

    /// The far side has ended the leg, or will never hear of it.
    pub(super) fn dialog_gone(&mut self, leg: LegId) {
        self.dialogs.remove(&leg);
    }

    pub(super) fn say(&mut self, leg: LegId, output: LegOutput) {
        if self.dialogs.contains(&leg) {
            self.outputs.push_back(CallOutput::Leg { leg, output });
        }
    }

    pub(super) fn step(&mut self, kind: CallEventKind) {
        self.outputs.push_back(CallOutput::Step(kind));
    }

    /// From now on nobody is called and nobody woken, until [`let_calls_go`](Self::let_calls_go): whoever called may have offered nothing that
    /// is known, and no phone rings for a call that is refused a moment later. What it takes to call is made ready meanwhile.
    pub(super) fn hold_calls(&mut self) {
        self.held = Some(Held::default());
    }

    /// The caller has its description: whoever is to be called is called.
    pub(super) fn let_calls_go(&mut self) {
        let Some(held) = self.held.take() else { return };
        for (leg, invite) in held.calls {
            self.call(leg, invite);
        }
        if let Some(expires_at) = held.wake {
            self.wake(expires_at);
        }
    }

    pub(super) fn invite_carrier(
        &mut self,
        leg: LegId,
        number: PhoneNumber,
        caller_id: PhoneNumber,
        offer: Sdp,
    ) {
        self.call(leg, LegOutput::InviteCarrier { number, caller_id, offer });
    }

    pub(super) fn invite_app(&mut self, leg: LegId, app: usize, offer: Sdp) {
        self.call(leg, LegOutput::InviteApp { app, offer });
    }

    fn call(&mut self, leg: LegId, invite: LegOutput) {
        match &mut self.held {
            Some(held) => held.calls.push((leg, invite)),
            None => {
                self.dialog_opened(leg);
                self.say(leg, invite);
            }
        }
    }

    pub(super) fn reject(&mut self, leg: LegId, code: ErrorCode) {
        self.say(leg, LegOutput::Reject(code));
        self.dialog_gone(leg);
    }

    pub(super) fn create_answer(&mut self, leg: LegId, profile: LegProfile, offer: Sdp) -> OpId {
        self.media.insert(leg);
        self.with_op(|op| MediaCommand::CreateAnswer { leg, op, profile, offer })
    }

    pub(super) fn create_offer(&mut self, leg: LegId, profile: LegProfile, hold: bool) -> OpId {
        self.media.insert(leg);
        self.with_op(|op| MediaCommand::CreateOffer { leg, op, profile, hold })
    }

    pub(super) fn apply_answer(&mut self, leg: LegId, answer: Sdp) -> OpId {
        self.with_op(|op| MediaCommand::ApplyAnswer { leg, op, answer })
    }

    /// From now on the two hear each other, as far as forwarding lets them.
    pub(super) fn join(&mut self, a: LegId, b: LegId) {
        self.media(MediaCommand::Join { a, b });
    }

    pub(super) fn forward(&mut self, leg: LegId) {
        self.media(MediaCommand::SetForward { leg, on: true });
    }

    pub(super) fn send_dtmf(&mut self, leg: LegId, digit: char, duration_ms: u32) {
        self.media(MediaCommand::SendDtmf { leg, digit, duration_ms });
    }

    pub(super) fn play(&mut self, leg: LegId, clip: ClipId) {
        self.media(MediaCommand::Play { leg, clip });
    }

    pub(super) fn wake(&mut self, expires_at: Timestamp) {
        if let Some(held) = &mut self.held {
            held.wake = Some(expires_at);
            return;
        }
        self.wake = true;
        self.outputs.push_back(CallOutput::Wake { expires_at });
    }

    /// The wake is over by itself.
    pub(super) fn forget_wake(&mut self) {
        self.wake = false;
    }

    pub(super) fn cancel_wake(&mut self) {
        if let Some(held) = &mut self.held {
            held.wake = None;
        }
        if std::mem::take(&mut self.wake) {
            self.outputs.push_back(CallOutput::CancelWake);
        }
    }

    /// Ends a leg, as far as it still stands, and frees its media.
    pub(super) fn end_leg(&mut self, leg: LegId, why: Farewell) {
        if let Some(held) = &mut self.held {
            held.calls.retain(|(of, _)| *of != leg);
        }
        self.say(leg, LegOutput::End(why));
        self.dialogs.remove(&leg);
        if self.media.remove(&leg) {
            self.media(MediaCommand::Close { leg });
        }
    }

    /// Ends all that still stands: the call is over.
    pub(super) fn finish(&mut self, reason: EndReason) {
        self.cancel_wake();
        let why = farewell(reason);
        for leg in self.dialogs.union(&self.media).copied().collect::<Vec<_>>() {
            self.end_leg(leg, why);
        }
        self.outputs.push_back(CallOutput::Ended(reason));
    }

    fn with_op(&mut self, command: impl FnOnce(OpId) -> MediaCommand) -> OpId {
        self.ops += 1;
        let op = OpId(self.call + self.ops);
        self.media(command(op));
        op
    }

    fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(CallOutput::Media(command));
    }
}

/// What the sides are told when a call ends so.
fn farewell(reason: EndReason) -> Farewell {
    match reason {
        EndReason::CourierHungUp
        | EndReason::CustomerHungUp
        | EndReason::CompanyHungUp
        | EndReason::Transferred => Farewell::Normal,
        EndReason::TalkLimit => Farewell::TalkLimit,
        EndReason::NoAnswer => Farewell::NoAnswer,
        EndReason::Declined => Farewell::Declined,
        EndReason::Refused(_) | EndReason::Lost | EndReason::Shutdown => Farewell::Failure,
    }
}
