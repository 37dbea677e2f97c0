//! The two things that the endpoint reads in a session description; all else is the voice engine's.

use bytes::Bytes;

use crate::Sdp;

/// What the far side's description says about the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// It does not receive: this side is on hold (RFC 3264 section 8.4, and RFC 2543's address 0.0.0.0).
    pub(super) holds: bool,
    /// It knows telephone-event (RFC 4733).
    pub(super) telephone_event: bool,
}

pub(super) fn read(sdp: &str) -> Said {
    let mut said = Said { holds: false, telephone_event: false };
    let (mut session_holds, mut audio, mut audio_holds, mut ice, mut nowhere) =
        (false, false, None, false, false);
    for line in sdp.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            if audio {
                // Only the first audio stream is used.
                break;
            }
            audio = media.starts_with("audio");
            continue;
        }
        let holds = match line {
            "a=sendonly" | "a=inactive" => Some(true),
            "a=sendrecv" | "a=recvonly" => Some(false),
            _ => None,
        };
        match (holds, audio) {
            (Some(holds), true) => audio_holds = Some(holds),
            (Some(holds), false) => session_holds = holds,
            (None, _) => {}
        }
        ice |= line.starts_with("a=ice-ufrag:");
        nowhere |= line == "c=IN IP4 0.0.0.0";
        let rtpmap = line.strip_prefix("a=rtpmap:").and_then(|map| map.split_once(' '));
        said.telephone_event |= audio
            && rtpmap.is_some_and(|(_, codec)| codec.to_ascii_lowercase().starts_with("telephone-event/"));
    }
    // With ICE the address of the c line may be 0.0.0.0 until candidates are known (RFC 8839 section 4.3.1).
    said.holds = audio_holds.unwrap_or(session_holds) || (nowhere && !ice);
    said
}

/// The body as text; `None` when it is none.
pub(super) fn text(body: &Bytes) -> Option<Sdp> {
    std::str::from_utf8(body).ok().map(|text| Sdp::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_is_read_from_the_audio_stream_then_the_session_then_the_address() {
        let of = |lines: &str| read(&format!("v=0\r\n{lines}")).holds;
        assert!(!of("m=audio 9 RTP/AVP 0\r\n"));
        assert!(of("m=audio 9 RTP/AVP 0\r\na=sendonly\r\n"));
        assert!(of("m=audio 9 RTP/AVP 0\r\na=inactive\r\n"));
        assert!(!of("m=audio 9 RTP/AVP 0\r\na=recvonly\r\n"));
        assert!(of("a=sendonly\r\nm=audio 9 RTP/AVP 0\r\n"));
        assert!(!of("a=sendonly\r\nm=audio 9 RTP/AVP 0\r\na=sendrecv\r\n"));
        assert!(!of("m=audio 9 RTP/AVP 0\r\nm=video 9 RTP/AVP 96\r\na=inactive\r\n"));
        assert!(of("c=IN IP4 0.0.0.0\r\nm=audio 9 RTP/AVP 0\r\n"));
        assert!(!of("c=IN IP4 0.0.0.0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:x\r\n"));
    }

    #[test]
    fn telephone_event_counts_in_the_audio_stream_only() {
        assert!(read("m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n").telephone_event);
        assert!(
            !read("m=audio 9 RTP/AVP 0\r\nm=video 9 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n")
                .telephone_event
        );
    }
}
