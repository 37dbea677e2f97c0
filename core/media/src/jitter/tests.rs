use std::time::Duration;

use doorstep_testkit::speech::{Lcg, similarity, synthetic_speech};

use super::{
    Heard, JitterBuffer, JitterConfig,
    simulation::{Call, Network, run},
};
use crate::{
    codec::{Decoder, Encoder, OpusSettings},
    sdp::Codec,
    transport::IncomingPacket,
};

const OPUS: Call = Call {
    seed: 1,
    codec: Codec::Opus,
    rate: 48_000,
    ms: 10_000,
    ptime_ms: 20,
    pull_ms: 10,
    first_sequence: 65_400,
    first_timestamp: u32::MAX - 30_000,
    pauses: Vec::new(),
};

#[test]
fn a_steady_network_is_heard_bit_by_bit() {
    for call in [
        OPUS,
        Call { pull_ms: 20, ..OPUS },
        Call::default(),
        Call { pull_ms: 20, ..Call::default() },
        Call { ptime_ms: 10, ..Call::default() },
    ] {
        let outcome = run(&call, &Network::default());
        assert_eq!(outcome.stats.concealed_samples, 0, "{call:?}");
        assert_eq!(outcome.stats.accelerated_samples + outcome.stats.expanded_samples, 0, "{call:?}");
        assert_eq!((outcome.stats.lost, outcome.stats.late), (0, 0));
        // The first packet arrives when it has been spoken, and waits for no more than 40 ms.
        let first = outcome.first_audio_ms.unwrap();
        assert!(first <= call.ptime_ms + 40, "{first} {call:?}");
        let start = (first * call.rate / 1000) as usize;
        let length = outcome.heard.len() - start;
        assert!(length > outcome.decoded.len() * 9 / 10);
        assert_eq!(outcome.heard[start..], outcome.decoded[..length], "{call:?}");
    }
}

#[test]
fn long_packets_on_a_steady_network_are_heard_without_concealment() {
    for ptime_ms in [40, 60] {
        let outcome = run(&Call { ptime_ms, ..OPUS }, &Network::default());
        assert_eq!((outcome.stats.concealed_samples, outcome.stats.lost), (0, 0), "{ptime_ms}");
        assert!(outcome.longest_delay() <= 120.0, "{ptime_ms}: {}", outcome.longest_delay());
    }
}

#[test]
fn jitter_is_followed_and_the_delay_comes_back() {
    for seed in 0..8 {
        for call in
            [Call { seed, ms: 40_000, ..Call::default() }, Call { seed, ms: 40_000, pull_ms: 20, ..OPUS }]
        {
            let network = Network { jitter_ms: 30.0, jitter_until_ms: Some(15_000.0), ..Network::default() };
            let outcome = run(&call, &network);
            let busy = &outcome.delays_ms[(5_000 / call.pull_ms) as usize..(15_000 / call.pull_ms) as usize];
            let mean = busy.iter().sum::<f64>() / busy.len() as f64;
            // 95 % of exponentially distributed delays of mean 30 ms are below 90 ms.
            assert!((50.0..200.0).contains(&mean), "seed {seed}: {mean}");
            assert!(
                outcome.last_delay(call.pull_ms) < 65.0,
                "seed {seed}: {}",
                outcome.last_delay(call.pull_ms)
            );
            let concealed = outcome.stats.concealed_samples as f64 / outcome.stats.played_samples as f64;
            assert!(concealed < 0.05, "seed {seed}: {concealed}");
            assert!(outcome.stats.accelerated_samples > 0 && outcome.stats.target_ms <= 10.0, "seed {seed}");
        }
    }
}

#[test]
fn a_burst_after_an_outage_does_not_leave_a_delay() {
    for outage in [200.0, 600.0, 900.0, 3_000.0] {
        let network = Network { outages: vec![(4_000.0, 4_000.0 + outage)], ..Network::default() };
        let call = Call { ms: 16_000, ..OPUS };
        let outcome = run(&call, &network);
        assert!(outcome.longest_delay() <= 1_150.0, "{outage}: {}", outcome.longest_delay());
        assert!(outcome.last_delay(call.pull_ms) < 65.0, "{outage}: {}", outcome.last_delay(call.pull_ms));
    }
}

#[test]
fn speech_stays_intelligible_through_loss_and_jitter() {
    for seed in 0..4 {
        let network =
            Network { jitter_ms: 10.0, loss: 0.05, burst: 0.2, reorder: 0.02, ..Network::default() };
        for (call, least) in [(Call { seed, ..OPUS }, 0.75), (Call { seed, ..Call::default() }, 0.75)] {
            let outcome = run(&call, &network);
            let found = similarity(&outcome.said, &outcome.heard, call.rate);
            assert!(found.score > least, "seed {seed} {:?}: {found:?} {:?}", call.codec, outcome.stats);
            assert!(outcome.stats.lost > 10, "seed {seed}");
            assert_eq!(outcome.stats.recovered_samples > 0, call.codec == Codec::Opus, "seed {seed}");
        }
    }
}

