//! Reads a far side's description: the audio stream, how it is carried, and the sections around it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use sdp_types::{Attribute, Media, Session};

use super::{
    AudioDescription, Codec, CodecMapping, Direction, MAX_ATTRIBUTES, MAX_BYTES, MAX_FORMATS, MAX_MEDIA,
    SdpError,
};

/// Most candidates of one description that are tried.
const MAX_CANDIDATES: usize = 32;
/// Longest identification tag that is given back (RFC 5888).
const MAX_MID: usize = 32;
/// Longest encoding name with clock rate and channels.
const MAX_ENCODING: usize = 64;

/// Everything in a far side's description that a session needs.
#[derive(Debug, Clone)]
pub(crate) struct RemoteDescription {
    pub(crate) audio: AudioDescription,
    /// Where it wants RTCP, when it says so (RFC 3605).
    pub(crate) rtcp: Option<SocketAddr>,
    /// ICE and DTLS, when the description carries both and they are well formed.
    pub(crate) security: Option<RemoteSecurity>,
    /// SDES keys or a secure profile that is not DTLS.
    pub(crate) keyed: bool,
    pub(crate) layout: Layout,
}

/// The sections of an offer, which its answer has to repeat (RFC 3264 section 6).
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// Sections before the audio stream.
    pub(crate) before: Vec<Section>,
    /// Sections after it.
    pub(crate) after: Vec<Section>,
    /// Transport protocol of the audio section, if it is not this side's own choice.
    pub(crate) proto: Option<String>,
    /// Identification tag of the audio section (RFC 5888).
    pub(crate) mid: Option<String>,
    /// The tag is in a BUNDLE group (RFC 9143).
    pub(crate) bundled: bool,
}

/// A media section that is refused.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) media: String,
    pub(crate) proto: String,
    pub(crate) format: String,
    /// What the format stands for; some peers look for it even in what is refused.
    pub(crate) encoding: Option<String>,
    pub(crate) mid: Option<String>,
}

/// Who starts the DTLS handshake (RFC 5763 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// ICE and DTLS parameters of the far side. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RemoteSecurity {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    /// SHA-256 digests of certificates it may present.
    pub(crate) fingerprints: Vec<[u8; 32]>,
    pub(crate) setup: Setup,
    pub(crate) lite: bool,
    pub(crate) trickle: bool,
    /// UDP candidates of component 1: address and priority.
    pub(crate) candidates: Vec<(SocketAddr, u32)>,
}

impl fmt::Debug for RemoteSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSecurity")
            .field("setup", &self.setup)
            .field("lite", &self.lite)
            .field("trickle", &self.trickle)
            .finish_non_exhaustive()
    }
}

impl RemoteDescription {
    /// Reads the first audio stream that is not refused, or else the first.
    pub(crate) fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_BYTES {
            return Err(SdpError::TooLarge);
        }
        let session = Session::parse(text.as_bytes()).map_err(|_| SdpError::Malformed)?;
        if session.medias.len() > MAX_MEDIA || session.attributes.len() > MAX_ATTRIBUTES {
            return Err(SdpError::TooLarge);
        }
        let is_audio = |media: &Media| media.media.eq_ignore_ascii_case("audio");
        let index = session
            .medias
            .iter()
            .position(|media| is_audio(media) && media.port != 0)
            .or_else(|| session.medias.iter().position(is_audio))
            .ok_or(SdpError::NoAudio)?;
        let media = &session.medias[index];
        if media.attributes.len() > MAX_ATTRIBUTES {
            return Err(SdpError::TooLarge);
        }
        let scope = Scope { session: &session, media };
        let ip = media
            .connections
            .first()
            .or(session.connection.as_ref())
            .and_then(|c| c.connection_address.split('/').next()?.parse::<IpAddr>().ok());
        let dtls = scope.has("fingerprint");
        Ok(Self {
            audio: scope.audio(ip)?,
            rtcp: scope.rtcp(ip),
            security: scope.security(),
            keyed: !dtls && (scope.has("crypto") || media.proto.to_ascii_uppercase().contains("SAVP")),
            layout: layout(&session, index),
        })
    }
}

