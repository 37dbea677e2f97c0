//! `cargo xtask bench NAME`: builds for release and runs a benchmark.
//!
//! A benchmark is a `harness = false` bench target. It gets `--json` handed on and then prints its numbers as one
//! object in its last line; whatever else it says stands above that.

use std::io::{BufRead as _, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use crate::build::{self, PROGRAMS};
use crate::setup::{self, Part};
use crate::term;

/// Options of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which benchmark.
    name: Name,
    /// The last line printed is one JSON object with the numbers.
    #[arg(long)]
    json: bool,
    /// Handed on to the benchmark.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// The benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Round trips and time from press to ringing, and from answer to first audio, over a 100 ms path.
    Setup,
    /// Round trips and time from the customer's call to a closed app's ringing, over paths of 100 ms.
    Wake,
    /// What one Opus call costs in CPU, memory and allocations.
    Media,
    /// What a hundred calls at once cost the gateway, and how long one more takes to ring.
    Gateway,
    /// 500 calls with every failure, searched for what must not cross.
    Leaks,
    /// Wakes a second through the push service to a stand-in for Apple; `-- --gorush PATH` runs a peer beside it.
    Push,
}

impl Name {
    const fn target(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Wake => "wake",
            Self::Media => "media",
            Self::Gateway => "gateway",
            Self::Leaks => "leaks",
            Self::Push => "push",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Media => "doorstep-media",
            Self::Setup | Self::Wake | Self::Gateway | Self::Leaks => "doorstep-demo",
            Self::Push => "doorstep-push",
        }
    }

    fn needs(self) -> &'static [Part] {
        match self {
            Self::Setup | Self::Wake => &[Part::Build, Part::Namespaces],
            Self::Media | Self::Gateway | Self::Leaks => &[Part::Build, Part::Sounds],
            Self::Push => &[Part::Build],
        }
    }

    /// Whether it runs the gateway and its peers as processes.
    const fn runs_programs(self) -> bool {
        match self {
            Self::Media | Self::Push => false,
            Self::Setup | Self::Wake | Self::Gateway | Self::Leaks => true,
        }
    }
}

/// Does it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    setup::provide(args.name.needs())?;
    term::say("Building for release (the first time takes several minutes)");
    let mut cargo =
        vec!["build", "--release", "--package", args.name.package(), "--bench", args.name.target()];
    if args.name.runs_programs() {
        for program in PROGRAMS.iter().filter(|program| **program != args.name.package()) {
            cargo.extend(["--package", program]);
        }
        cargo.push("--bins");
    }
    let bench = build::executables(&cargo)?
        .into_iter()
        .find(|built| built.kind == "bench" && built.target == args.name.target())
        .context("cargo built no such benchmark")?;

    let mut command = std::process::Command::new(&bench.path);
    command.current_dir(&bench.package_dir).args(&args.rest).stdout(Stdio::piped());
    if args.json {
        command.arg("--json");
    }
    let mut child = command.spawn().context("the benchmark could not be started")?;
    let mut last = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            last = line?;
            println!("{last}");
        }
    }
    let status = child.wait()?;
    if args.json && status.success() && !is_object(&last) {
        bail!("the benchmark's last line is no JSON object");
    }
    // A benchmark says by its own status whether it failed (1) or cannot run on this machine (2).
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn is_object(line: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok()
}
