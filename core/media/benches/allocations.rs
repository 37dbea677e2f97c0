//! Allocations per packet in the voice path (capture → codec → packet, packet → jitter buffer → decoder → play) and in the
//! gateway's transcoder, and what coding costs. No network, no clock in the path: thousands of packets as fast as it goes.
//!
//! The last line is a JSON object; the exit status is 1 if anything was allocated.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

mod common;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{accounted, allocations};
use doorstep_media::{
    codec::{Decoder, Encoder, OpusSettings},
    device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource},
    sdp::{Codec, CodecMapping, Direction},
    transcode::Transcoder,
    transport::{IncomingPacket, Negotiated, OutgoingPacket, PacketReceiver, PacketSink},
    voice::{VoiceConfig, VoicePath},
};
use doorstep_testkit::speech::synthetic_speech;

#[global_allocator]
static ALLOCATOR: common::Counting = common::Counting;

const WARM_UP: u32 = 200;
const PACKETS: u32 = 5_000;

const CODECS: [CodecMapping; 2] = [
    CodecMapping { payload_type: 111, codec: Codec::Opus },
    CodecMapping { payload_type: 8, codec: Codec::Pcma },
];

fn main() -> ExitCode {
    // A count that cannot rise would prove nothing.
    let before = allocations().0;
    drop(accounted(true, || std::hint::black_box(Box::new(1_u64))));
    assert_eq!(allocations().0, before + 1, "the allocator does not count");
    let speech = synthetic_speech(1, 48_000, 20_000);
    let mut paths = serde_json::Map::new();
    let mut total = 0;
    for mapping in CODECS {
        // A loss every 20 packets, so that redundancy and concealment are in it.
        for (network, lost_every) in [("clean", u32::MAX), ("lossy", 20)] {
            let count = voice_path(mapping, &speech, lost_every);
            total += count;
            let name = format!("{:?}_{network}", mapping.codec).to_lowercase();
            paths.insert(name, (f64::from(count as u32) / f64::from(PACKETS)).into());
        }
    }
    let [opus, pcma] = CODECS;
    for (name, from, to) in
        [("opus_to_pcma", opus, pcma), ("pcma_to_opus", pcma, opus), ("opus_passed", opus, opus)]
    {
        let count = transcoded(from, to, &speech);
        total += count;
        paths.insert(name.to_owned(), (count as f64 / f64::from(PACKETS)).into());
    }
    let (encode_us, decode_us) = coding_cost(&speech);
    println!(
        "{}",
        serde_json::json!({
            "packets": PACKETS,
            "allocations_per_packet": total as f64 / f64::from(PACKETS),
            "by_path": paths,
            "opus_encode_us": encode_us,
            "opus_decode_us": decode_us,
        })
    );
    if total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Allocations of one path that hears itself.
fn voice_path(mapping: CodecMapping, speech: &[i16], lost_every: u32) -> u64 {
    let ends = Arc::new(Mutex::new(None));
    let (path, _events) = VoicePath::new(Box::new(Puppet(ends.clone())), VoiceConfig::default());
    let wire = Arc::new(Wire::new(path.receiver(), mapping, lost_every));
    path.connect(wire, &negotiated(mapping)).unwrap();
    path.start().unwrap();
    path.start_sending();
    let (mut capture, mut playout) = ends.lock().unwrap().take().unwrap();
    let mut frame = [0; 960];
    let mut before = 0;
    for n in 0..WARM_UP + PACKETS {
        if n == WARM_UP {
            before = allocations().0;
        }
        let start = n as usize % (speech.len() / 960) * 960;
        accounted(true, || {
            capture.captured(&speech[start..start + 960]);
            playout.fill(&mut frame[..480]);
            playout.fill(&mut frame[480..]);
        });
    }
    let count = allocations().0 - before;
    assert!(path.stats().packets_received > u64::from(PACKETS / 2), "nothing was carried");
    count
}

fn transcoded(from: CodecMapping, to: CodecMapping, speech: &[i16]) -> u64 {
    let rate = from.codec.clock_rate();
    let frame = rate as usize / 50;
    let mut encoder = Encoder::new(from.codec, rate, &OpusSettings::default()).unwrap();
    let mut transcoder = Transcoder::new(from, to).unwrap();
    let (mut payload, mut before, mut out) = ([0; 1_400], 0, 0_u64);
    for n in 0..WARM_UP + PACKETS {
        if n == WARM_UP {
            before = allocations().0;
        }
        let start = n as usize % (speech.len() / frame) * frame;
        let length = encoder.encode(&speech[start..start + frame], &mut payload).unwrap();
        if n % 20 == 7 {
            continue;
        }
        let packet = IncomingPacket {
            codec: from.codec,
            payload_type: from.payload_type,
            marker: n == 0,
            sequence: n as u16,
            timestamp: n * frame as u32,
            ssrc: 1,
            payload: &payload[..length],
        };
        accounted(true, || transcoder.push(packet, &mut |_| out += 1));
    }
    assert!(out > u64::from(PACKETS / 2), "nothing was carried");
    allocations().0 - before
}

/// Microseconds to encode and to decode 20 ms of Opus as the voice path does.
fn coding_cost(speech: &[i16]) -> (f64, f64) {
    let mut encoder = Encoder::new(Codec::Opus, 48_000, &OpusSettings::default()).unwrap();
    let mut decoder = Decoder::new(Codec::Opus, 48_000).unwrap();
    let (mut payload, mut pcm) = ([0; 1_400], [0; 960]);
    let (mut encoding, mut decoding) = (Duration::ZERO, Duration::ZERO);
    for n in 0..PACKETS as usize {
        let start = n % (speech.len() / 960) * 960;
        let begun = Instant::now();
        let length = encoder.encode(&speech[start..start + 960], &mut payload).unwrap();
        let encoded = Instant::now();
        decoder.decode(&payload[..length], &mut pcm).unwrap();
        encoding += encoded - begun;
        decoding += encoded.elapsed();
    }
    let each = |all: Duration| (all.as_secs_f64() * 1e6 / f64::from(PACKETS) * 10.0).round() / 10.0;
    (each(encoding), each(decoding))
}

fn negotiated(voice: CodecMapping) -> Negotiated {
    Negotiated {
        playback_rate: 48_000,
        voice,
        telephone_event: None,
        local_direction: Direction::SendRecv,
        remote_direction: Direction::SendRecv,
        ptime: Duration::from_millis(20),
    }
}

type Ends = (Box<dyn CaptureSink>, Box<dyn PlayoutSource>);

/// A device that hands its ends to the benchmark.
struct Puppet(Arc<Mutex<Option<Ends>>>);

impl AudioDevice for Puppet {
    fn capture_rate(&self) -> u32 {
        48_000
    }

    fn playout_rate(&self) -> u32 {
        48_000
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        *self.0.lock().unwrap() = Some((capture, playout));
        Ok(())
    }

    fn stop(&mut self) {}
}

/// Hands each packet to the path's own receiver, but for the lost ones.
struct Wire {
    codec: Codec,
    lost_every: u32,
    state: Mutex<(Box<dyn PacketReceiver>, u32)>,
}

impl Wire {
    fn new(receiver: Box<dyn PacketReceiver>, mapping: CodecMapping, lost_every: u32) -> Self {
        Self { codec: mapping.codec, lost_every, state: Mutex::new((receiver, 0)) }
    }
}

impl PacketSink for Wire {
    fn send(&self, packet: OutgoingPacket<'_>) {
        let (receiver, count) = &mut *self.state.lock().unwrap();
        *count += 1;
        if count.is_multiple_of(self.lost_every) {
            return;
        }
        let incoming = IncomingPacket {
            codec: self.codec,
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence: *count as u16,
            timestamp: packet.timestamp,
            ssrc: 1,
            payload: packet.payload,
        };
        receiver.receive(incoming, Duration::from_millis(u64::from(*count) * 20));
    }
}
