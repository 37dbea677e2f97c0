//! Writes this side's descriptions. Everything in them is handed in by the session or is the far side's own layout.

use std::{fmt, net::SocketAddr};

use sdp_types::{Connection, Media, MediaType, Origin, Session, Time, TransportProto};

use super::{
    AudioDescription, Codec, SdpError,
    read::{Layout, Section, Setup},
};

/// A description of this side, ready to be written.
pub(crate) struct LocalDescription<'a> {
    pub(crate) audio: &'a AudioDescription,
    pub(crate) session_id: u64,
    pub(crate) version: u64,
    /// RTCP port, when it is not the one after RTP (RFC 3605).
    pub(crate) rtcp_port: Option<u16>,
    /// ICE and DTLS parameters; plain RTP without.
    pub(crate) security: Option<&'a LocalSecurity>,
    /// What an answer has to repeat of its offer; empty for an offer.
    pub(crate) layout: &'a Layout,
}

/// ICE and DTLS parameters of this side. `Debug` shows none of them.
#[derive(Clone)]
pub(crate) struct LocalSecurity {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) setup: Setup,
    /// Announce trickle, since the far side did (RFC 8840).
    pub(crate) trickle: bool,
    pub(crate) candidates: Vec<LocalCandidate>,
    pub(crate) ssrc: u32,
    pub(crate) cname: String,
}

impl fmt::Debug for LocalSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSecurity").field("setup", &self.setup).finish_non_exhaustive()
    }
}

/// A host candidate of component 1.
#[derive(Clone, Copy)]
pub(crate) struct LocalCandidate {
    pub(crate) address: SocketAddr,
    pub(crate) priority: u32,
}

impl LocalDescription<'_> {
    /// The description as text, lines ended by CR LF.
    pub(crate) fn write(&self) -> Result<String, SdpError> {
        let address = self.audio.address.ok_or(SdpError::Malformed)?;
        let mut origin = Origin::with_ip_addr(self.session_id.to_string(), self.version, address.ip());
        origin.username = None;
        let mut session = Session::new(origin, "-");
        session.connection = Some(Connection::from_ip_addr(address.ip()));
        session.times = vec![Time::new(0, 0)];
        let own_mid = self.security.map(|_| "0");
        let mid = self.layout.mid.as_deref().or(own_mid.filter(|_| self.layout.proto.is_none()));
        if let Some(mid) = mid.filter(|_| self.layout.bundled || self.layout.proto.is_none()) {
            session.add_attribute_with_value("group", format!("BUNDLE {mid}"));
        }
        session.medias.extend(self.layout.before.iter().map(refused));
        session.medias.push(self.media(address, mid));
        session.medias.extend(self.layout.after.iter().map(refused));
        let mut bytes = Vec::new();
        session.write(&mut bytes).map_err(|_| SdpError::Malformed)?;
        String::from_utf8(bytes).map_err(|_| SdpError::Malformed)
    }

    fn media(&self, address: SocketAddr, mid: Option<&str>) -> Media {
        let formats: Vec<_> = self.audio.codecs.iter().map(|m| m.payload_type.to_string()).collect();
        let mut media =
            Media::new(MediaType::Audio, address.port(), TransportProto::RtpAvp, formats.join(" "));
        media.proto = match (&self.layout.proto, self.security) {
            (Some(proto), _) => proto.clone(),
            (None, Some(_)) => "UDP/TLS/RTP/SAVPF".to_owned(),
            (None, None) => "RTP/AVP".to_owned(),
        };
        for m in &self.audio.codecs {
            media.add_attribute_with_value("rtpmap", format!("{} {}", m.payload_type, m.codec.rtpmap()));
            match m.codec {
                Codec::Opus => {
                    let rates = self.audio.audio_rate.map_or_else(String::new, |rate| {
                        format!(";maxplaybackrate={rate};sprop-maxcapturerate={rate}")
                    });
                    let parameters = format!("{} useinbandfec=1{rates}", m.payload_type);
                    media.add_attribute_with_value("fmtp", parameters);
                }
                Codec::TelephoneEvent(_) => {
                    media.add_attribute_with_value("fmtp", format!("{} 0-16", m.payload_type));
                }
                Codec::Pcmu | Codec::Pcma => {}
            }
        }
        if let Some(ptime) = self.audio.ptime {
            media.add_attribute_with_value("ptime", ptime);
        }
        if let Some(port) = self.rtcp_port {
            media.add_attribute_with_value("rtcp", port);
        }
        if self.audio.rtcp_mux {
            media.add_attribute_from_str("rtcp-mux");
        }
        if let Some(mid) = mid {
            media.add_attribute_with_value("mid", mid);
        }
        media.add_attribute_from_str(self.audio.direction.name());
        if let Some(security) = self.security {
            security.add_to(&mut media);
        }
        media
    }
}

impl LocalSecurity {
    fn add_to(&self, media: &mut Media) {
        media.add_attribute_with_value("ice-ufrag", &self.ufrag);
        media.add_attribute_with_value("ice-pwd", &self.pwd);
        if self.trickle {
            media.add_attribute_with_value("ice-options", "trickle");
        }
        let digest: Vec<_> = self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        media.add_attribute_with_value("fingerprint", format!("sha-256 {}", digest.join(":")));
        let setup = match self.setup {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        };
        media.add_attribute_with_value("setup", setup);
        for (index, candidate) in self.candidates.iter().enumerate() {
            let LocalCandidate { address, priority } = candidate;
            let line = format!("{} 1 udp {priority} {} {} typ host", index + 1, address.ip(), address.port());
            media.add_attribute_with_value("candidate", line);
        }
        media.add_attribute_from_str("end-of-candidates");
        media.add_attribute_with_value("msid", format!("- {}", self.cname));
        media.add_attribute_with_value("ssrc", format!("{} cname:{}", self.ssrc, self.cname));
    }
}

/// A section of the offer that is refused (RFC 3264 section 6).
fn refused(section: &Section) -> Media {
    let mut media = Media::new(MediaType::Audio, 0, TransportProto::RtpAvp, &section.format);
    media.media.clone_from(&section.media);
    media.proto.clone_from(&section.proto);
    if let Some(encoding) = &section.encoding {
        media.add_attribute_with_value("rtpmap", format!("{} {encoding}", section.format));
    }
    if let Some(mid) = &section.mid {
        media.add_attribute_with_value("mid", mid);
    }
    media
}
