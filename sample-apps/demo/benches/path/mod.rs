//! What the benchmarks over a slow path share: two network namespaces with a round trip of 100 ms between them. In the right
//! one is the stage (the company's programs and the customer's phone), in the left one the courier's app; both are the
//! benchmark's own program again, and what it tells them and hears of them passes by pipes.

pub(crate) mod app;
pub(crate) mod figures;
pub(crate) mod peer;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use doorstep_testkit::slow_path::{Impairment, SlowPath};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use peer::Peer;

/// One way; the round trip is twice that and what the machine adds.
const DELAY: Duration = Duration::from_millis(50);
/// For anything to happen, on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The order that all calls are about.
pub(crate) const ORDER: &str = "4711";
/// This machine cannot run it.
const IMPOSSIBLE: u8 = 2;

/// One of them.
pub(crate) trait Benchmark {
    const NAME: &'static str;

    /// The right end.
    async fn stage() -> anyhow::Result<()>;

    /// The left end.
    async fn courier() -> anyhow::Result<()>;

    /// Makes `n` calls of each kind and prints what they showed; returns the same as an object.
    async fn measure(n: u32, ends: &mut Ends<'_>) -> anyhow::Result<Value>;
}

/// Both ends, and the path between them.
pub(crate) struct Ends<'a> {
    pub(crate) path: &'a SlowPath,
    pub(crate) stage: Peer,
    pub(crate) courier: Peer,
}

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

pub(crate) fn main<B: Benchmark>() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: no runtime: {error}", B::NAME);
            return ExitCode::FAILURE;
        }
    };
    let done = match cli.role {
        Some(Role::Stage) => runtime.block_on(until_told(B::stage())),
        Some(Role::Courier) => runtime.block_on(until_told(B::courier())),
        None => match SlowPath::new(Impairment::delay(DELAY), 1) {
            Ok(path) => runtime.block_on(measure::<B>(&cli, &path)),
            Err(error) => {
                let needs = "network namespaces are needed (root, /dev/net/tun, iproute2)";
                eprintln!("{}: {needs}: {error}", B::NAME);
                return ExitCode::from(IMPOSSIBLE);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", B::NAME);
            ExitCode::FAILURE
        }
    }
}

/// An end stops when its orders do: an interrupt from the terminal reaches it too, and must not keep it from stopping the
/// programs that it has started.
async fn until_told(end: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let _not_followed = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    end.await
}

async fn measure<B: Benchmark>(cli: &Cli, path: &SlowPath) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (stage, courier) = (Peer::start("stage", path.right())?, Peer::start("courier", path.left())?);
    let mut ends = Ends { path, stage, courier };
    let measured = tokio::select! {
        measured = B::measure(cli.n, &mut ends) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    // Also after a failure, so that no program outlives the benchmark.
    let ended = [ends.courier.end().await, ends.stage.end().await];
    let result = measured?;
    for end in ended {
        end?;
    }
    if cli.json {
        println!("{result}");
    }
    Ok(())
}

/// The gateway's configuration for couriers who come over the path.
pub(crate) fn far_edge() -> Vec<(String, String)> {
    const ADDRESS: &str = "10.98.0.2";
    vec![
        ("edge.listen".to_owned(), format!("\"{ADDRESS}:0\"")),
        ("media.edge_ips".to_owned(), format!("[\"{ADDRESS}\"]")),
    ]
}

pub(crate) fn number(event: &Value, field: &str) -> anyhow::Result<f64> {
    event.get(field).and_then(Value::as_f64).with_context(|| format!("no `{field}` in {event}"))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn ms(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}
