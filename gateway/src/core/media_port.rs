//! What the core asks of the media plane and what it hears back. The core treats SDP as opaque text.
//!
//! A leg comes into being with its first `CreateOffer` or `CreateAnswer` and ends with `Close`; a command for a leg that
//! is unknown or closed is answered `Failed` if it carries an `op`, else dropped. Each command with an `op` is answered
//! exactly once, by `LocalDescription`, `Done` or `Failed`. Commands of one leg are carried out in order.
//!
//! An offer counts from its `ApplyAnswer` on. One that the far side refuses is never heard of again: the next `CreateOffer` or
//! `CreateAnswer` of the leg takes its place (rollback, RFC 8829 section 4.1.10.2), and the media stay as they were meanwhile.
//! A far side that our last offer put on hold stays so in our answers to its own offers.

use super::ids::{LegId, OpId, Sdp};

/// A recording that the driver has loaded, by its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipId(pub u32);

/// What kind of far side a leg has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegProfile {
    /// An app: ICE, DTLS-SRTP, rtcp-mux, Opus preferred.
    WebRtc,
    /// A carrier or a plain phone: RTP/AVP, G.711 preferred, Opus when the far side has it.
    Rtp,
}

/// An order to the media plane.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaCommand {
    /// Make an SDP offer: the first of a new leg, or a further one of a leg that exists (then `profile` is as before).
    /// `hold`: the offer puts the far side on hold (`sendonly`), otherwise `sendrecv`. Answered by `LocalDescription`.
    CreateOffer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// The kind of far side.
        profile: LegProfile,
        /// Offer hold.
        hold: bool,
    },
    /// Answer the far side's SDP offer, the first of a new leg or a further one. Answered by `LocalDescription`, or by
    /// `Failed` with [`MediaFailure::NoCommonCodec`] when nothing in it can be used.
    CreateAnswer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// The kind of far side.
        profile: LegProfile,
        /// The far side's offer.
        offer: Sdp,
    },
    /// Take the far side's answer to the last offer. Answered by `Done` or `Failed`. May come again with another answer
    /// (early media of one branch, then the answer of another): the last one counts.
    ApplyAnswer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// The far side's answer.
        answer: Sdp,
    },
    /// Connect two legs: what one receives the other sends, transcoded as needed, once `SetForward` lets it. A leg
    /// joined before leaves its old partner.
    Join {
        /// One leg.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Whether audio and DTMF received on `leg` go to the leg it is joined with. Off at first: no sound of a courier reaches a
    /// phone before the call is answered. Off, the partner is sent comfort silence, so that NAT bindings and carriers'
    /// RTP timers hold.
    SetForward {
        /// The leg whose received audio is meant.
        leg: LegId,
        /// On or off.
        on: bool,
    },
    /// Send one telephone-event to the far side of `leg` (RFC 4733).
    SendDtmf {
        /// The leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// Milliseconds.
        duration_ms: u32,
    },
    /// Play a recording to the far side of `leg`, from its start and once. What the joined leg says is not heard meanwhile. Answered by
    /// `Played` when it is over, also when it could not be played or another `Play` or a `Join` stopped it; not after `Close`.
    Play {
        /// The leg; its answer was applied or sent before.
        leg: LegId,
        /// What to play.
        clip: ClipId,
    },
    /// End the leg and free its ports. Answered by a last `Stats`.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// Why the media plane could not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaFailure {
    /// The SDP could not be read.
    #[error("the session description could not be read")]
    BadSdp,
    /// Nothing offered can be used: answer 488.
    #[error("no common codec or transport")]
    NoCommonCodec,
    /// No port, socket or memory left: answer 503.
    #[error("no media resources left")]
    NoResources,
    /// The leg is unknown or has ended.
    #[error("no such media leg")]
    NoSuchLeg,
    /// ICE or DTLS did not come through.
    #[error("the media path could not be set up")]
    Transport,
}

/// What a leg has carried, handed over when it closes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LegStats {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets missing.
    pub packets_lost: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Interarrival jitter in milliseconds (RFC 3550).
    pub jitter_ms: f64,
    /// Round trip in milliseconds, when RTCP told it.
    pub round_trip_ms: Option<f64>,
}

impl LegStats {
    /// Counts another leg of the same side. Jitter and round trip are those of the leg that received more.
    pub(super) fn add(&mut self, leg: &Self) {
        if leg.packets_received >= self.packets_received {
            self.jitter_ms = leg.jitter_ms;
            self.round_trip_ms = leg.round_trip_ms.or(self.round_trip_ms);
        }
        self.packets_received += leg.packets_received;
        self.packets_lost += leg.packets_lost;
        self.packets_sent += leg.packets_sent;
    }
}

impl MediaEvent {
    /// The leg that it happened to.
    pub fn leg(&self) -> LegId {
        match self {
            Self::LocalDescription { leg, .. }
            | Self::Done { leg, .. }
            | Self::Failed { leg, .. }
            | Self::Connected { leg }
            | Self::Disconnected { leg }
            | Self::FirstAudio { leg }
            | Self::Played { leg }
            | Self::RemoteHold { leg, .. }
            | Self::Dtmf { leg, .. }
            | Self::Stats { leg, .. } => *leg,
        }
    }
}

/// Something that happened in the media plane.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// The answer to `CreateOffer` and `CreateAnswer`.
    LocalDescription {
        /// The leg.
        leg: LegId,
        /// Of the command.
        op: OpId,
        /// Our offer or answer.
        sdp: Sdp,
    },
    /// A command was carried out.
    Done {
        /// The leg.
        leg: LegId,
        /// Of the command.
        op: OpId,
    },
    /// A command failed (`op` is set) or a leg's path broke (`op` is `None`). The core then ends the call; an app's leg it gives some
    /// time, in which a new offer of the app (ICE restart) may mend it. The leg lives until its `Close`.
    Failed {
        /// The leg.
        leg: LegId,
        /// Of the command, if one failed.
        op: Option<OpId>,
        /// Why.
        reason: MediaFailure,
    },
    /// The path to the far side is up (DTLS done, or the first RTP packet came).
    Connected {
        /// The leg.
        leg: LegId,
    },
    /// The path went silent or ICE lost it; it may come back.
    Disconnected {
        /// The leg.
        leg: LegId,
    },
    /// The first audio came from the far side.
    FirstAudio {
        /// The leg.
        leg: LegId,
    },
    /// A recording is over.
    Played {
        /// The leg.
        leg: LegId,
    },
    /// The far side put us on hold or took us back: by its last offer or answer it does not want to hear us (`sendonly`,
    /// `inactive`, or the address 0.0.0.0). `recvonly` is no hold: it is the answer to a hold of ours.
    RemoteHold {
        /// The leg.
        leg: LegId,
        /// On hold now.
        held: bool,
    },
    /// A telephone-event came from the far side. The media plane has already passed it on to the joined leg when
    /// forwarding is on; the event is for records and scenarios.
    Dtmf {
        /// The leg.
        leg: LegId,
        /// The digit.
        digit: char,
    },
    /// Counters, last of all after `Close`.
    Stats {
        /// The leg.
        leg: LegId,
        /// The counters.
        stats: LegStats,
    },
}
