//! Offers and answers of one audio session (RFC 3264), apart from how packets travel.

use super::config::SessionError;
use crate::{
    codec::OPUS_RATE,
    sdp::{
        AudioDescription, Codec, CodecMapping, Direction, Layout, LocalDescription, LocalSecurity,
        RemoteDescription, SdpError,
    },
    transport::Negotiated,
};

/// First and last payload type that is free for anyone (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
/// Packet time if the far side has no wish (RFC 3551 section 4.2).
const DEFAULT_PTIME_MS: u16 = 20;
/// Packet times that are honoured.
const PTIME_MS: std::ops::RangeInclusive<u16> = 10..=60;

/// The state of a session's descriptions.
pub(crate) struct Negotiation {
    session_id: u64,
    version: u64,
    /// Voice codecs this side knows, most preferred first.
    voice: Vec<Codec>,
    /// What this side plays and captures, where it is less than Opus carries.
    audio_rate: Option<u32>,
    /// Payload types of this side, most recent first. A type never changes its meaning (RFC 3264 section 8.3.2), but a
    /// codec may be known under several.
    known: Vec<CodecMapping>,
    /// The direction of the last offer, until the far side makes one.
    offered: Option<Direction>,
    negotiated: Option<Negotiated>,
}

/// What an exchange of descriptions led to.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) negotiated: Negotiated,
    /// What may be sent: the far side's payload types.
    pub(crate) send: Vec<CodecMapping>,
    /// What may come: this side's payload types.
    pub(crate) receive: Vec<CodecMapping>,
}

/// How this side is to be reached, for its description.
pub(crate) struct Place<'a> {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) security: Option<&'a LocalSecurity>,
}

impl Negotiation {
    pub(crate) fn new(voice: Vec<Codec>, audio_rate: Option<u32>) -> Self {
        // 62 bits: some peers read the id as a signed number (RFC 9429 section 5.2.1).
        Self {
            session_id: rand::random::<u64>() >> 2,
            version: 0,
            voice,
            audio_rate,
            known: Vec::new(),
            offered: None,
            negotiated: None,
        }
    }

    /// An offer of everything this side knows, what is in use first.
    pub(crate) fn offer(&mut self, direction: Direction, place: &Place<'_>) -> Result<String, SessionError> {
        let in_use = self.negotiated.map(|n| n.voice.codec).filter(|codec| self.voice.contains(codec));
        let mut voice: Vec<_> = in_use.into_iter().collect();
        voice.extend(self.voice.iter().copied().filter(|codec| Some(*codec) != in_use));
        let mut digits: Vec<_> =
            voice.iter().map(|codec| Codec::TelephoneEvent(codec.clock_rate())).collect();
        digits.sort_by_key(|codec| std::cmp::Reverse(codec.clock_rate()));
        digits.dedup();
        let codecs: Vec<_> = voice.into_iter().chain(digits).map(|codec| self.mapping(codec)).collect();
        let audio = AudioDescription {
            rtcp_mux: place.security.is_some(),
            audio_rate: self.audio_rate,
            ..AudioDescription::offer(place.address, codecs, direction)
        };
        let text = self.write(&audio, place, &Layout::default())?;
        self.offered = Some(direction);
        Ok(text)
    }

    /// Whether an offer waits for its answer, or had one that another may replace.
    pub(crate) fn has_offered(&self) -> bool {
        self.offered.is_some()
    }

    /// Checks an offer before anything is changed for it.
    pub(crate) fn check(&self, remote: &RemoteDescription) -> Result<CodecMapping, SdpError> {
        if remote.audio.refused {
            return Err(SdpError::NoAudio);
        }
        let shared = |m: &&CodecMapping| m.codec.is_voice() && self.voice.contains(&m.codec);
        remote.audio.codecs.iter().find(shared).copied().ok_or(SdpError::NoCommonCodec)
    }

    /// The answer to the far side's offer: its first voice codec that this side knows, and digits.
    pub(crate) fn answer(
        &mut self,
        remote: &RemoteDescription,
        wanted: Direction,
        place: &Place<'_>,
    ) -> Result<(String, Agreement), SessionError> {
        let voice = self.check(remote)?;
        let digits = digits_of(&remote.audio.codecs, voice.codec.clock_rate());
        let codecs: Vec<_> = std::iter::once(voice).chain(digits).collect();
        let audio = AudioDescription {
            rtcp_mux: remote.audio.rtcp_mux,
            audio_rate: self.audio_rate,
            ..AudioDescription::offer(place.address, codecs.clone(), remote.audio.direction.answer(wanted))
        };
        let text = self.write(&audio, place, &remote.layout)?;
        codecs.iter().for_each(|mapping| self.learn(*mapping));
        self.offered = None;
        Ok((text, self.agree(voice, codecs, audio.direction, remote)))
    }

