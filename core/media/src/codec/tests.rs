use doorstep_testkit::speech::{Lcg, similarity, synthetic_speech};

use super::{CodecError, Decoder, Encoder, OpusSettings};
use crate::sdp::Codec;

const FRAME_8K: usize = 160;
const FRAME_48K: usize = 960;

/// What comes out of `codec` at `rate`, frame by frame; `lost` says which packets do not arrive.
fn through(codec: Codec, rate: u32, speech: &[i16], fec: bool, lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let frame = rate as usize / 50;
    let mut encoder = Encoder::new(codec, rate, &OpusSettings::default()).unwrap();
    let mut decoder = Decoder::new(codec, rate).unwrap();
    let payloads: Vec<_> = speech
        .chunks_exact(frame)
        .map(|pcm| {
            let mut payload = [0; 1_400];
            let length = encoder.encode(pcm, &mut payload).unwrap();
            payload[..length].to_vec()
        })
        .collect();
    let mut heard = Vec::new();
    let mut pcm = vec![0; frame];
    for (i, payload) in payloads.iter().enumerate() {
        if !lost(i) {
            assert_eq!(decoder.duration(payload).unwrap(), frame);
            assert_eq!(decoder.decode(payload, &mut pcm).unwrap(), frame);
        } else if let Some(next) =
            payloads.get(i + 1).filter(|next| fec && !lost(i + 1) && decoder.has_fec(next))
        {
            decoder.decode_fec(next, &mut pcm).unwrap();
        } else {
            decoder.conceal(&mut pcm).unwrap();
        }
        heard.extend(&pcm);
    }
    heard
}

fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

#[test]
fn speech_survives_every_codec() {
    for (codec, rate, least) in [
        (Codec::Opus, 48_000, 0.85),
        (Codec::Opus, 8_000, 0.85),
        (Codec::Pcmu, 8_000, 0.98),
        (Codec::Pcma, 8_000, 0.98),
    ] {
        let speech = synthetic_speech(1, rate, 4_000);
        let found = similarity(&speech, &through(codec, rate, &speech, true, |_| false), rate);
        assert!(found.score > least, "{codec:?} at {rate}: {found:?}");
        assert!(found.lag_ms.abs() <= 10, "{codec:?} at {rate}: {found:?}");
    }
}

#[test]
fn opus_keeps_to_its_bit_rate() {
    let speech = synthetic_speech(2, 48_000, 10_000);
    let mut encoder = Encoder::new(Codec::Opus, 48_000, &OpusSettings::default()).unwrap();
    let mut payload = [0; 1_400];
    let bytes: usize =
        speech.chunks_exact(FRAME_48K).map(|pcm| encoder.encode(pcm, &mut payload).unwrap()).sum();
    let kbits = bytes as f64 * 8.0 / 10_000.0;
    assert!((12.0..30.0).contains(&kbits), "{kbits} kbit/s");
}

#[test]
fn redundancy_brings_back_more_than_concealment() {
    let speech = synthetic_speech(3, 48_000, 8_000);
    let lost = |i: usize| i % 7 == 3;
    let with = similarity(&speech, &through(Codec::Opus, 48_000, &speech, true, lost), 48_000).score;
    let without = similarity(&speech, &through(Codec::Opus, 48_000, &speech, false, lost), 48_000).score;
    assert!(with > without + 0.01 && with > 0.8, "{with} with, {without} without");
}

#[test]
fn concealed_g711_continues_the_voice() {
    // A vowel: ten harmonics of a pitch that glides from 115 to 135 Hz within two seconds.
    let mut turn = 0.0;
    let vowel: Vec<i16> = (0..16_000)
        .map(|n| {
            turn += std::f64::consts::TAU * (115.0 + f64::from(n) / 800.0) / 8_000.0;
            (1..=10).map(|k| (turn * f64::from(k)).sin() * 4_000.0 / f64::from(k)).sum::<f64>() as i16
        })
        .collect();
    let lost = |i: usize| i % 10 == 4;
    let concealed = through(Codec::Pcma, 8_000, &vowel, false, lost);
    for (i, (heard, said)) in concealed.chunks(FRAME_8K).zip(vowel.chunks(FRAME_8K)).enumerate() {
        if lost(i) {
            let wrong: Vec<i16> = heard.iter().zip(said).map(|(a, b)| a.saturating_sub(*b)).collect();
            assert!(rms(&wrong) < 0.6 * rms(said), "frame {i}: {} of {}", rms(&wrong), rms(said));
        }
    }
}

#[test]
fn a_concealed_steady_tone_has_no_seam() {
    // 200 Hz: 40 samples a period, so the made-up part can be perfect.
    let tone: Vec<i16> =
        (0..8_000).map(|n| ((n as f64 * std::f64::consts::TAU / 40.0).sin() * 8_000.0) as i16).collect();
    let heard = through(Codec::Pcmu, 8_000, &tone, false, |i| i == 20);
    let steepest = heard[200..].windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
    // The tone itself climbs by 1 256 a sample; companding adds a little.
    assert!(steepest < 1_800, "{steepest}");
}

#[test]
fn a_long_loss_fades_to_silence() {
    for (codec, rate) in [(Codec::Opus, 48_000), (Codec::Pcmu, 8_000)] {
        let speech = synthetic_speech(5, rate, 2_000);
        let heard = through(codec, rate, &speech, false, |i| i >= 50);
        let last = &heard[heard.len() - rate as usize / 2..];
        assert!(rms(last) < 150.0, "{codec:?}: {}", rms(last));
    }
}

