use doorstep_testkit::speech::{Lcg, similarity, synthetic_speech};

use super::{FRAME_MS, Transcoder};
use crate::{
    codec::{Decoder, Encoder, OpusSettings},
    sdp::{Codec, CodecMapping},
    transport::{IncomingPacket, OutgoingPacket},
};

const OPUS: CodecMapping = CodecMapping { payload_type: 111, codec: Codec::Opus };
const PCMU: CodecMapping = CodecMapping { payload_type: 0, codec: Codec::Pcmu };
const PCMA: CodecMapping = CodecMapping { payload_type: 8, codec: Codec::Pcma };

#[derive(Debug, Clone, PartialEq)]
struct Packet {
    codec: Codec,
    ssrc: u32,
    sequence: u16,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
}

/// Packets of `ptime_ms` as a leg sends them.
fn source(codec: Codec, rate: u32, speech: &[i16], ptime_ms: u32) -> Vec<Packet> {
    let mut encoder = Encoder::new(codec, rate, &OpusSettings::default()).unwrap();
    speech
        .chunks_exact((rate / 1000 * ptime_ms) as usize)
        .enumerate()
        .map(|(i, pcm)| {
            let mut payload = vec![0; 1_400];
            let length = encoder.encode(pcm, &mut payload).unwrap();
            payload.truncate(length);
            let i = i as u32;
            Packet {
                codec,
                ssrc: 5,
                sequence: 65_500_u16.wrapping_add(i as u16),
                marker: i == 0,
                timestamp: (u32::MAX - 10_000).wrapping_add(i * codec.clock_rate() / 1000 * ptime_ms),
                payload,
            }
        })
        .collect()
}

fn push(transcoder: &mut Transcoder, packet: &Packet, out: &mut Vec<Packet>) {
    let incoming = IncomingPacket {
        codec: packet.codec,
        payload_type: 0,
        marker: packet.marker,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        payload: &packet.payload,
    };
    transcoder.push(incoming, &mut |packet| out.push(owned(packet)));
}

fn owned(packet: OutgoingPacket<'_>) -> Packet {
    let codec = [OPUS, PCMU, PCMA].into_iter().find(|m| m.payload_type == packet.payload_type).unwrap().codec;
    Packet {
        codec,
        ssrc: 0,
        sequence: 0,
        marker: packet.marker,
        timestamp: packet.timestamp,
        payload: packet.payload.to_vec(),
    }
}

fn through(from: CodecMapping, to: CodecMapping, packets: &[Packet]) -> (Vec<Packet>, Transcoder) {
    let mut transcoder = Transcoder::new(from, to).unwrap();
    let mut out = Vec::new();
    for packet in packets {
        push(&mut transcoder, packet, &mut out);
    }
    (out, transcoder)
}

/// What a listener hears at 8 kHz; gaps in the timestamps are silence.
fn heard(packets: &[Packet]) -> Vec<i16> {
    let Some(first) = packets.first() else { return Vec::new() };
    let mut decoder = Decoder::new(first.codec, 8_000).unwrap();
    let mut pcm = [0; 960];
    let mut all = Vec::new();
    for packet in packets {
        let at = packet.timestamp.wrapping_sub(first.timestamp) as usize
            / (first.codec.clock_rate() / 8_000) as usize;
        assert!(at >= all.len(), "overlapping timestamps");
        all.resize(at, 0);
        let length = decoder.decode(&packet.payload, &mut pcm).unwrap();
        all.extend(&pcm[..length]);
    }
    all
}

#[test]
fn speech_comes_through_between_all_codecs_and_packet_lengths() {
    let speech = synthetic_speech(1, 8_000, 5_000);
    let wide = synthetic_speech(1, 48_000, 5_000);
    for (from, to, ptime) in [
        (OPUS, PCMU, 20),
        (OPUS, PCMA, 40),
        (OPUS, PCMU, 60),
        (OPUS, PCMU, 10),
        (PCMU, OPUS, 20),
        (PCMA, OPUS, 30),
        (PCMU, PCMA, 20),
        (PCMA, PCMU, 60),
        (OPUS, OPUS, 20),
    ] {
        let packets = match from.codec {
            Codec::Opus => source(Codec::Opus, 48_000, &wide, ptime),
            other => source(other, 8_000, &speech, ptime),
        };
        let (out, transcoder) = through(from, to, &packets);
        let clock = to.codec.clock_rate();
        if from != to {
            let steps = out.windows(2).map(|w| w[1].timestamp.wrapping_sub(w[0].timestamp));
            assert!(steps.clone().all(|step| step == clock / 1000 * FRAME_MS), "{from:?} {to:?}: {out:?}");
        }
        assert_eq!(out.iter().filter(|p| p.marker).count(), 1);
        // The synthetic voice is another one at another rate: compare with what a decoder makes of the source.
        let reference = heard(&packets);
        let found = similarity(&reference, &heard(&out), 8_000);
        assert!(found.score > 0.85, "{from:?} {to:?} {ptime}: {found:?}");
        assert!(found.lag_ms.abs() <= 20, "{from:?} {to:?} {ptime}: {found:?}");
        assert_eq!(transcoder.stats().lost + transcoder.stats().dropped + transcoder.stats().malformed, 0);
    }
}