    /// Takes the far side's answer to the last offer.
    pub(crate) fn apply_answer(&mut self, remote: &RemoteDescription) -> Result<Agreement, SessionError> {
        let offered = self.offered.ok_or(SessionError::NoOffer)?;
        if remote.audio.refused {
            return Err(SessionError::Refused);
        }
        let voice = self.check(remote)?;
        let send: Vec<_> = remote
            .audio
            .codecs
            .iter()
            .filter(|m| !m.codec.is_voice() || self.voice.contains(&m.codec))
            .copied()
            .collect();
        let direction = remote.audio.direction.reversed();
        let local = Direction::from_flags(
            offered.sends() && direction.sends(),
            offered.receives() && direction.receives(),
        );
        Ok(self.agree(voice, send, local, remote))
    }

    fn agree(
        &mut self,
        voice: CodecMapping,
        send: Vec<CodecMapping>,
        local_direction: Direction,
        remote: &RemoteDescription,
    ) -> Agreement {
        let ptime = remote.audio.ptime.filter(|ms| PTIME_MS.contains(ms)).unwrap_or(DEFAULT_PTIME_MS);
        let negotiated = Negotiated {
            voice,
            telephone_event: digits_of(&send, voice.codec.clock_rate()),
            local_direction,
            remote_direction: remote.audio.direction,
            ptime: std::time::Duration::from_millis(u64::from(ptime)),
            playback_rate: remote.audio.audio_rate.unwrap_or(OPUS_RATE),
        };
        self.negotiated = Some(negotiated);
        Agreement { negotiated, send, receive: self.known.clone() }
    }

    fn write(
        &mut self,
        audio: &AudioDescription,
        place: &Place<'_>,
        layout: &Layout,
    ) -> Result<String, SessionError> {
        self.version += 1;
        let description = LocalDescription {
            audio,
            session_id: self.session_id,
            version: self.version,
            rtcp_port: None,
            security: place.security,
            layout,
        };
        Ok(description.write()?)
    }

    /// The payload type this side uses for a codec: the one it already has, its usual one, or a free one.
    fn mapping(&mut self, codec: Codec) -> CodecMapping {
        if let Some(known) = self.known.iter().find(|m| m.codec == codec) {
            return *known;
        }
        let free = |payload_type: &u8| self.known.iter().all(|m| m.payload_type != *payload_type);
        let usual = AudioDescription::default_codecs();
        let usual_types: Vec<_> = usual.iter().map(|m| m.payload_type).collect();
        let payload_type = usual
            .iter()
            .filter(|m| m.codec == codec)
            .map(|m| m.payload_type)
            .find(free)
            .or_else(|| DYNAMIC.filter(|t| !usual_types.contains(t)).find(free))
            .unwrap_or(*DYNAMIC.end());
        let mapping = CodecMapping { payload_type, codec };
        self.learn(mapping);
        mapping
    }

    fn learn(&mut self, mapping: CodecMapping) {
        self.known.retain(|m| m.payload_type != mapping.payload_type);
        self.known.insert(0, mapping);
    }
}

/// Digits at the voice codec's clock, or else at any: some phones offer Opus with events at 8 kHz only.
fn digits_of(codecs: &[CodecMapping], clock_rate: u32) -> Option<CodecMapping> {
    let digits = || codecs.iter().filter(|m| !m.codec.is_voice());
    digits().find(|m| m.codec.clock_rate() == clock_rate).or_else(|| digits().next()).copied()
}

#[cfg(test)]
mod tests {
    use super::{Negotiation, Place};
    use crate::sdp::{AudioDescription, Codec, Direction, RemoteDescription};

    const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

