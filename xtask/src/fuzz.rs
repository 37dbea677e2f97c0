//! `cargo xtask fuzz`: every target of `fuzz/` for a while, on nightly Rust with the address sanitizer.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

use crate::build;
use crate::setup::{self, Part};
use crate::term;

/// Options of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these targets.
    targets: Vec<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Does it. Every target runs, also after one found something.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    setup::provide(&[Part::Build, Part::Fuzz])?;
    let known = targets()?;
    if let Some(unknown) = args.targets.iter().find(|target| !known.contains(target)) {
        bail!("there is no fuzz target `{unknown}`; there are: {}", known.join(", "));
    }
    let chosen = if args.targets.is_empty() { &known } else { &args.targets };
    let mut failed = Vec::new();
    for target in chosen {
        term::say(&format!("Fuzzing {target} for {} s", args.seconds));
        let status = Command::new("cargo")
            .args(["+nightly", "fuzz", "run", target, "--", "-print_final_stats=1", "-rss_limit_mb=4096"])
            .arg(format!("-max_total_time={}", args.seconds))
            .current_dir(build::root())
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN")
            .status()
            .context("cargo fuzz could not be started")?;
        if !status.success() {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        println!("{} fuzz targets, {} s each, nothing found", chosen.len(), args.seconds);
        return Ok(ExitCode::SUCCESS);
    }
    println!("found something: {} (inputs in fuzz/artifacts; make each a test)", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn targets() -> anyhow::Result<Vec<String>> {
    let folder = build::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