#[test]
fn reordered_and_doubled_packets_cost_nothing_once_the_buffer_knows_them() {
    for seed in 0..8 {
        let network = Network { reorder: 0.2, duplicate: 0.2, ..Network::default() };
        let outcome = run(&Call { seed, ms: 20_000, ..Call::default() }, &network);
        assert!(outcome.stats.duplicates > 100, "seed {seed}");
        assert_eq!(outcome.stats.lost, 0, "seed {seed}: {:?}", outcome.stats);
        let concealed = outcome.stats.concealed_samples as f64 / outcome.stats.played_samples as f64;
        assert!(concealed < 0.02, "seed {seed}: {:?}", outcome.stats);
    }
}

#[test]
fn drifting_clocks_neither_fill_nor_drain_the_buffer() {
    for drift_ppm in [-300.0, 300.0] {
        let call = Call { ms: 120_000, pull_ms: 20, ..Call::default() };
        let outcome = run(&call, &Network { drift_ppm, ..Network::default() });
        assert!(outcome.longest_delay() < 90.0, "{drift_ppm}: {}", outcome.longest_delay());
        let concealed = outcome.stats.concealed_samples as f64 / outcome.stats.played_samples as f64;
        assert!(concealed < 0.002, "{drift_ppm}: {:?}", outcome.stats);
    }
}

#[test]
fn pauses_are_no_losses_and_keep_their_length() {
    let call = Call { pauses: vec![(2_000, 2_900), (4_000, 4_100), (6_000, 8_500)], ..OPUS };
    let outcome = run(&call, &Network { jitter_ms: 3.0, ..Network::default() });
    assert_eq!((outcome.stats.lost, outcome.stats.late), (0, 0), "{:?}", outcome.stats);
    let found = similarity(&outcome.decoded, &outcome.heard, call.rate);
    assert!(found.score > 0.85, "{found:?}");
    assert!(outcome.last_delay(call.pull_ms) < 80.0);
}

#[test]
fn a_loss_that_a_gateway_renumbered_away_is_still_covered() {
    let outcome = |renumber| {
        let network = Network { loss: 0.08, renumber, ..Network::default() };
        run(&Call { seed: 5, ..OPUS }, &network)
    };
    let (plain, renumbered) = (outcome(false), outcome(true));
    assert_eq!(renumbered.stats.lost, 0);
    assert!(
        renumbered.stats.recovered_samples * 10 > plain.stats.recovered_samples * 9,
        "{:?}",
        renumbered.stats
    );
}

#[test]
fn nothing_a_network_does_breaks_it() {
    for seed in 0..100 {
        let mut rng = Lcg::new(seed + 1_000);
        let network = Network {
            jitter_ms: rng.between(0.0, 150.0) * f64::from(u8::from(rng.unit() < 0.5)),
            loss: rng.between(0.0, 0.5) * f64::from(u8::from(rng.unit() < 0.5)),
            burst: rng.between(0.0, 0.95),
            reorder: rng.between(0.0, 0.5) * f64::from(u8::from(rng.unit() < 0.5)),
            duplicate: rng.between(0.0, 0.5) * f64::from(u8::from(rng.unit() < 0.5)),
            outages: (0..(rng.unit() * 4.0) as usize)
                .map(|_| {
                    let from = rng.between(0.0, 8_000.0);
                    (from, from + rng.between(10.0, 3_000.0))
                })
                .collect(),
            jitter_until_ms: None,
            renumber: rng.unit() < 0.2,
            drift_ppm: rng.between(-1_000.0, 1_000.0),
        };
        let call = Call {
            seed,
            codec: if seed % 3 == 0 { Codec::Opus } else { Codec::Pcma },
            rate: 8_000,
            ms: 8_000,
            ptime_ms: [10, 20, 40, 60][(rng.unit() * 4.0) as usize],
            pull_ms: [10, 20, 30][(rng.unit() * 3.0) as usize],
            first_sequence: (rng.unit() * 65_536.0) as u16,
            first_timestamp: (rng.unit() * 4e9) as u32,
            pauses: vec![(3_000, 3_000 + (rng.unit() * 2_000.0) as u32)],
        };
        let outcome = run(&call, &network);
        assert!(outcome.longest_delay() <= 1_300.0, "seed {seed}: {} {network:?}", outcome.longest_delay());
        let stats = outcome.stats;
        let made = stats.concealed_samples + stats.comfort_samples;
        assert!(made <= stats.played_samples + 8_000 * 300 / 1_000, "seed {seed}: {stats:?}");
    }
}