    fn place() -> Place<'static> {
        Place { address: "192.0.2.1:4000".parse().unwrap(), security: None }
    }

    fn remote(formats: &str, lines: &str) -> RemoteDescription {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP {formats}\r\n{lines}"
        );
        RemoteDescription::parse(&text).unwrap()
    }

    fn codecs(text: &str) -> Vec<(u8, Codec)> {
        AudioDescription::parse(text).unwrap().codecs.iter().map(|m| (m.payload_type, m.codec)).collect()
    }

    #[test]
    fn each_side_says_what_it_plays_and_is_told_what_the_other_does() {
        let mut telephone = Negotiation::new(ALL.to_vec(), Some(8_000));
        let offer = remote("111", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 maxplaybackrate=16000\r\n");
        let (text, agreement) = telephone.answer(&offer, Direction::SendRecv, &place()).unwrap();
        assert_eq!(agreement.negotiated.playback_rate, 16_000);
        let mut app = Negotiation::new(ALL.to_vec(), None);
        app.offer(Direction::SendRecv, &place()).unwrap();
        let answer = RemoteDescription::parse(&text).unwrap();
        assert_eq!(app.apply_answer(&answer).unwrap().negotiated.playback_rate, 8_000);
        let says_nothing = remote("111", "a=rtpmap:111 opus/48000/2\r\n");
        assert_eq!(app.apply_answer(&says_nothing).unwrap().negotiated.playback_rate, 48_000);
    }

    #[test]
    fn an_answer_takes_the_offers_first_known_codec_under_its_number() {
        let mut side = Negotiation::new(ALL.to_vec(), None);
        let offer = remote("18 97 0 96", "a=rtpmap:97 opus/48000/2\r\na=rtpmap:96 telephone-event/48000\r\n");
        let (text, agreement) = side.answer(&offer, Direction::SendRecv, &place()).unwrap();
        assert_eq!(codecs(&text), [(97, Codec::Opus), (96, Codec::TelephoneEvent(48_000))]);
        assert_eq!(agreement.negotiated.telephone_event.unwrap().payload_type, 96);
    }

    #[test]
    fn a_later_offer_keeps_the_numbers_that_are_in_use() {
        let mut side = Negotiation::new(ALL.to_vec(), None);
        let offer = remote("111 101", "a=rtpmap:111 telephone-event/8000\r\na=rtpmap:101 opus/48000/2\r\n");
        side.answer(&offer, Direction::SendRecv, &place()).unwrap();
        let again = codecs(&side.offer(Direction::SendOnly, &place()).unwrap());
        assert_eq!(again[0], (101, Codec::Opus));
        assert!(again.contains(&(111, Codec::TelephoneEvent(8_000))));
        let mut types: Vec<_> = again.iter().map(|(payload_type, _)| *payload_type).collect();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), again.len(), "each number once");
        assert_eq!(again.len(), 5);
    }

    #[test]
    fn an_answer_with_one_codec_settles_it_and_another_answer_may_follow() {
        let mut side = Negotiation::new(ALL.to_vec(), None);
        side.offer(Direction::SendRecv, &place()).unwrap();
        let first = side.apply_answer(&remote("8", "a=ptime:30\r\na=sendonly\r\n")).unwrap();
        assert_eq!(first.negotiated.voice.codec, Codec::Pcma);
        assert_eq!(first.negotiated.local_direction, Direction::RecvOnly);
        assert_eq!(first.negotiated.ptime.as_millis(), 30);
        let second = side.apply_answer(&remote("0", "")).unwrap();
        assert_eq!(second.negotiated.voice.codec, Codec::Pcmu);
        assert_eq!(second.negotiated.local_direction, Direction::SendRecv);
    }

    #[test]
    fn other_sections_of_an_offer_are_refused_in_their_place() {
        let mut side = Negotiation::new(ALL.to_vec(), None);
        let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                    m=video 5000 RTP/AVP 34 35\r\nm=audio 4000 RTP/AVP 0\r\nm=image 6000 udptl t38\r\n";
        let offer = RemoteDescription::parse(text).unwrap();
        let (text, _) = side.answer(&offer, Direction::SendRecv, &place()).unwrap();
        let sections: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(sections, ["m=video 0 RTP/AVP 34", "m=audio 4000 RTP/AVP 0", "m=image 0 udptl t38"]);
    }

    #[test]
    fn what_fails_leaves_no_trace() {
        let mut side = Negotiation::new(vec![Codec::Pcmu], None);
        side.answer(&remote("0", ""), Direction::SendRecv, &place()).unwrap();
        let before = side.negotiated;
        assert_eq!(
            side.answer(&remote("8", ""), Direction::SendRecv, &place()).unwrap_err().sip_status(),
            488
        );
        assert_eq!(side.apply_answer(&remote("0", "")).unwrap_err().sip_status(), 491);
        assert_eq!(side.negotiated, before);
    }
}
