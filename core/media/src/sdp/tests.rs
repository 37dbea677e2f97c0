#![allow(clippy::unwrap_used)]
use super::{AudioDescription, Codec, Direction, MAX_BYTES, SdpError};

fn offer() -> AudioDescription {
    AudioDescription::offer(
        "192.0.2.1:4000".parse().unwrap(),
        AudioDescription::default_codecs(),
        Direction::SendRecv,
    )
}

#[test]
fn what_is_written_reads_back_the_same() {
    let text = offer().to_sdp(7, 1).unwrap();
    assert!(text.contains("\r\ns=-\r\n"));
    assert_eq!(AudioDescription::parse(&text).unwrap(), offer());
}

#[test]
fn an_answer_keeps_only_shared_codecs_and_digits_at_their_clock() {
    let known = [Codec::Pcmu, Codec::TelephoneEvent(8_000), Codec::TelephoneEvent(48_000)];
    let answer = offer().answer("192.0.2.2:5000".parse().unwrap(), &known, Direction::SendRecv).unwrap();
    let codecs: Vec<_> = answer.codecs.iter().map(|m| (m.payload_type, m.codec)).collect();
    assert_eq!(codecs, [(0, Codec::Pcmu), (101, Codec::TelephoneEvent(8_000))]);
}

#[test]
fn an_offer_without_a_known_codec_is_answered_488() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    let parsed = AudioDescription::parse(text).unwrap();
    let fault = parsed.answer("192.0.2.2:5000".parse().unwrap(), &[Codec::Pcmu], Direction::SendRecv);
    assert_eq!(fault.unwrap_err().sip_status(), 488);
}

#[test]
fn a_held_side_answers_that_it_only_listens() {
    assert_eq!(Direction::SendOnly.answer(Direction::SendRecv), Direction::RecvOnly);
    assert_eq!(Direction::Inactive.answer(Direction::SendRecv), Direction::Inactive);
}

#[test]
fn bad_input_is_an_error_and_addresses_stay_out_of_debug() {
    assert_eq!(AudioDescription::parse("hello").unwrap_err(), SdpError::Malformed);
    assert_eq!(AudioDescription::parse(&"v".repeat(MAX_BYTES + 1)).unwrap_err(), SdpError::TooLarge);
    assert!(!format!("{:?}", offer()).contains("192.0.2"));
}

#[test]
fn what_opus_is_to_play_is_written_and_read() {
    let told = AudioDescription { audio_rate: Some(8_000), ..offer() };
    let text = told.to_sdp(7, 1).unwrap();
    assert!(text.contains("useinbandfec=1;maxplaybackrate=8000;sprop-maxcapturerate=8000\r\n"), "{text}");
    assert_eq!(AudioDescription::parse(&text).unwrap(), told);
}

#[test]
fn a_playback_rate_that_is_none_counts_as_not_stated() {
    let read = |parameters: &str| {
        let text = offer().to_sdp(7, 1).unwrap().replace("useinbandfec=1", parameters);
        AudioDescription::parse(&text).unwrap().audio_rate
    };
    assert_eq!(read("stereo=0; MaxPlaybackRate=16000 ;useinbandfec=1"), Some(16_000));
    for nonsense in
        ["maxplaybackrate=", "maxplaybackrate=4000", "maxplaybackrate=99999999999", "maxplaybackrate"]
    {
        assert_eq!(read(nonsense), None, "{nonsense}");
    }
}
