//! A sender, a network and a listener in virtual time.

use std::time::Duration;

use doorstep_testkit::speech::{Lcg, synthetic_speech};

use super::{Heard, JitterBuffer, JitterConfig, JitterStats};
use crate::{
    codec::{Decoder, Encoder, OpusSettings},
    sdp::Codec,
    transport::IncomingPacket,
};

/// What a network does to packets.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    /// Delay that varies from packet to packet, exponentially distributed around this mean, milliseconds.
    pub(super) jitter_ms: f64,
    /// Chance that a packet is lost, and that the next one is lost too when one was.
    pub(super) loss: f64,
    pub(super) burst: f64,
    /// Chance that a packet is overtaken by the next ones, and that it comes twice.
    pub(super) reorder: f64,
    pub(super) duplicate: f64,
    /// (from, until): what is sent in this time arrives at its end, milliseconds.
    pub(super) outages: Vec<(f64, f64)>,
    /// The jitter is there only in this time, milliseconds.
    pub(super) jitter_until_ms: Option<f64>,
    /// A gateway on the way gives what comes through sequence numbers of its own.
    pub(super) renumber: bool,
    /// By how much the sender's clock is faster than the listener's.
    pub(super) drift_ppm: f64,
}

/// What is sent and how it is listened to.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) seed: u64,
    pub(super) codec: Codec,
    pub(super) rate: u32,
    pub(super) ms: u32,
    pub(super) ptime_ms: u32,
    pub(super) pull_ms: u32,
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
    /// (from, until) in which nothing is sent though the timestamps go on, milliseconds.
    pub(super) pauses: Vec<(u32, u32)>,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            seed: 1,
            codec: Codec::Pcmu,
            rate: 8_000,
            ms: 10_000,
            ptime_ms: 20,
            pull_ms: 10,
            first_sequence: 65_400,
            first_timestamp: u32::MAX - 30_000,
            pauses: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) stats: JitterStats,
    /// What was said, what came out of a decoder that got every packet, and what was heard.
    pub(super) said: Vec<i16>,
    pub(super) decoded: Vec<i16>,
    pub(super) heard: Vec<i16>,
    /// Waiting audio at every pull, milliseconds.
    pub(super) delays_ms: Vec<f64>,
    /// Milliseconds until the first received audio was played, after the first packet came.
    pub(super) first_audio_ms: Option<u32>,
}

impl Outcome {
    pub(super) fn longest_delay(&self) -> f64 {
        self.delays_ms.iter().copied().fold(0.0, f64::max)
    }

    /// Mean of the waiting audio over the last two seconds.
    pub(super) fn last_delay(&self, pull_ms: u32) -> f64 {
        let count = (2_000 / pull_ms) as usize;
        let last = &self.delays_ms[self.delays_ms.len() - count..];
        last.iter().sum::<f64>() / count as f64
    }
}

struct Sent {
    arrival_ms: f64,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// Carries the call through the network.
pub(super) fn run(call: &Call, network: &Network) -> Outcome {
    let mut rng = Lcg::new(call.seed);
    let said = synthetic_speech(call.seed, call.rate, call.ms);
    let (packets, decoded) = send(call, network, &said, &mut rng);
    let mut buffer = JitterBuffer::new(Decoder::new(call.codec, call.rate).unwrap(), JitterConfig::default());
    let mut arriving = packets.iter().peekable();
    let mut outcome = Outcome {
        stats: JitterStats::default(),
        said,
        decoded,
        heard: Vec::new(),
        delays_ms: Vec::new(),
        first_audio_ms: None,
    };
    let mut frame = vec![0; (call.rate / 1000 * call.pull_ms) as usize];
    for pull in 0..call.ms / call.pull_ms {
        let now = f64::from(pull * call.pull_ms);
        while let Some(packet) = arriving.next_if(|packet| packet.arrival_ms <= now) {
            let incoming = IncomingPacket {
                codec: call.codec,
                payload_type: 0,
                marker: packet.marker,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: 7,
                payload: &packet.payload,
            };
            buffer.insert(&incoming, Duration::from_micros((packet.arrival_ms * 1_000.0) as u64));
        }
        let heard = buffer.pull(&mut frame);
        outcome.heard.extend(&frame);
        outcome.delays_ms.push(buffer.stats().delay_ms);
        if heard == Heard::Audio && outcome.first_audio_ms.is_none() {
            outcome.first_audio_ms = Some(pull * call.pull_ms);
        }
    }
    outcome.stats = buffer.stats();
    outcome
}

fn send(call: &Call, network: &Network, said: &[i16], rng: &mut Lcg) -> (Vec<Sent>, Vec<i16>) {
    let mut encoder = Encoder::new(call.codec, call.rate, &OpusSettings::default()).unwrap();
    let mut decoder = Decoder::new(call.codec, call.rate).unwrap();
    let frame = (call.rate / 1000 * call.ptime_ms) as usize;
    let units = call.codec.clock_rate() / 1000 * call.ptime_ms;
    let mut sequence = call.first_sequence;
    let (mut sent, mut decoded) = (Vec::new(), Vec::new());
    let (mut losing, mut after_pause) = (false, true);
    for (i, pcm) in said.chunks_exact(frame).enumerate() {
        let mut payload = vec![0; 1_400];
        let length = encoder.encode(pcm, &mut payload).unwrap();
        payload.truncate(length);
        let at = i as u32 * call.ptime_ms;
        if call.pauses.iter().any(|(from, until)| (*from..*until).contains(&at)) {
            decoded.extend(vec![0; frame]);
            after_pause = true;
            continue;
        }
        let mut audio = vec![0; frame];
        decoder.decode(&payload, &mut audio).unwrap();
        decoded.extend(audio);
        // The packet leaves when its last sample has been spoken; the fixed delay of the path does not matter.
        let leaves = f64::from(at + call.ptime_ms) * (1.0 - network.drift_ppm / 1e6);
        losing = rng.unit() < if losing { network.burst } else { network.loss };
        let jittery = network.jitter_until_ms.is_none_or(|until| leaves < until);
        let jitter = if jittery { -network.jitter_ms * (1.0 - rng.unit()).ln() } else { 0.0 };
        let overtaken = if rng.unit() < network.reorder { rng.between(20.0, 45.0) } else { 0.0 };
        let mut arrival_ms = leaves + jitter + overtaken;
        for (from, until) in &network.outages {
            if (*from..*until).contains(&arrival_ms) {
                arrival_ms = *until;
            }
        }
        let copies = if losing { 0 } else { 1 + usize::from(rng.unit() < network.duplicate) };
        for copy in 0..copies {
            sent.push(Sent {
                arrival_ms: arrival_ms + copy as f64 * 3.0,
                sequence,
                timestamp: call.first_timestamp.wrapping_add(units.wrapping_mul(i as u32)),
                marker: after_pause,
                payload: payload.clone(),
            });
        }
        after_pause = false;
        if !(network.renumber && losing) {
            sequence = sequence.wrapping_add(1);
        }
    }
    sent.sort_by(|a, b| a.arrival_ms.total_cmp(&b.arrival_ms));
    (sent, decoded)
}
