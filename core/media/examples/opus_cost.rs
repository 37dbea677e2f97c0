//! What Opus costs at each complexity, and what it is worth: microseconds per frame of 20 ms and the judge's score of what
//! comes out. `cargo run --release -p doorstep-media --example opus_cost [-- FILE.wav [FOLDER]]` (mono, 16 bits, 48 kHz; synthetic
//! speech without one). What comes out of the file is kept in the folder, for other judges.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use std::time::{Duration, Instant};

use doorstep_media::{
    codec::{Decoder, Encoder, OpusSettings},
    sdp::Codec,
};
use doorstep_testkit::speech::{similarity, synthetic_speech};

const ROUNDS: usize = 20;

fn main() {
    println!("rate   playback  complexity  encode  decode  bytes   score");
    for (rate, playback) in [(48_000, 48_000), (48_000, 16_000), (48_000, 8_000), (8_000, 8_000)] {
        let speech = match std::env::args().nth(1) {
            Some(path) if rate == 48_000 => {
                hound::WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
            }
            _ => synthetic_speech(1, rate, 10_000),
        };
        for complexity in 0..=10 {
            let heard = measure(rate, playback, complexity, &speech);
            if let Some(folder) = std::env::args().nth(2)
                && rate == 48_000
            {
                keep(&heard, rate, format!("{folder}/{playback}-{complexity}.wav"));
            }
        }
    }
}

fn keep(heard: &[i16], rate: u32, path: String) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for sample in heard {
        file.write_sample(*sample).unwrap();
    }
    file.finalize().unwrap();
}

fn measure(rate: u32, playback: u32, complexity: u8, speech: &[i16]) -> Vec<i16> {
    let settings = OpusSettings { complexity, max_playback_rate: playback, ..OpusSettings::default() };
    let length = rate as usize / 50;
    let frames = speech.len() / length;
    // Each frame's best of some rounds: whatever else the machine does only ever adds.
    let mut encoding = vec![Duration::MAX; frames];
    let mut decoding = vec![Duration::MAX; frames];
    let (mut heard, mut bytes) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let mut encoder = Encoder::new(Codec::Opus, rate, &settings).unwrap();
        let mut decoder = Decoder::new(Codec::Opus, rate).unwrap();
        (heard, bytes) = (Vec::with_capacity(speech.len()), 0);
        for (frame, (encode, decode)) in
            speech.chunks_exact(length).zip(encoding.iter_mut().zip(&mut decoding))
        {
            let (mut payload, mut pcm) = ([0; 1_400], vec![0; length]);
            let begun = Instant::now();
            let size = encoder.encode(frame, &mut payload).unwrap();
            *encode = begun.elapsed().min(*encode);
            let begun = Instant::now();
            decoder.decode(&payload[..size], &mut pcm).unwrap();
            *decode = begun.elapsed().min(*decode);
            bytes += size;
            heard.extend(pcm);
        }
    }
    let each = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64() * 1e6 / frames as f64;
    println!(
        "{rate:>5}  {playback:>8}  {complexity:>10}  {:>6.1}  {:>6.1}  {:>5.1}  {:.4}",
        each(&encoding),
        each(&decoding),
        bytes as f64 / frames as f64,
        similarity(speech, &heard, rate).score,
    );
    heard
}