/// The audio section and what the session level says for it.
struct Scope<'a> {
    session: &'a Session,
    media: &'a Media,
}

impl<'a> Scope<'a> {
    fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.media
            .attributes
            .iter()
            .chain(&self.session.attributes)
            .filter(move |a| a.attribute.eq_ignore_ascii_case(name))
            .filter_map(|a| a.value.as_deref().map(str::trim))
    }

    fn value(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn has(&self, name: &str) -> bool {
        let named = |a: &Attribute| a.attribute.eq_ignore_ascii_case(name);
        self.media.attributes.iter().any(named) || self.session.attributes.iter().any(named)
    }

    fn audio(&self, ip: Option<IpAddr>) -> Result<AudioDescription, SdpError> {
        let mut direction = direction_of(&self.media.attributes)
            .or_else(|| direction_of(&self.session.attributes))
            .unwrap_or_default();
        let ice = self.has("ice-ufrag");
        if ip.is_some_and(|ip| ip.is_unspecified()) && !ice {
            direction = Direction::from_flags(direction.sends(), false);
        }
        let codecs = codecs_of(self.media)?;
        let opus = codecs.iter().find(|mapping| mapping.codec == Codec::Opus);
        Ok(AudioDescription {
            audio_rate: opus.and_then(|opus| playback_rate(self.media, opus.payload_type)),
            codecs,
            direction,
            ptime: self.value("ptime").and_then(|v| v.parse().ok()),
            address: ip.map(|ip| SocketAddr::new(ip, self.media.port)),
            refused: self.media.port == 0,
            rtcp_mux: self.has("rtcp-mux"),
            ice,
            ice_lite: self.has("ice-lite"),
            dtls: self.has("fingerprint"),
        })
    }

    fn rtcp(&self, ip: Option<IpAddr>) -> Option<SocketAddr> {
        let mut words = self.value("rtcp")?.split_ascii_whitespace();
        let port: u16 = words.next()?.parse().ok().filter(|port| *port != 0)?;
        let named = words.nth(2).and_then(|word| word.parse().ok());
        Some(SocketAddr::new(named.or(ip)?, port))
    }

    fn security(&self) -> Option<RemoteSecurity> {
        let is_ice_text =
            |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
        let ufrag = self.value("ice-ufrag").filter(|v| (4..=256).contains(&v.len()) && is_ice_text(v))?;
        let pwd = self.value("ice-pwd").filter(|v| (22..=256).contains(&v.len()) && is_ice_text(v))?;
        let fingerprints: Vec<_> = self.values("fingerprint").filter_map(fingerprint).take(4).collect();
        if fingerprints.is_empty() {
            return None;
        }
        let setup = match self.value("setup") {
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            _ => Setup::ActPass,
        };
        let option = |wanted: &str| {
            self.values("ice-options")
                .any(|v| v.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(wanted)))
        };
        Some(RemoteSecurity {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
            fingerprints,
            setup,
            lite: self.has("ice-lite"),
            trickle: option("trickle"),
            candidates: self.values("candidate").filter_map(candidate).take(MAX_CANDIDATES).collect(),
        })
    }
}

/// Reads one candidate line without its `a=candidate:`; `None` if it is not UDP, not component 1, or not a numeric
/// address (RFC 8839 section 5.1).
pub(crate) fn candidate(line: &str) -> Option<(SocketAddr, u32)> {
    let mut words = line.split_ascii_whitespace();
    let _foundation = words.next()?;
    let component = words.next()?;
    let transport = words.next()?;
    let priority: u32 = words.next()?.parse().ok()?;
    let ip: IpAddr = words.next()?.parse().ok()?;
    let port: u16 = words.next()?.parse().ok()?;
    let usable = component == "1" && transport.eq_ignore_ascii_case("udp") && port != 0;
    let usable = usable && !ip.is_unspecified() && !ip.is_multicast() && words.next() == Some("typ");
    usable.then_some((SocketAddr::new(ip, port), priority.max(1)))
}

