//! What a call's machine hears of its legs and what it says to them. Nothing of one leg can reach the other but what these enums
//! name.

use crate::core::{
    CallEventKind, EndReason, ErrorCode, LegId, MediaCommand, MediaEvent, PhoneNumber, Sdp, Timestamp,
    WakeOutcome,
};

/// What happened to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallInput {
    /// The media plane answered, or something happened to a leg's media.
    Media(MediaEvent),
    /// The far side of a leg did something.
    Leg {
        /// Which leg.
        leg: LegId,
        /// What.
        input: LegInput,
    },
    /// An app of the courier registered on a connection on which this call has not reached it.
    AppConnected {
        /// Its place among the apps that the call was given, or the next one.
        app: usize,
        /// Whether it can be woken.
        wakeable: bool,
    },
    /// What became of waking the courier's apps.
    Wake(WakeOutcome),
    /// The company ended the call through the API.
    CompanyHungUp,
    /// The gateway stops.
    Shutdown,
}

/// How an app of the courier can be reached when its call begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// It has a connection.
    pub connected: bool,
    /// It can be woken by a push.
    pub wakeable: bool,
}

/// What the far side of a leg did.
#[derive(Debug, Clone, PartialEq)]
pub enum LegInput {
    /// 18x that is neither of the next two: it has the call.
    Progress,
    /// 180.
    Ringing,
    /// 18x with a session description.
    EarlyMedia(Sdp),
    /// 200, with its answer; `None`: it sent none.
    Answered(Option<Sdp>),
    /// It refused our INVITE with this status (300–699). The leg is gone.
    Refused(u16),
    /// It acknowledged our 200, with its answer where our 200 held the offer.
    Confirmed(Option<Sdp>),
    /// BYE or CANCEL. The leg is gone.
    HungUp,
    /// It does not answer any more, its session timer ran out, or its flow closed before the answer. The leg is gone.
    Lost,
    /// Its flow closed in the middle of the call: it may come back.
    FlowLost,
    /// It is back, on another flow.
    FlowBack,
    /// It offers other media; `None`: it asks us to offer.
    Offer(Option<Sdp>),
    /// It took our offer; `None`: without an answer.
    OfferAnswered(Option<Sdp>),
    /// It did not take our offer.
    OfferRefused,
    /// Our offer could not be sent now, since another is under way.
    OfferTooSoon,
    /// A digit by INFO.
    Dtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// Milliseconds.
        duration_ms: u32,
    },
    /// It asks us to transfer the other side.
    Refer(ReferTarget),
}

/// Where a transfer is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferTarget {
    /// The company's contact centre.
    ContactCentre,
    /// Anywhere else.
    Other,
}

/// What must be done for a call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallOutput {
    /// Tell the media plane.
    Media(MediaCommand),
    /// Say something to a leg's far side.
    Leg {
        /// Which leg.
        leg: LegId,
        /// What.
        output: LegOutput,
    },
    /// Wake the courier's devices; told once.
    Wake {
        /// The end of the ring time.
        expires_at: Timestamp,
    },
    /// Nobody need wake any more.
    CancelWake,
    /// The call's life went a step on; its end is told by `Ended`.
    Step(CallEventKind),
    /// The call is over; the last output.
    Ended(EndReason),
}

/// What to say to the far side of a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum LegOutput {
    /// 180.
    Ring,
    /// 183 with our answer.
    EarlyMedia(Sdp),
    /// 200, with our answer, or our offer where the INVITE had none.
    Answer(Sdp),
    /// Refuse its INVITE.
    Reject(ErrorCode),
    /// Call a number through a carrier.
    InviteCarrier {
        /// Request-URI and To.
        number: PhoneNumber,
        /// From: the company's number.
        caller_id: PhoneNumber,
        /// Our offer.
        offer: Sdp,
    },
    /// Call one of the courier's apps.
    InviteApp {
        /// Which, by its place among the apps that the call was given.
        app: usize,
        /// Our offer.
        offer: Sdp,
    },
    /// Offer other media by re-INVITE.
    Offer(Sdp),
    /// Take its offer; or make the offer that it asked for.
    AcceptOffer(Sdp),
    /// Refuse its offer; the media stay as they were.
    RefuseOffer(OfferRefusal),
    /// 202: the transfer begins.
    AcceptRefer,
    /// The transfer may not be.
    RefuseRefer(ErrorCode),
    /// How the transfer goes (`message/sipfrag`, RFC 3515).
    Notify {
        /// The status that the other call had.
        status: u16,
        /// Nothing more will be told.
        last: bool,
    },
    /// End it: CANCEL, BYE or a refusal, as the dialog's state asks.
    End(Farewell),
}

/// Why an offer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferRefusal {
    /// 488: nothing in it can be used.
    NotAcceptable,
    /// 491: not now.
    Pending,
    /// 500: the media plane failed.
    Failed,
}

/// What the far side of a leg reads as the reason of its end (RFC 3326). It names neither side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The call ended as calls do.
    Normal,
    /// Another of the courier's apps took the call.
    AnsweredElsewhere,
    /// It rang long enough.
    NoAnswer,
    /// The courier declined it on another app.
    Declined,
    /// They have talked as long as they may.
    TalkLimit,
    /// Something broke, or the gateway stops.
    Failure,
}

impl LegInput {
    /// Whether the far side is gone, for a call that has not come to talking.
    pub(super) fn ends_leg(&self) -> bool {
        match self {
            Self::Refused(_) | Self::HungUp | Self::Lost | Self::FlowLost => true,
            Self::Progress
            | Self::Ringing
            | Self::EarlyMedia(_)
            | Self::Answered(_)
            | Self::Confirmed(_)
            | Self::FlowBack
            | Self::Offer(_)
            | Self::OfferAnswered(_)
            | Self::OfferRefused
            | Self::OfferTooSoon
            | Self::Dtmf { .. }
            | Self::Refer(_) => false,
        }
    }
}
