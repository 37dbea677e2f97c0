//! Audio session descriptions (RFC 8866) and their offer/answer rules (RFC 3264) for one plain RTP audio stream.
//!
//! Reads any description with an audio stream and writes plain RTP (`RTP/AVP`) and WebRTC ones
//! (`UDP/TLS/RTP/SAVPF`, RFC 8839 and 8842). Other media sections of an offer are answered with port 0.

use std::{fmt, net::SocketAddr};

mod read;
mod write;

pub(crate) use read::{Layout, RemoteDescription, RemoteSecurity, Setup, candidate};
pub(crate) use write::{LocalCandidate, LocalDescription, LocalSecurity};

/// Longest description read, in bytes.
pub const MAX_BYTES: usize = 32 * 1024;
/// Most media sections read.
pub const MAX_MEDIA: usize = 16;
/// Most payload types read in one media section.
pub const MAX_FORMATS: usize = 64;
pub(crate) const MAX_ATTRIBUTES: usize = 512;

/// Why a description was not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer, or with more parts, than this module reads.
    #[error("session description too large")]
    TooLarge,
    /// Not a session description (SIP answers 400).
    #[error("malformed session description")]
    Malformed,
    /// No audio stream in it (SIP answers 488).
    #[error("no audio stream")]
    NoAudio,
    /// No codec that both sides know (SIP answers 488).
    #[error("no codec in common")]
    NoCommonCodec,
    /// Its transport is not the one asked for: no ICE or no DTLS with SHA-256 where they are needed, or SRTP keys where
    /// plain RTP is spoken (SIP answers 488).
    #[error("no transport in common")]
    NoCommonTransport,
}

impl SdpError {
    /// The SIP status that rejects an offer with this fault.
    #[must_use]
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Malformed => 400,
            Self::NoAudio | Self::NoCommonCodec | Self::NoCommonTransport => 488,
        }
    }
}

/// The audio codecs this engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus, RTP clock 48 kHz (RFC 7587).
    Opus,
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// DTMF digits as events (RFC 4733), at this RTP clock in Hz.
    TelephoneEvent(u32),
}

impl Codec {
    /// RTP timestamp units per second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            Self::TelephoneEvent(rate) => rate,
        }
    }

    /// Whether it carries voice, rather than digits.
    #[must_use]
    pub const fn is_voice(self) -> bool {
        match self {
            Self::Opus | Self::Pcmu | Self::Pcma => true,
            Self::TelephoneEvent(_) => false,
        }
    }

    fn from_static(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    fn from_rtpmap(encoding: &str) -> Option<Self> {
        let mut parts = encoding.split('/');
        let name = parts.next()?.trim();
        let rate: u32 = parts.next()?.trim().parse().ok()?;
        if name.eq_ignore_ascii_case("opus") && rate == 48_000 {
            Some(Self::Opus)
        } else if name.eq_ignore_ascii_case("PCMU") && rate == 8_000 {
            Some(Self::Pcmu)
        } else if name.eq_ignore_ascii_case("PCMA") && rate == 8_000 {
            Some(Self::Pcma)
        } else if name.eq_ignore_ascii_case("telephone-event") && matches!(rate, 8_000 | 48_000) {
            Some(Self::TelephoneEvent(rate))
        } else {
            None
        }
    }

    fn rtpmap(self) -> String {
        match self {
            Self::Opus => "opus/48000/2".to_owned(),
            Self::Pcmu => "PCMU/8000".to_owned(),
            Self::Pcma => "PCMA/8000".to_owned(),
            Self::TelephoneEvent(rate) => format!("telephone-event/{rate}"),
        }
    }
}

/// A codec and the payload type (0–127) it is sent under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecMapping {
    /// RTP payload type.
    pub payload_type: u8,
    /// What it stands for.
    pub codec: Codec,
}

