//! Calls of every kind, searched for what must not cross: `cargo xtask bench leaks [--json] [-- --calls N --seed N]`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use doorstep_demo::campaign;

/// Makes calls of every kind through one gateway and searches all that either side could see.
#[derive(Parser)]
struct Args {
    /// How many calls.
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// What is random follows from it; the same seed makes the same calls.
    #[arg(long)]
    seed: Option<u64>,
    /// The last line is one JSON object.
    #[arg(long)]
    json: bool,
    /// Cargo's own.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    let folder = tempfile::tempdir().context("no room for temporary files")?;
    let mut out = std::io::stdout();
    writeln!(out, "{} calls, seed {seed}", args.calls)?;
    let report = campaign::run(folder.path(), args.calls, seed, |done| {
        if done % 50 == 0 {
            // Progress that nobody reads is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{done} calls");
        }
    })
    .await?;
    for leak in &report.leaks {
        writeln!(out, "LEAK: {leak}")?;
    }
    writeln!(
        out,
        "{} calls of {} kinds, {} of them answered; {} packets at the courier's ear, {} at the customer's; {} kB of \
         signalling, media, logs and HTTP answers searched, {} hits",
        report.calls,
        report.plots,
        report.answered,
        report.courier_packets.total(),
        report.customer_packets.total(),
        report.bytes / 1000,
        report.leaks.len()
    )?;
    if args.json {
        writeln!(out, "{}", serde_json::json!({"calls": report.calls, "hits": report.leaks.len()}))?;
    }
    Ok(if report.leaks.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
