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
#[path = "push/peer.rs"]
mod peer;
#[path = "push/server.rs"]
mod server;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorstep_push_fakes::FakeApns;
use serde_json::json;
use tokio::time::timeout;

use peer::{Gorush, Proxy};
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
/// For the last pushes to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one provider token to the next.
const BETWEEN_TOKENS: Duration = Duration::from_secs(21 * 60);
/// Before memory at rest is read.
const REST: Duration = Duration::from_secs(3);

struct Figures {
    gorush_per_s: Option<f64>,
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
    let at = args.iter().position(|arg| arg == "--gorush");
    let gorush = at.and_then(|at| args.get(at + 1)).map(PathBuf::from);
    let figures = measure(gorush).await;
    println!("{:.0} wakes/s accepted and taken by Apple, {CONNECTIONS} connections", figures.wakes_per_s);
    println!(
        "request to Apple's answer, full speed: p50 {:.1} ms, p99 {:.1} ms",
        figures.full_p50_ms, figures.full_p99_ms
    );
    println!(
        "request to Apple's answer, {RATE}/s: p50 {:.1} ms, p99 {:.1} ms",
        figures.p50_ms, figures.p99_ms
    );
    if let Some(gorush) = figures.gorush_per_s {
        println!("{gorush:.0} pushes/s by gorush (not durable), by the same proxy to the same stand-in");
    }
    println!("memory: {:.1} MB at rest, {:.1} MB at full speed", figures.rss_idle_mb, figures.rss_busy_mb);
    if args.iter().any(|arg| arg == "--json") {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let line = json!({
            "wakes_per_s": figures.wakes_per_s.round(),
            "gorush_per_s": figures.gorush_per_s.map(f64::round),
            "ratio": figures.gorush_per_s.map(|gorush| (figures.wakes_per_s / gorush * 100.0).round() / 100.0),
            "p99_ms_at_2000": round(figures.p99_ms),
            "rss_idle_mb": round(figures.rss_idle_mb),
        });
        println!("{line}");
    }
}

async fn measure(gorush: Option<PathBuf>) -> Figures {
    let apple = FakeApns::start().await.unwrap();
    let proxy = if gorush.is_some() { Some(Proxy::start(apple.address()).await) } else { None };
    let server = Server::start(&apple, proxy.as_ref().map(|proxy| proxy.address)).await;
    tokio::time::sleep(REST).await;
    let rss_idle_mb = server.rss_mb();
    run(&apple, server.address, load::own(), "warm", WARM_UP, None).await;
    let (took, full) = run(&apple, server.address, load::own(), "full", FULL_SPEED, None).await;
    let rss_busy_mb = server.rss_mb();
    let (_, steady) = run(&apple, server.address, load::own(), "steady", STEADY, Some(RATE)).await;
    drop(server);
    let gorush_per_s = match (gorush, &proxy) {
        (Some(program), Some(proxy)) => {
            // Apple takes a key's next provider token no sooner (TooManyProviderTokenUpdates), and both servers have the same key.
            apple.clock().advance(BETWEEN_TOKENS);
            let gorush = Gorush::start(&program, &apple, proxy.address).await;
            let topic = server::topic(&apple);
            run(&apple, gorush.address, load::gorush(&topic), "gorush-warm", WARM_UP, None).await;
            let (took, _) =
                run(&apple, gorush.address, load::gorush(&topic), "gorush", FULL_SPEED, None).await;
            Some(FULL_SPEED as f64 / took.as_secs_f64())
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Figures {
        gorush_per_s,
        wakes_per_s: FULL_SPEED as f64 / took.as_secs_f64(),
        full_p50_ms: ms(percentile(&full, 50)),
        full_p99_ms: ms(percentile(&full, 99)),
        p50_ms: ms(percentile(&steady, 50)),
        p99_ms: ms(percentile(&steady, 99)),
        rss_idle_mb,
        rss_busy_mb,
    }
}

/// How long it took until all had reached the phone, and each by itself.
async fn run(
    apple: &FakeApns,
    server: SocketAddr,
    ask: load::Ask,
    name: &'static str,
    wakes: usize,
    rate: Option<u32>,
) -> (Duration, Vec<Duration>) {
    let reached = apple.log().reached() + wakes as u64;
    let begun = Instant::now();
    let asked = load::wakes(server, ask, name, wakes, CONNECTIONS, rate).await;
    timeout(PATIENCE, apple.log().wait_for_reached(reached)).await.expect("not all reached the phone");
    (begun.elapsed(), times(apple, &asked))
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
