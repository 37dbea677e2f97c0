//! `cargo xtask bench push`: wakes a second through API, store and Apple's client to the stand-in, the time from the request to Apple's
//! answer at 2,000 a second, and memory at rest. The real program, durable, in SQLite; the last line holds the numbers with `--json`.
//!
//! All of it shares the machine: the load, the server, and the Apple that it speaks TLS with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark"
)]
#![allow(missing_docs, reason = "a program")]

#[path = "push/load.rs"]
mod load;
#[path = "push/server.rs"]
mod server;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorstep_push_fakes::FakeApns;
use serde_json::json;

use server::Server;

/// Connections that ask, as a few gateways would keep.
const CONNECTIONS: usize = 64;
/// Of the run at full speed.
const FULL_SPEED: usize = 40_000;
/// Before anything is measured.
const WARM_UP: usize = 2_000;
/// Of the run at a steady rate.
const RATE: u32 = 2_000;
const STEADY: usize = 20_000;
/// Before memory at rest is read.
const REST: Duration = Duration::from_secs(3);

struct Figures {
    wakes_per_s: f64,
    full_p50_ms: f64,
    full_p99_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    rss_idle_mb: f64,
    rss_busy_mb: f64,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let figures = measure().await;
    println!("{:.0} wakes/s accepted and taken by Apple, {CONNECTIONS} connections", figures.wakes_per_s);
    println!(
        "request to Apple's answer, full speed: p50 {:.1} ms, p99 {:.1} ms",
        figures.full_p50_ms, figures.full_p99_ms
    );
    println!(
        "request to Apple's answer, {RATE}/s: p50 {:.1} ms, p99 {:.1} ms",
        figures.p50_ms, figures.p99_ms
    );
    println!("memory: {:.1} MB at rest, {:.1} MB at full speed", figures.rss_idle_mb, figures.rss_busy_mb);
    if args.iter().any(|arg| arg == "--json") {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let line = json!({
            "wakes_per_s": figures.wakes_per_s.round(),
            "gorush_per_s": null,
            "ratio": null,
            "p99_ms_at_2000": round(figures.p99_ms),
            "rss_idle_mb": round(figures.rss_idle_mb),
        });
        println!("{line}");
    }
}

async fn measure() -> Figures {
    let apple = FakeApns::start().await.unwrap();
    let server = Server::start(&apple).await;
    tokio::time::sleep(REST).await;
    let rss_idle_mb = server.rss_mb();
    let mut reached = 0;
    let mut run = async |name: &'static str, wakes: usize, rate: Option<u32>| {
        let begun = Instant::now();
        let asked = load::wakes(server.address, name, wakes, CONNECTIONS, rate).await;
        reached += wakes as u64;
        apple.log().wait_for_reached(reached).await;
        (begun.elapsed(), times(&apple, &asked))
    };
    run("warm", WARM_UP, None).await;
    let (took, full) = run("full", FULL_SPEED, None).await;
    let rss_busy_mb = server.rss_mb();
    let (_, steady) = run("steady", STEADY, Some(RATE)).await;
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Figures {
        wakes_per_s: FULL_SPEED as f64 / took.as_secs_f64(),
        full_p50_ms: ms(percentile(&full, 50)),
        full_p99_ms: ms(percentile(&full, 99)),
        p50_ms: ms(percentile(&steady, 50)),
        p99_ms: ms(percentile(&steady, 99)),
        rss_idle_mb,
        rss_busy_mb,
    }
}

/// From each request to Apple's answer, sorted.
fn times(apple: &FakeApns, asked: &HashMap<String, SystemTime>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(asked.len());
    for push in apple.log().delivered() {
        let call = push.payload()["call"].as_str().unwrap_or_default();
        if let Some(at) = asked.get(call) {
            times.push(push.at.duration_since(*at).unwrap_or_default());
        }
    }
    assert_eq!(times.len(), asked.len(), "each wake reaches the phone once");
    times.sort_unstable();
    times
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}