#[test]
fn what_is_no_packet_is_an_error_and_the_decoder_goes_on() {
    let mut rng = Lcg::new(6);
    let speech = synthetic_speech(6, 48_000, 200);
    let mut encoder = Encoder::new(Codec::Opus, 48_000, &OpusSettings::default()).unwrap();
    let mut good = [0; 1_400];
    let length = encoder.encode(&speech[..FRAME_48K], &mut good).unwrap();
    for codec in [Codec::Opus, Codec::Pcmu] {
        let rate = codec.clock_rate();
        let mut decoder = Decoder::new(codec, rate).unwrap();
        let mut pcm = vec![0; rate as usize / 1000 * 120];
        for _ in 0..2_000 {
            let payload: Vec<u8> =
                (0..(rng.unit() * 300.0) as usize).map(|_| (rng.unit() * 256.0) as u8).collect();
            let expected = decoder.duration(&payload);
            let made = decoder.decode(&payload, &mut pcm);
            if let (Ok(expected), Ok(made)) = (expected, made) {
                assert_eq!(expected, made);
            }
            // Junk as the carrier of redundancy may fail, but must not crash.
            let _ = decoder.decode_fec(&payload, &mut pcm[..rate as usize / 50]);
            decoder.conceal(&mut pcm[..rate as usize / 100]).unwrap();
        }
        assert_eq!(decoder.decode(&[], &mut pcm), Err(CodecError::BadPayload));
        assert!(decoder.decode(&good[..length], &mut pcm).is_ok());
    }
}

#[test]
fn wrong_use_is_told() {
    let settings = OpusSettings::default();
    let made = |codec, rate| Encoder::new(codec, rate, &settings).err();
    assert_eq!(made(Codec::TelephoneEvent(8_000), 8_000), Some(CodecError::NotVoice));
    assert_eq!(made(Codec::Opus, 44_100), Some(CodecError::SampleRate));
    assert_eq!(made(Codec::Pcmu, 48_000), Some(CodecError::SampleRate));
    let too_complex = OpusSettings { complexity: 11, ..settings };
    assert_eq!(Encoder::new(Codec::Opus, 48_000, &too_complex).err(), Some(CodecError::Setting));
    let mut encoder = Encoder::new(Codec::Opus, 48_000, &settings).unwrap();
    assert_eq!(encoder.encode(&[0; 100], &mut [0; 1_400]), Err(CodecError::FrameLength));
    assert_eq!(encoder.set_expected_loss(101), Err(CodecError::Setting));
    let mut decoder = Decoder::new(Codec::Opus, 48_000).unwrap();
    assert_eq!(decoder.conceal(&mut [0; 100]), Err(CodecError::FrameLength));
    assert_eq!(decoder.conceal(&mut [0; 48_000]), Err(CodecError::FrameLength));
    let mut g711 = Encoder::new(Codec::Pcmu, 8_000, &settings).unwrap();
    assert_eq!(g711.encode(&[0; 160], &mut [0; 159]), Err(CodecError::BufferTooSmall));
}

#[test]
fn digital_silence_costs_next_to_nothing_and_pauses_are_announced_only_with_dtx() {
    let mut payload = [0; 1_400];
    for dtx in [false, true] {
        let settings = OpusSettings { dtx, ..OpusSettings::default() };
        let mut encoder = Encoder::new(Codec::Opus, 48_000, &settings).unwrap();
        let decoder = Decoder::new(Codec::Opus, 48_000).unwrap();
        let lengths: Vec<_> =
            (0..100).map(|_| encoder.encode(&[0; FRAME_48K], &mut payload).unwrap()).collect();
        let pauses = lengths.iter().filter(|length| decoder.announces_pause(&payload[..**length])).count();
        assert_eq!(pauses > 50, dtx, "{lengths:?}");
        assert!(lengths[50..].iter().sum::<usize>() < 50 * 30, "{lengths:?}");
    }
}

#[test]
fn what_a_telephone_cannot_play_is_not_sent() {
    // 1 kHz passes a telephone, 6 kHz does not.
    let tone = |hz: f64| -> Vec<i16> {
        let sample = |n: usize| (n as f64 * hz * std::f64::consts::TAU / 48_000.0).sin() * 8_000.0;
        (0..FRAME_48K * 50).map(|n| sample(n) as i16).collect()
    };
    let heard = |max_playback_rate, hz| {
        let settings = OpusSettings { max_playback_rate, ..OpusSettings::default() };
        let mut encoder = Encoder::new(Codec::Opus, 48_000, &settings).unwrap();
        let mut decoder = Decoder::new(Codec::Opus, 48_000).unwrap();
        let (mut payload, mut pcm, mut all) = ([0; 1_400], [0; FRAME_48K], Vec::new());
        for frame in tone(hz).chunks_exact(FRAME_48K) {
            let length = encoder.encode(frame, &mut payload).unwrap();
            decoder.decode(&payload[..length], &mut pcm).unwrap();
            all.extend_from_slice(&pcm);
        }
        rms(&all[all.len() / 2..])
    };
    assert!(heard(8_000, 1_000.0) > 3_000.0);
    assert!(heard(48_000, 6_000.0) > 3_000.0);
    assert!(heard(8_000, 6_000.0) < 500.0);
}
