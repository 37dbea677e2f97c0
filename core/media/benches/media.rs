//! What one Opus call costs its app: WebRTC session, voice path and device of one side in this process, the other side in
//! another. The other side is as the gateway is to an app: it plays and sends a telephone's 8 kHz (`--wide`: 48 kHz, as another app
//! would). `--seconds N` sets how long (30), `--json` prints nothing but the result, one JSON object.
//!
//! CPU and memory are this process' own, by /proc (Linux only). Allocations are counted apart: ours are those of capture,
//! codecs, packets, jitter buffer and playout; the transport's are all others while the call runs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

#[path = "common/accounted.rs"]
mod accounted;
mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _, stdin, stdout},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use accounted::{Accounted, AccountedDevice, TransportSink};
use common::allocations;
use doorstep_media::{
    codec::OpusSettings,
    device::VirtualDevice,
    sdp::Direction,
    session::{LocalAddress, MediaSession, SessionConfig},
    transport::TransportEvent,
    voice::{VoiceConfig, VoicePath},
};
use doorstep_testkit::speech::synthetic_speech;
use tokio::sync::mpsc::Receiver;

#[global_allocator]
static ALLOCATOR: common::Counting = common::Counting;

/// Until codecs, jitter buffer and runtime have settled.
const WARM_UP: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let seconds = arguments
        .iter()
        .position(|argument| argument == "--seconds")
        .and_then(|place| arguments.get(place + 1)?.parse().ok())
        .unwrap_or(30);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let audio_rate = if given("--wide") { 48_000 } else { 8_000 };
    if given("--peer") {
        runtime.block_on(peer(audio_rate));
        return ExitCode::SUCCESS;
    }
    runtime.block_on(measure(Duration::from_secs(seconds), audio_rate, given("--json")))
}

/// One side of the call.
struct Side {
    session: MediaSession,
    events: Receiver<TransportEvent>,
    audio_rate: u32,
}

impl Side {
    /// Plays and captures at `audio_rate`, in Hz.
    fn new(audio_rate: u32) -> Self {
        let addresses = vec![LocalAddress::direct("127.0.0.1".parse().unwrap())];
        let config = SessionConfig { audio_rate: Some(audio_rate), ..SessionConfig::web_rtc(addresses) };
        let (session, events) = MediaSession::new(config).unwrap();
        Self { session, events, audio_rate }
    }

    /// Speaks and listens once the path is up. The recording of speech goes round for ever.
    async fn talk(&mut self, speech: &Path) -> VoicePath {
        while self.events.recv().await.unwrap() != TransportEvent::Connected {}
        let device = VirtualDevice::new(48_000).unwrap().playing(speech, true).unwrap();
        let opus = OpusSettings { max_playback_rate: self.audio_rate, ..OpusSettings::default() };
        let config = VoiceConfig { opus, ..VoiceConfig::default() };
        let (path, _) = VoicePath::new(Box::new(AccountedDevice(device)), config);
        self.session.set_receiver(Box::new(Accounted(path.receiver())));
        let sink = Arc::new(TransportSink(self.session.sink()));
        path.connect(sink, &self.session.negotiated().unwrap()).unwrap();
        path.start().unwrap();
        path.start_sending();
        path
    }
}

async fn measure(length: Duration, far_rate: u32, quiet: bool) -> ExitCode {
    let speech = speech_file(1);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--peer")
        .args((far_rate == 48_000).then_some("--wide"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_peer = child.stdin.take().unwrap();
    let mut side = Side::new(48_000);
    let offer = side.session.create_offer(Direction::SendRecv).await.unwrap();
    writeln!(to_peer, "{}", serde_json::to_string(&offer).unwrap()).unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    side.session.apply_answer(&serde_json::from_str::<String>(&answer).unwrap()).await.unwrap();
    let path = side.talk(speech.path()).await;
    tokio::time::sleep(WARM_UP).await;

    let begun = Instant::now();
    let (cpu, (ours, others), packets) = (cpu_time(), allocations(), carried(&path));
    tokio::time::sleep(length).await;
    let elapsed = begun.elapsed();
    let (cpu, packets) = (cpu_time() - cpu, carried(&path) - packets);
    let (ours, others) = (allocations().0 - ours, allocations().1 - others);
    let rss_mb = rss_kb() as f64 / 1024.0;
    let stats = path.stats();
    let concealed = stats.jitter.concealed_samples as f64 / stats.jitter.played_samples as f64;

    path.stop();
    side.session.close().await;
    // The peer ends when nobody speaks to it any more.
    drop(to_peer);
    child.wait().unwrap();

    if !quiet {
        println!("one Opus call of {:.0} s, {packets} packets sent and received", elapsed.as_secs_f64());
        println!("concealed: {:.2} %, delay: {:.0} ms", concealed * 100.0, stats.jitter.delay_ms);
    }
    let round = |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    println!(
        "{}",
        serde_json::json!({
            "cpu_percent_of_core": round(cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0, 2),
            "rss_mb": round(rss_mb, 1),
            "allocations_per_packet": round(ours as f64 / packets as f64, 4),
            "allocations_per_packet_transport": round(others as f64 / packets as f64, 2),
        })
    );
    // Both ways, 50 packets a second: less than nine tenths of that is no call.
    let expected = (elapsed.as_secs_f64() * 100.0 * 0.9) as u64;
    if packets >= expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The other side: an offer comes by standard input, the answer goes to standard output, end of input ends it.
async fn peer(audio_rate: u32) {
    let speech = speech_file(2);
    let mut offer = String::new();
    stdin().read_line(&mut offer).unwrap();
    let mut side = Side::new(audio_rate);
    let offer: String = serde_json::from_str(&offer).unwrap();
    let answer = side.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    println!("{}", serde_json::to_string(&answer).unwrap());
    stdout().flush().unwrap();
    let path = side.talk(speech.path()).await;
    let ended = tokio::task::spawn_blocking(|| stdin().read_line(&mut String::new()));
    ended.await.unwrap().unwrap();
    path.stop();
    side.session.close().await;
}

fn carried(path: &VoicePath) -> u64 {
    let stats = path.stats();
    stats.packets_sent + stats.packets_received
}

fn speech_file(seed: u64) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file.path(), spec).unwrap();
    for sample in synthetic_speech(seed, 48_000, 8_000) {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file
}

/// What all threads of this process have run, by the scheduler's count in nanoseconds.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = |task: fs::DirEntry| -> Option<u64> {
        fs::read_to_string(task.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(|task| nanoseconds(task.ok()?)).sum())
}

fn rss_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