#[test]
fn equal_codecs_pass_untouched_under_the_other_payload_type() {
    let packets = source(Codec::Opus, 48_000, &synthetic_speech(2, 48_000, 2_000), 20);
    let (out, _) = through(CodecMapping { payload_type: 96, ..OPUS }, OPUS, &packets);
    assert!(packets.iter().zip(&out).all(|(a, b)| a.payload == b.payload));
    assert_eq!(out.len(), packets.len());
    assert_ne!(out[0].timestamp, packets[0].timestamp);
}

#[test]
fn neighbours_that_swapped_places_are_put_right_and_doubles_are_dropped() {
    for (from, to) in [(PCMU, PCMA), (PCMU, PCMU), (PCMU, OPUS)] {
        let packets = source(Codec::Pcmu, 8_000, &synthetic_speech(3, 8_000, 3_000), 20);
        let mut mixed = Vec::new();
        for ten in packets.chunks_exact(10) {
            let order = [0, 1, 3, 2, 4, 5, 5, 6, 7, 8, 9];
            mixed.extend(order.map(|i| ten[i].clone()));
        }
        let (straight, _) = through(from, to, &packets);
        let (out, transcoder) = through(from, to, &mixed);
        assert!(out == straight, "{from:?} {to:?}");
        assert_eq!(transcoder.stats().lost, 0);
        assert_eq!(transcoder.stats().dropped, 15);
    }
}

#[test]
fn short_losses_are_covered_and_the_stream_stays_unbroken() {
    let wide = synthetic_speech(4, 48_000, 6_000);
    let packets = source(Codec::Opus, 48_000, &wide, 20);
    let kept: Vec<_> =
        packets.iter().enumerate().filter(|(i, _)| i % 8 != 5).map(|(_, p)| p.clone()).collect();
    let (out, transcoder) = through(OPUS, PCMU, &kept);
    assert!(out.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == 160));
    let stats = transcoder.stats();
    assert_eq!((stats.lost, stats.covered_ms), (37, 37 * 20));
    let reference = heard(&packets);
    let covered = similarity(&reference, &heard(&out), 8_000).score;
    assert!(covered > 0.75, "{covered}");
}

#[test]
fn pauses_and_long_losses_become_gaps_and_not_bursts() {
    let packets = source(Codec::Pcmu, 8_000, &synthetic_speech(5, 8_000, 6_000), 20);
    // 1 s of pause without missing numbers, later 1 s of loss.
    let mut some: Vec<_> = packets
        .iter()
        .enumerate()
        .filter(|(i, _)| !(50..100).contains(i) && !(200..250).contains(i))
        .map(|(_, p)| p.clone())
        .collect();
    for (i, packet) in some.iter_mut().enumerate() {
        packet.sequence = if i < 150 { i as u16 } else { i as u16 + 50 };
    }
    for to in [PCMA, PCMU, OPUS] {
        let (out, transcoder) = through(PCMU, to, &some);
        assert_eq!(out.len(), some.len(), "{to:?}");
        let clock = to.codec.clock_rate();
        let leaps: Vec<_> = out
            .windows(2)
            .map(|w| w[1].timestamp.wrapping_sub(w[0].timestamp))
            .filter(|step| *step != clock / 50)
            .collect();
        assert_eq!(leaps, [clock / 50 * 51; 2], "{to:?}");
        assert_eq!(out.iter().filter(|p| p.marker).count(), 3);
        assert_eq!(transcoder.stats().lost, 50);
    }
}

