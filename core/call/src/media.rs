//! What the endpoint asks of the voice engine and what it hears back.
//!
//! A leg comes into being with its first [`CreateOffer`](MediaCommand::CreateOffer) or
//! [`CreateAnswer`](MediaCommand::CreateAnswer) and ends with [`Close`](MediaCommand::Close), which comes exactly once
//! for every leg. Commands of one leg are carried out in their order. Each command with an `op` is answered exactly once,
//! by [`LocalDescription`](MediaEvent::LocalDescription), [`Done`](MediaEvent::Done) or [`Failed`](MediaEvent::Failed),
//! unless the leg is closed before. What is said of a closed leg is dropped.

use std::time::Duration;

use doorstep_sip::Sensitive;
use serde::{Deserialize, Serialize};

use crate::{LegId, OpId};

/// A session description (RFC 8866). It holds addresses, and prints as `[redacted]`.
pub type Sdp = Sensitive<String>;

/// An order to the voice engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaCommand {
    /// Make an SDP offer: the first of a new leg, or a further one of a leg that exists. Answered by
    /// `LocalDescription`. It does not wait for ICE candidates: the offer holds the host candidates, at once.
    CreateOffer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// Offer `sendonly` (RFC 3264 section 8.4) instead of `sendrecv`.
        hold: bool,
    },
    /// Answer the far side's SDP offer: the first of a new leg, or a further one. Answered by `LocalDescription`. An
    /// offer of this side that has no answer yet is given up for it.
    CreateAnswer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// The far side's offer.
        offer: Sdp,
        /// This side holds: nothing is to be received.
        hold: bool,
    },
    /// Take the far side's answer to the last offer. Answered by `Done` or `Failed`. Another may follow while the call
    /// is set up (early media of one fork, then the answer of another): the last one counts.
    ApplyAnswer {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// The far side's answer.
        answer: Sdp,
    },
    /// Make an offer with fresh ICE credentials and candidates (RFC 8445 section 9), as a new network needs it. Answered
    /// by `LocalDescription`; the old path is used until the new one stands.
    RestartIce {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// Offer `sendonly` instead of `sendrecv`.
        hold: bool,
    },
    /// From now on what is received may be heard; before, the leg connects in silence. An outgoing call is heard from
    /// the far side's first description on (announcements of the carrier), an incoming one from its answer.
    OpenSpeaker {
        /// The leg.
        leg: LegId,
    },
    /// The call is answered: from now on microphone samples may leave. Comes once for a leg, after `OpenSpeaker`.
    OpenMicrophone {
        /// The leg.
        leg: LegId,
    },
    /// Send silence instead of the microphone, or no longer. Off at first.
    SetMute {
        /// The leg.
        leg: LegId,
        /// On or off.
        on: bool,
    },
    /// Neither send the microphone nor play what is received, or no longer; at once, whatever the SDP says. Off at first.
    SetHold {
        /// The leg.
        leg: LegId,
        /// On or off.
        on: bool,
    },
    /// Send one telephone-event (RFC 4733). Answered by `Done` once it is out, so that the next may follow.
    SendDtmf {
        /// The leg.
        leg: LegId,
        /// Answered under this id.
        op: OpId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long the tone lasts.
        duration: Duration,
    },
    /// End the leg and free what it holds.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// What the voice engine says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// The answer to `CreateOffer`, `CreateAnswer` and `RestartIce`.
    LocalDescription {
        /// The leg.
        leg: LegId,
        /// Of the command.
        op: OpId,
        /// This side's offer or answer.
        sdp: Sdp,
    },
    /// A command was carried out.
    Done {
        /// The leg.
        leg: LegId,
        /// Of the command.
        op: OpId,
    },
    /// A command failed (`op` is set), or the leg died by itself.
    Failed {
        /// The leg.
        leg: LegId,
        /// Of the command, if one failed.
        op: Option<OpId>,
        /// Why.
        reason: MediaFailure,
    },
    /// ICE and DTLS are through.
    Connected {
        /// The leg.
        leg: LegId,
    },
    /// The path broke; it may come back by itself or by an ICE restart.
    Disconnected {
        /// The leg.
        leg: LegId,
    },
    /// The first audio came from the far side.
    FirstAudio {
        /// The leg.
        leg: LegId,
    },
    /// A telephone-event came from the far side.
    Digit {
        /// The leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// Counters, from time to time.
    Quality {
        /// The leg.
        leg: LegId,
        /// The counters.
        quality: Quality,
    },
}

/// Why the voice engine could not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum MediaFailure {
    /// The SDP could not be read.
    #[error("the session description could not be read")]
    BadSdp,
    /// Nothing in the SDP can be used.
    #[error("no common codec or transport")]
    NoCommonCodec,
    /// No socket, port or memory left.
    #[error("no media resources left")]
    NoResources,
    /// The leg is unknown or has ended.
    #[error("no such media leg")]
    NoSuchLeg,
    /// ICE or DTLS did not come through.
    #[error("the media path could not be set up")]
    Transport,
    /// The far side did not agree on telephone-event.
    #[error("no telephone-event was negotiated")]
    NoTelephoneEvent,
    /// Microphone or speaker cannot be used.
    #[error("the audio device cannot be used")]
    Device,
}

/// How well a leg carries, counted since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets missing.
    pub packets_lost: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Round trip, once RTCP told it.
    pub round_trip: Option<Duration>,
    /// Played samples that were made up because packets were missing or late; at 48 kHz.
    pub concealed_samples: u64,
}