fn fingerprint(value: &str) -> Option<[u8; 32]> {
    let (algorithm, digest) = value.split_once(' ')?;
    if !algorithm.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut bytes = [0; 32];
    let mut parts = digest.trim().split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next().filter(|part| part.len() == 2)?, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

fn layout(session: &Session, audio: usize) -> Layout {
    let section = |media: &Media| {
        let format = media.fmt.split_ascii_whitespace().next().unwrap_or("0");
        Section {
            media: media.media.clone(),
            proto: media.proto.clone(),
            format: format.to_owned(),
            encoding: encoding(media, format).map(str::to_owned),
            mid: mid(media).map(str::to_owned),
        }
    };
    let media = &session.medias[audio];
    let mid = mid(media);
    let bundled = mid.is_some_and(|mid| {
        session.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case("group")).any(|a| {
            let mut words = a.value.as_deref().unwrap_or_default().split_ascii_whitespace();
            words.next() == Some("BUNDLE") && words.any(|word| word == mid)
        })
    });
    Layout {
        before: session.medias[..audio].iter().map(section).collect(),
        after: session.medias[audio + 1..].iter().map(section).collect(),
        proto: Some(media.proto.clone()),
        mid: mid.map(str::to_owned),
        bundled,
    }
}

/// The encoding that an `rtpmap` gives a format (RFC 8866 section 6.6).
fn encoding<'a>(media: &'a Media, format: &str) -> Option<&'a str> {
    let is_encoding = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'+');
    media
        .attributes
        .iter()
        .filter(|a| a.attribute.eq_ignore_ascii_case("rtpmap"))
        .filter_map(|a| a.value.as_deref()?.trim().split_once(' '))
        .find(|(mapped, _)| *mapped == format)
        .map(|(_, encoding)| encoding.trim())
        .filter(|encoding| encoding.len() <= MAX_ENCODING && encoding.bytes().all(is_encoding))
}

/// What Opus' `fmtp` says of the far side's playback; nonsense counts as nothing said.
fn playback_rate(media: &Media, payload_type: u8) -> Option<u32> {
    let format = payload_type.to_string();
    media
        .attributes
        .iter()
        .filter(|a| a.attribute.eq_ignore_ascii_case("fmtp"))
        .filter_map(|a| a.value.as_deref()?.trim().split_once(' '))
        .filter(|(mapped, _)| *mapped == format)
        .flat_map(|(_, parameters)| parameters.split(';'))
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("maxplaybackrate"))
        .and_then(|(_, rate)| rate.trim().parse().ok())
        .filter(|rate| (8_000..=48_000).contains(rate))
}

fn mid(media: &Media) -> Option<&str> {
    attribute(media, "mid").map(str::trim).filter(|mid| {
        (1..=MAX_MID).contains(&mid.len())
            && mid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

fn attribute<'a>(media: &'a Media, name: &str) -> Option<&'a str> {
    media.attributes.iter().find(|a| a.attribute.eq_ignore_ascii_case(name))?.value.as_deref()
}

fn direction_of(attributes: &[Attribute]) -> Option<Direction> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|d| attributes.iter().any(|a| a.attribute.eq_ignore_ascii_case(d.name())))
}

fn codecs_of(media: &Media) -> Result<Vec<CodecMapping>, SdpError> {
    let mut codecs: Vec<CodecMapping> = Vec::new();
    for (position, format) in media.fmt.split_ascii_whitespace().enumerate() {
        if position >= MAX_FORMATS {
            return Err(SdpError::TooLarge);
        }
        let Some(payload_type) = format.parse::<u8>().ok().filter(|pt| *pt < 128) else { continue };
        let codec = match encoding(media, format) {
            Some(encoding) => Codec::from_rtpmap(encoding),
            None => Codec::from_static(payload_type),
        };
        if let Some(codec) = codec
            && codecs.iter().all(|m| m.payload_type != payload_type)
        {
            codecs.push(CodecMapping { payload_type, codec });
        }
    }
    Ok(codecs)
}
