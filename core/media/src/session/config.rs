//! What a session is made of, and how it can fail.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    time::Duration,
};

use crate::{
    sdp::{Codec, SdpError},
    transport::SourcePolicy,
};

/// How the far side is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// ICE, DTLS-SRTP and rtcp-mux, as browsers and apps do (RFC 8834, RFC 8835).
    WebRtc,
    /// Plain RTP/AVP, as carriers and desk phones do.
    Rtp,
}

/// An address of this machine, and what the far side is told instead where a NAT with a fixed address stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAddress {
    /// Where sockets are bound.
    pub bind: IpAddr,
    /// What descriptions and candidates say; the same as `bind` on most machines.
    pub advertised: IpAddr,
}

impl LocalAddress {
    /// An address that the far side can reach as it is.
    #[must_use]
    pub const fn direct(ip: IpAddr) -> Self {
        Self { bind: ip, advertised: ip }
    }

    /// The address that packets to `remote` leave from, by the system's routes. Sends nothing.
    ///
    /// # Errors
    /// The system's, when there is no route.
    pub fn towards(remote: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match remote {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let probe = UdpSocket::bind(SocketAddr::new(any, 0))?;
        probe.connect(remote)?;
        probe.local_addr().map(|address| Self::direct(address.ip()))
    }
}

/// Everything a session is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// How the far side is spoken to.
    pub profile: Profile,
    /// Voice codecs to offer, most preferred first, and to accept. Digits come with them. At least one.
    pub codecs: Vec<Codec>,
    /// The sampling rate in Hz of the audio that this side plays and captures, when it is below 48 000: the far side's Opus then
    /// sends nothing that nobody could hear (RFC 7587 section 6.1). 8 000 where a telephone is behind this side.
    pub audio_rate: Option<u32>,
    /// Addresses to be reached at, most preferred first. Plain RTP uses the first one alone.
    pub addresses: Vec<LocalAddress>,
    /// UDP ports to use; any free ones if `None`. A plain RTP session takes an even port and the next, a WebRTC
    /// session one port for each address.
    pub ports: Option<RangeInclusive<u16>>,
    /// Whom to believe on plain RTP.
    pub source_policy: SourcePolicy,
    /// Silence after which the far side counts as disconnected.
    pub disconnected_after: Duration,
    /// Silence, or fruitless connecting, after which the session has failed. More than `disconnected_after`.
    pub failed_after: Duration,
}

impl SessionConfig {
    /// A WebRTC session: Opus first, then G.711; 6 s of silence disconnect, 30 s end it.
    #[must_use]
    pub fn web_rtc(addresses: Vec<LocalAddress>) -> Self {
        Self {
            profile: Profile::WebRtc,
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            audio_rate: None,
            addresses,
            ports: None,
            source_policy: SourcePolicy::default(),
            disconnected_after: Duration::from_secs(6),
            failed_after: Duration::from_secs(30),
        }
    }

    /// A plain RTP session: G.711 first, Opus where the far side has it; 20 s of silence disconnect, 60 s end it.
    #[must_use]
    pub fn rtp(address: LocalAddress) -> Self {
        Self {
            profile: Profile::Rtp,
            codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::Opus],
            audio_rate: None,
            addresses: vec![address],
            ports: None,
            source_policy: SourcePolicy::default(),
            disconnected_after: Duration::from_secs(20),
            failed_after: Duration::from_secs(60),
        }
    }
}

/// Why a session could not do what it was asked. None of these ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The configuration names no address, no codec, or advertises "any address".
    #[error("unusable media session configuration")]
    Config,
    /// No port, socket or memory is left, or no async runtime runs.
    #[error("no media resources left")]
    NoResources,
    /// The far side's description cannot be used.
    #[error(transparent)]
    Description(#[from] SdpError),
    /// The far side refused the stream (port 0 in its answer).
    #[error("the far side refused the audio stream")]
    Refused,
    /// An answer came without an offer of this side.
    #[error("no offer to answer")]
    NoOffer,
    /// ICE or cryptography refused to work.
    #[error("the media path could not be set up")]
    Transport,
    /// The session is closed.
    #[error("the media session is closed")]
    Closed,
}

impl SessionError {
    /// The SIP status with which an offer that met this fault is rejected.
    #[must_use]
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::Description(fault) => fault.sip_status(),
            Self::Refused => 488,
            Self::NoResources => 503,
            Self::NoOffer => 491,
            Self::Config | Self::Transport | Self::Closed => 500,
        }
    }
}
