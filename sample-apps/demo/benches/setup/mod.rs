//! The benchmark itself; the other two roles are this program again.

mod courier;
mod figures;
mod peer;
mod stage;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use doorstep_testkit::slow_path::{Impairment, SlowPath};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use figures::{Ringing, Times};
use peer::Peer;

/// One way; the round trip is twice that and what the machine adds.
const DELAY: Duration = Duration::from_millis(50);
/// For anything to happen, on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person lets it ring before answering.
pub(crate) const RINGS: Duration = Duration::from_millis(1000);
/// The order that all calls are about.
pub(crate) const ORDER: &str = "4711";
/// This machine cannot run it.
const IMPOSSIBLE: u8 = 2;

#[derive(Parser)]
struct Cli {
    /// Calls of each kind.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// The last line is one JSON object.
    #[arg(long)]
    json: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Which part of the benchmark this process is.
    #[arg(long, hide = true, value_enum)]
    role: Option<Role>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Stage,
    Courier,
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("setup: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match cli.role {
        Some(Role::Stage) => runtime.block_on(stage::run()),
        Some(Role::Courier) => runtime.block_on(courier::run()),
        None => match SlowPath::new(Impairment::delay(DELAY), 1) {
            Ok(path) => runtime.block_on(measure(&cli, &path)),
            Err(error) => {
                eprintln!("setup: network namespaces are needed (root, /dev/net/tun, iproute2): {error}");
                return ExitCode::from(IMPOSSIBLE);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("setup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: &Cli, path: &SlowPath) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut stage = Peer::start("stage", path.right())?;
    let mut courier = Peer::start("courier", path.left())?;
    let measured = tokio::select! {
        measured = calls(cli.n, path, &mut stage, &mut courier) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    // Also after a failure, so that the gateway does not outlive the benchmark.
    let ended = [courier.end().await, stage.end().await];
    let result = measured?;
    for end in ended {
        end?;
    }
    if cli.json {
        println!("{result}");
    }
    Ok(())
}

/// All of them, one after the other, and what they showed.
async fn calls(n: u32, path: &SlowPath, stage: &mut Peer, courier: &mut Peer) -> anyhow::Result<Value> {
    let ready = stage.expect("ready").await?;
    let port = u16::try_from(ready["port"].as_u64().context("no port")?)?;
    courier.tell(&ready).await?;
    let rtt = number(&courier.expect("rtt").await?, "ms")?;
    println!("round trip {rtt:.1} ms, {n} calls of each kind");

    let mut warm = Ringing::default();
    let (mut courier_hears, mut customer_hears_own) = (Times::default(), Times::default());
    for _ in 0..n {
        courier.tell(&json!({"do": "call"})).await?;
        warm.note(path, port, &courier.expect("ringing").await?)?;
        let answered = number(&stage.expect("answered").await?, "at")?;
        courier_hears.note(number(&courier.expect("heard").await?, "at")? - answered);
        customer_hears_own.note(number(&stage.expect("first_audio").await?, "at")? - answered);
        hang_up(stage, courier).await?;
    }
    let mut customer_hears = Times::default();
    let mut courier_hears_own = Times::default();
    for _ in 0..n {
        courier.tell(&json!({"do": "take"})).await?;
        stage.tell(&json!({"do": "call"})).await?;
        let answered = number(&courier.expect("answered").await?, "at")?;
        customer_hears.note(number(&stage.expect("first_audio").await?, "at")? - answered);
        courier_hears_own.note(number(&courier.expect("heard").await?, "at")? - answered);
        hang_up(stage, courier).await?;
    }
    let mut cold = Ringing::default();
    for _ in 0..n {
        courier.tell(&json!({"do": "cold"})).await?;
        cold.note(path, port, &courier.expect("ringing").await?)?;
        courier.expect("over").await?;
        stage.over().await?;
    }

    println!("pressed to ringing, connected:        {warm}");
    println!("pressed to ringing, not connected:    {cold}");
    println!("customer answers, courier hears:      {courier_hears}");
    println!("courier answers, customer hears:      {customer_hears}");
    println!("courier answers and hears:            {courier_hears_own}");
    println!("customer answers and hears:           {customer_hears_own}");
    Ok(json!({
        "rtt_ms": rtt,
        "n": n,
        "warm": warm.json(),
        "cold": cold.json(),
        "answer_to_audio": {
            "courier_p50_ms": courier_hears.percentile(50),
            "courier_p95_ms": courier_hears.percentile(95),
            "customer_p50_ms": customer_hears.percentile(50),
            "customer_p95_ms": customer_hears.percentile(95),
        },
        "answer_to_own_ear": {
            "courier_p50_ms": courier_hears_own.percentile(50),
            "customer_p50_ms": customer_hears_own.percentile(50),
        },
    }))
}

async fn hang_up(stage: &mut Peer, courier: &mut Peer) -> anyhow::Result<()> {
    courier.tell(&json!({"do": "hang_up"})).await?;
    courier.expect("over").await?;
    stage.over().await
}

pub(crate) fn number(event: &Value, field: &str) -> anyhow::Result<f64> {
    event.get(field).and_then(Value::as_f64).with_context(|| format!("no `{field}` in {event}"))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn ms(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}