/// Hands packets to a buffer by hand.
struct Bench {
    buffer: JitterBuffer,
    encoder: Encoder,
    speech: Vec<i16>,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(Decoder::new(Codec::Pcmu, 8_000).unwrap(), JitterConfig::default()),
            encoder: Encoder::new(Codec::Pcmu, 8_000, &OpusSettings::default()).unwrap(),
            speech: synthetic_speech(1, 8_000, 60_000),
            now_ms: 0,
        }
    }

    fn packet(&mut self, ssrc: u32, sequence: u16, timestamp: u32) {
        let mut payload = [0; 160];
        let start = self.now_ms as usize * 8;
        self.encoder.encode(&self.speech[start..start + 160], &mut payload).unwrap();
        self.raw(ssrc, sequence, timestamp, &payload, true);
    }

    fn raw(&mut self, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8], audio: bool) {
        let packet = IncomingPacket {
            codec: Codec::Pcmu,
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc,
            payload,
        };
        if audio {
            self.buffer.insert(&packet, Duration::from_millis(self.now_ms));
        } else {
            self.buffer.skip(&packet);
        }
    }

    fn pull(&mut self) -> Heard {
        self.now_ms += 20;
        self.buffer.pull(&mut [0; 160])
    }

    /// `count` packets, one per pull, and whether audio came with the last one.
    fn talk(&mut self, ssrc: u32, sequence: u16, timestamp: u32, count: u16) -> Heard {
        let mut heard = Heard::Noise;
        for i in 0..count {
            self.packet(ssrc, sequence.wrapping_add(i), timestamp.wrapping_add(u32::from(i) * 160));
            heard = self.pull();
        }
        heard
    }
}

#[test]
fn a_new_source_takes_over_and_stragglers_of_the_old_one_do_not_bring_it_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.talk(1, 100, 5_000, 50), Heard::Audio);
    assert_eq!(bench.talk(2, 40_000, 4_000_000_000, 10), Heard::Audio);
    bench.packet(1, 150, 13_000);
    assert_eq!(bench.talk(2, 40_010, 4_000_001_600, 40), Heard::Audio);
    let stats = bench.buffer.stats();
    assert_eq!((stats.lost, stats.late), (0, 1));
    assert!(stats.delay_ms <= 60.0, "{stats:?}");
    // Long after, the first source may come back.
    bench.talk(2, 40_050, 4_000_008_000, 30);
    assert_eq!(bench.talk(1, 9_000, 77, 10), Heard::Audio);
}

#[test]
fn a_sender_that_starts_its_counts_anew_is_followed() {
    for (sequence, timestamp) in [(100_u16, 0_u32), (60_000, 8_000), (105, 4_000_000_000), (49_500, 1)] {
        let mut bench = Bench::new();
        bench.talk(1, 50_000, 3_000_000, 50);
        assert_eq!(bench.talk(1, sequence, timestamp, 20), Heard::Audio, "{sequence} {timestamp}");
        assert_eq!(
            bench.talk(1, sequence.wrapping_add(20), timestamp.wrapping_add(3_200), 200),
            Heard::Audio
        );
        let stats = bench.buffer.stats();
        assert!(stats.delay_ms <= 120.0, "{sequence} {timestamp}: {stats:?}");
    }
}

#[test]
fn digits_between_the_audio_are_no_losses() {
    let mut bench = Bench::new();
    bench.talk(1, 100, 0, 50);
    for i in 0..8 {
        bench.raw(1, 150 + i, 8_000, &[5, 10, 0, 160], false);
        bench.pull();
    }
    assert_eq!(bench.talk(1, 158, 8_000 + 8 * 160, 50), Heard::Audio);
    assert_eq!(bench.buffer.stats().lost, 0);
}

#[test]
fn a_listener_who_does_not_listen_does_not_fill_the_memory() {
    let mut bench = Bench::new();
    for i in 0..2_000_u16 {
        bench.packet(1, i, u32::from(i) * 160);
        bench.now_ms = (bench.now_ms + 20) % 50_000;
    }
    let mut frame = [0; 160];
    bench.buffer.pull(&mut frame);
    assert!(bench.buffer.stats().delay_ms <= 1_000.0);
    assert!(bench.buffer.stats().discarded > 1_900);
}

#[test]
fn junk_is_counted_and_makes_no_sound() {
    let mut bench = Bench::new();
    bench.raw(1, 1, 1, &[], true);
    bench.raw(1, 2, 2, &[0; 1_400], true);
    assert_eq!(bench.buffer.stats().malformed, 2);
    assert_eq!(bench.pull(), Heard::Noise);
}

#[test]
fn a_long_loss_ends_in_quiet_noise_and_speech_comes_back() {
    let mut bench = Bench::new();
    bench.talk(1, 0, 0, 100);
    let mut last = [0; 160];
    for _ in 0..50 {
        bench.now_ms += 20;
        bench.buffer.pull(&mut last);
    }
    assert!(last.iter().all(|s| s.unsigned_abs() < 700), "{last:?}");
    assert_eq!(bench.talk(1, 150, 24_000, 10), Heard::Audio);
    assert_eq!(bench.buffer.stats().lost, 50);
}