#[test]
fn silence_fills_pauses_without_moving_the_timeline() {
    let packets = source(Codec::Pcmu, 8_000, &synthetic_speech(6, 8_000, 4_000), 20);
    for to in [PCMA, OPUS] {
        let mut transcoder = Transcoder::new(PCMU, to).unwrap();
        let mut out = Vec::new();
        for packet in &packets[..50] {
            push(&mut transcoder, packet, &mut out);
        }
        for _ in 50..100 {
            transcoder.silence(&mut |packet| out.push(owned(packet)));
        }
        for (i, packet) in packets[100..].iter().enumerate() {
            push(
                &mut transcoder,
                &Packet { sequence: 65_500_u16.wrapping_add(50 + i as u16), ..packet.clone() },
                &mut out,
            );
        }
        let step = to.codec.clock_rate() / 50;
        assert!(out.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == step), "{to:?}");
        assert!(heard(&out[55..95]).iter().all(|s| s.abs() < 30), "{to:?}");
    }
}

#[test]
fn a_new_source_does_not_turn_the_time_back() {
    let first = source(Codec::Pcmu, 8_000, &synthetic_speech(7, 8_000, 1_000), 20);
    let second =
        source(Codec::Pcmu, 8_000, &synthetic_speech(8, 8_000, 1_000), 20).into_iter().map(|p| Packet {
            ssrc: 77,
            sequence: p.sequence.wrapping_sub(30_000),
            timestamp: p.timestamp.wrapping_sub(2_000_000_000),
            ..p
        });
    let all: Vec<_> = first.into_iter().chain(second).collect();
    for to in [PCMU, PCMA, OPUS] {
        let (out, _) = through(PCMU, to, &all);
        let step = to.codec.clock_rate() / 50;
        assert!(out.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == step), "{to:?}");
        assert!(out[50].marker);
    }
}

#[test]
fn a_codec_change_and_digits_in_mid_call_are_followed() {
    let mut packets = source(Codec::Opus, 48_000, &synthetic_speech(9, 48_000, 1_000), 20);
    let next = packets.last().unwrap().sequence;
    for i in 1..=5 {
        packets.push(Packet {
            codec: Codec::TelephoneEvent(48_000),
            sequence: next.wrapping_add(i),
            payload: vec![1, 10, 0, 160],
            ..packets[49].clone()
        });
    }
    for (i, packet) in
        source(Codec::Pcma, 8_000, &synthetic_speech(9, 8_000, 1_000), 20).into_iter().enumerate()
    {
        packets.push(Packet { sequence: next.wrapping_add(6 + i as u16), ..packet });
    }
    let (out, transcoder) = through(OPUS, PCMU, &packets);
    assert_eq!((out.len(), transcoder.stats().lost), (100, 0));
    assert!(out.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == 160));
}

#[test]
fn whatever_comes_in_time_never_runs_backwards_and_bursts_are_bounded() {
    for seed in 0..200 {
        let mut rng = Lcg::new(seed);
        let to = [PCMU, PCMA, OPUS][(rng.unit() * 3.0) as usize];
        let mut transcoder = Transcoder::new(PCMU, to).unwrap();
        let (mut sequence, mut timestamp, mut ssrc) = (rng.unit() * 65_536.0, rng.unit() * 4e9, 1);
        let mut last: Option<u32> = None;
        for _ in 0..500 {
            sequence += if rng.unit() < 0.7 { 1.0 } else { rng.between(-150.0, 4_000.0).trunc() };
            timestamp += if rng.unit() < 0.7 { 160.0 } else { rng.between(-1e6, 1e6).trunc() };
            ssrc += u32::from(rng.unit() < 0.02);
            let payload: Vec<u8> =
                (0..(rng.unit() * 1_000.0) as usize).map(|_| (rng.unit() * 256.0) as u8).collect();
            let codec = [Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::TelephoneEvent(8_000)]
                [(rng.unit() * 4.0) as usize];
            let packet = IncomingPacket {
                codec,
                payload_type: 0,
                marker: rng.unit() < 0.1,
                sequence: sequence as i64 as u16,
                timestamp: timestamp as i64 as u32,
                ssrc,
                payload: &payload,
            };
            let mut out = Vec::new();
            transcoder.push(packet, &mut |packet| out.push(owned(packet)));
            if rng.unit() < 0.1 {
                transcoder.silence(&mut |packet| out.push(owned(packet)));
            }
            // Two packets of 120 ms, what was pending, what is made up, and silence.
            assert!(out.len() <= 2 * (6 + 3) + 3, "seed {seed}: {} at once", out.len());
            for packet in out {
                if let Some(last) = last {
                    let step = packet.timestamp.wrapping_sub(last).cast_signed();
                    assert!(step > 0, "seed {seed}: {step}");
                }
                last = Some(packet.timestamp);
            }
        }
    }
}