/// Which way audio flows, seen from the description's author (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The author only sends: it holds the other side.
    SendOnly,
    /// The author only receives.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The direction from flags for sending and receiving.
    #[must_use]
    pub const fn from_flags(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the author sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The answer to an offer of `self` by a side that wants `wanted` (RFC 3264 section 6.1).
    #[must_use]
    pub const fn answer(self, wanted: Self) -> Self {
        Self::from_flags(wanted.sends() && self.receives(), wanted.receives() && self.sends())
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::from_flags(self.receives(), self.sends())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// One audio stream as a description states it. `Debug` does not show addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct AudioDescription {
    /// Known codecs, most preferred first.
    pub codecs: Vec<CodecMapping>,
    /// Audio direction. A connection address of 0.0.0.0 reads as inactive receiving (RFC 3264 section 8.4).
    pub direction: Direction,
    /// Packet time in milliseconds, if stated.
    pub ptime: Option<u16>,
    /// Opus: the highest sampling rate in Hz that the author plays and captures, if stated (`maxplaybackrate` and
    /// `sprop-maxcapturerate`, RFC 7587 section 6.1).
    pub audio_rate: Option<u32>,
    /// Where the author wants RTP; `None` when it names no numeric address.
    pub address: Option<SocketAddr>,
    /// The media port is 0: the stream is refused.
    pub refused: bool,
    /// RTP and RTCP share one port (RFC 5761).
    pub rtcp_mux: bool,
    /// Carries ICE credentials (RFC 8839).
    pub ice: bool,
    /// The author is an ICE-lite peer.
    pub ice_lite: bool,
    /// Carries a DTLS fingerprint (RFC 8122).
    pub dtls: bool,
}

impl fmt::Debug for AudioDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioDescription")
            .field("codecs", &self.codecs)
            .field("direction", &self.direction)
            .field("ptime", &self.ptime)
            .field("audio_rate", &self.audio_rate)
            .field("address", &"[redacted]")
            .field("refused", &self.refused)
            .field("rtcp_mux", &self.rtcp_mux)
            .field("ice", &self.ice)
            .field("ice_lite", &self.ice_lite)
            .field("dtls", &self.dtls)
            .finish()
    }
}

impl AudioDescription {
    /// A plain RTP offer from `address`, with the codecs in order of preference.
    #[must_use]
    pub fn offer(address: SocketAddr, codecs: Vec<CodecMapping>, direction: Direction) -> Self {
        Self {
            codecs,
            direction,
            ptime: Some(20),
            audio_rate: None,
            address: Some(address),
            refused: false,
            rtcp_mux: false,
            ice: false,
            ice_lite: false,
            dtls: false,
        }
    }

    /// The codecs this engine offers on plain RTP, with their usual payload types.
    #[must_use]
    pub fn default_codecs() -> Vec<CodecMapping> {
        [
            (111, Codec::Opus),
            (8, Codec::Pcma),
            (0, Codec::Pcmu),
            (101, Codec::TelephoneEvent(8_000)),
            (110, Codec::TelephoneEvent(48_000)),
        ]
        .map(|(payload_type, codec)| CodecMapping { payload_type, codec })
        .to_vec()
    }

    /// Reads the first audio stream.
    ///
    /// # Errors
    /// [`SdpError::TooLarge`], [`SdpError::Malformed`] or [`SdpError::NoAudio`].
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        RemoteDescription::parse(text).map(|remote| remote.audio)
    }

    /// The answer to this offer from `address`: the codecs of `known` that were offered, in the offer's order and under
    /// its payload types; digits only at the clock of a kept voice codec.
    ///
    /// # Errors
    /// [`SdpError::NoAudio`] if the offer's stream is refused, [`SdpError::NoCommonCodec`] if no voice codec is shared.
    pub fn answer(&self, address: SocketAddr, known: &[Codec], wanted: Direction) -> Result<Self, SdpError> {
        if self.refused {
            return Err(SdpError::NoAudio);
        }
        let shared = |m: &&CodecMapping| known.contains(&m.codec);
        let voice: Vec<_> =
            self.codecs.iter().filter(shared).filter(|m| m.codec.is_voice()).copied().collect();
        if voice.is_empty() {
            return Err(SdpError::NoCommonCodec);
        }
        let digits = self.codecs.iter().filter(shared).filter(|m| {
            !m.codec.is_voice() && voice.iter().any(|v| v.codec.clock_rate() == m.codec.clock_rate())
        });
        let codecs = voice.iter().chain(digits).copied().collect();
        let mut answer = Self::offer(address, codecs, self.direction.answer(wanted));
        answer.rtcp_mux = self.rtcp_mux;
        Ok(answer)
    }

    /// The first voice codec: what the author prefers to be sent.
    #[must_use]
    pub fn voice(&self) -> Option<CodecMapping> {
        self.codecs.iter().find(|m| m.codec.is_voice()).copied()
    }

    /// The digits codec that runs at the clock of [`Self::voice`].
    #[must_use]
    pub fn telephone_event(&self) -> Option<CodecMapping> {
        let rate = self.voice()?.codec.clock_rate();
        self.codecs.iter().find(|m| m.codec == Codec::TelephoneEvent(rate)).copied()
    }

    /// The plain RTP description as text. `session_id` is random per session and `version` grows with every new
    /// description of it (RFC 3264 section 8); user and session name are `-`.
    ///
    /// # Errors
    /// [`SdpError::Malformed`] if there is no address to state.
    pub fn to_sdp(&self, session_id: u64, version: u64) -> Result<String, SdpError> {
        write::LocalDescription {
            audio: self,
            session_id,
            version,
            rtcp_port: None,
            security: None,
            layout: &Layout::default(),
        }
        .write()
    }
}

#[cfg(test)]
mod tests;
