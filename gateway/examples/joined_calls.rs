//! Measures the embedded media plane: N calls, Opus on one side and PCMU on the other, both sides talking, for some seconds.
//! `cargo run --release -p doorstep-gateway --example joined_calls -- 100 10`
//!
//! The far sides run in a process of their own (this one again), so that the CPU time told is the plane's alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring tool"
)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::IpAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use doorstep_gateway::{
    config,
    core::{LegId, LegProfile, MediaCommand, MediaEvent, OpId, Sdp},
    media::{Addresses, EmbeddedPlane, start},
};
use doorstep_media::{
    codec::{Encoder, OpusSettings},
    sdp::{Codec, Direction},
    session::{LocalAddress, MediaSession, SessionConfig},
    transport::{IncomingPacket, OutgoingPacket, PacketReceiver},
};
use tokio::sync::mpsc;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["far", calls, seconds] => far_sides(calls.parse().unwrap(), seconds.parse().unwrap()).await,
        [calls, seconds] => plane(calls.parse().unwrap(), seconds.parse().unwrap()).await,
        _ => eprintln!("usage: joined_calls CALLS SECONDS"),
    }
}

/// The plane's process: descriptions go over the child's standard input and output, one JSON string a line.
async fn plane(calls: u64, seconds: u64) {
    let addresses = Addresses { edge: vec![LOOPBACK], trunk: LOOPBACK, trunk_advertised: None };
    let media = config::Media {
        edge_ips: Vec::new(),
        trunk_ip: None,
        trunk_advertised_ip: None,
        ports: None,
        strict_source: true,
        audio_rate: 8_000,
    };
    let (plane, mut events) = start(&media, addresses, Vec::new()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["far", &calls.to_string(), &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_child = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut set_up = Vec::new();
    for call in 0..calls {
        let (courier, phone) = (LegId(call * 2), LegId(call * 2 + 1));
        let offer = read(&mut lines);
        let begun = Instant::now();
        let command = |op| MediaCommand::CreateAnswer {
            leg: courier,
            op,
            profile: LegProfile::WebRtc,
            offer: Sdp::new(offer),
        };
        let answer = ask(&plane, &mut events, OpId(call * 4), command).await;
        let command =
            |op| MediaCommand::CreateOffer { leg: phone, op, profile: LegProfile::Rtp, hold: false };
        let offer = ask(&plane, &mut events, OpId(call * 4 + 1), command).await;
        set_up.push(begun.elapsed());
        writeln!(to_child, "{}", serde_json::to_string(&answer).unwrap()).unwrap();
        writeln!(to_child, "{}", serde_json::to_string(&offer).unwrap()).unwrap();
        let answer = read(&mut lines);
        let command = |op| MediaCommand::ApplyAnswer { leg: phone, op, answer: Sdp::new(answer) };
        ask(&plane, &mut events, OpId(call * 4 + 2), command).await;
        plane.send(MediaCommand::Join { a: courier, b: phone });
        plane.send(MediaCommand::SetForward { leg: courier, on: true });
        plane.send(MediaCommand::SetForward { leg: phone, on: true });
    }
    let reader = std::thread::spawn(move || lines.map(|line| line.unwrap()).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds.saturating_sub(2).max(1))).await;
    let share = (cpu_seconds() - cpu) / begun.elapsed().as_secs_f64();
    set_up.sort();
    let said = tokio::task::spawn_blocking(move || reader.join().unwrap()).await.unwrap();
    child.wait().unwrap();
    said.iter().for_each(|line| println!("{line}"));
    println!(
        "descriptions of both legs: p50 {:?}, p99 {:?}",
        set_up[set_up.len() / 2],
        set_up[set_up.len() * 99 / 100]
    );
    println!(
        "{calls} calls: {:.1} % of a core, {:.2} % per call, {:.1} MB",
        share * 100.0,
        share * 100.0 / calls as f64,
        rss_mb()
    );
}

fn read(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> String {
    serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
}

async fn ask(
    plane: &EmbeddedPlane,
    events: &mut mpsc::Receiver<MediaEvent>,
    op: OpId,
    command: impl FnOnce(OpId) -> MediaCommand,
) -> String {
    plane.send(command(op));
    loop {
        match events.recv().await.unwrap() {
            MediaEvent::LocalDescription { op: of, sdp, .. } if of == op => return sdp.expose().clone(),
            MediaEvent::Done { op: of, .. } if of == op => return String::new(),
            MediaEvent::Failed { op, reason, .. } => panic!("{op:?}: {reason}"),
            _ => {}
        }
    }
}

/// The couriers' and phones' process.
async fn far_sides(calls: usize, seconds: u64) {
    let heard = Arc::new(AtomicU64::new(0));
    let mut sides = Vec::new();
    let mut stdin = std::io::stdin().lines();
    for _ in 0..calls {
        let (courier, courier_events) =
            MediaSession::new(SessionConfig::web_rtc(vec![LocalAddress::direct(LOOPBACK)])).unwrap();
        let at = LocalAddress::direct(LOOPBACK);
        let config = SessionConfig { codecs: vec![Codec::Pcmu], ..SessionConfig::rtp(at) };
        let (phone, phone_events) = MediaSession::new(config).unwrap();
        let offer = courier.create_offer(Direction::SendRecv).await.unwrap();
        println!("{}", serde_json::to_string(&offer).unwrap());
        courier.apply_answer(&read(&mut stdin)).await.unwrap();
        let answer = phone.create_answer(&read(&mut stdin), Direction::SendRecv).await.unwrap();
        println!("{}", serde_json::to_string(&answer).unwrap());
        for (session, events) in [(courier, courier_events), (phone, phone_events)] {
            session.set_receiver(Box::new(Counter(heard.clone())));
            sides.push((session, events));
        }
    }
    // The same second of a hum, coded once for each codec and sent by all.
    let hum: Vec<i16> = (0..8_000)
        .map(|n| (f64::from(n) * 0.2).sin().mul_add(8_000.0, (f64::from(n) * 0.71).sin() * 3_000.0) as i16)
        .collect();
    let mut coded: HashMap<Codec, Vec<Vec<u8>>> = HashMap::new();
    for codec in [Codec::Opus, Codec::Pcmu] {
        let mut encoder = Encoder::new(codec, 8_000, &OpusSettings::default()).unwrap();
        let mut payload = [0; 1_400];
        let frames = hum.chunks_exact(160).map(|frame| {
            let length = encoder.encode(frame, &mut payload).unwrap();
            payload[..length].to_vec()
        });
        coded.insert(codec, frames.collect());
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let frames = seconds * 50;
    for frame in 0..frames {
        ticks.tick().await;
        for (session, _) in &sides {
            let voice = session.negotiated().unwrap().voice;
            let payloads = &coded[&voice.codec];
            session.sink().send(OutgoingPacket {
                payload_type: voice.payload_type,
                marker: frame == 0,
                timestamp: frame as u32 * (voice.codec.clock_rate() / 50),
                payload: &payloads[frame as usize % payloads.len()],
            });
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent: u64 = sides.iter().map(|(session, _)| session.stats().packets_sent).sum();
    let heard = heard.load(Ordering::Relaxed);
    println!("sent {sent}, heard {heard}: {:.2} % fewer", 100.0 - heard as f64 * 100.0 / sent as f64);
}

struct Counter(Arc<AtomicU64>);

impl PacketReceiver for Counter {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        // Silence from before the other side spoke does not count.
        if packet.payload.len() > 3 && packet.payload.iter().any(|byte| *byte != 0xFF) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: f64 =
        after_name.split_ascii_whitespace().skip(11).take(2).map(|n| n.parse::<f64>().unwrap()).sum();
    ticks / TICKS_PER_SECOND
}

fn rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}
