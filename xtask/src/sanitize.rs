//! `cargo xtask sanitize`: the tests of the library that phones get, under LLVM's sanitizers on nightly Rust: once for memory that
//! is used after its end or never freed, once for data that two threads touch at a time.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::build;
use crate::setup::{self, Part};
use crate::term;

/// They run on Linux, and need the target named so that build scripts stay as they are.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const PACKAGE: &str = "doorstep-ffi";

/// Options of `sanitize`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these.
    sanitizers: Vec<Sanitizer>,
    /// Only tests whose name holds this.
    #[arg(long)]
    filter: Option<String>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sanitizer {
    /// Memory: AddressSanitizer, with LeakSanitizer at each program's end.
    Address,
    /// Races: ThreadSanitizer.
    Thread,
}

impl Sanitizer {
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// A race may be between our code and the standard library's: for that both must be built with it. Memory is watched at its
    /// allocator's.
    const fn builds_std(self) -> bool {
        match self {
            Self::Address => false,
            Self::Thread => true,
        }
    }

    const fn options(self) -> (&'static str, &'static str) {
        match self {
            Self::Address => {
                ("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0")
            }
            // libopus and ring's assembler are not built with it.
            Self::Thread => {
                ("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=0")
            }
        }
    }
}

/// Does it; every sanitizer runs, also after one found something.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    setup::provide(&[Part::Build, Part::Sanitize])?;
    let all = Sanitizer::value_variants();
    let chosen = if args.sanitizers.is_empty() { all } else { &args.sanitizers };
    let mut found = Vec::new();
    for sanitizer in chosen {
        term::say(&format!(
            "The library's tests under the {} sanitizer (builds for minutes at first)",
            sanitizer.name()
        ));
        if !passes(*sanitizer, args.filter.as_deref())? {
            found.push(sanitizer.name());
        }
    }
    if found.is_empty() {
        println!("{} sanitizers, nothing found", chosen.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} by: {}", term::red("FOUND"), found.join(", "));
    Ok(ExitCode::FAILURE)
}

fn passes(sanitizer: Sanitizer, filter: Option<&str>) -> anyhow::Result<bool> {
    // rustup's, since cargo's own variable names the stable one.
    let mut command = std::process::Command::new("cargo");
    command.arg("+nightly").args(["test", "--package", PACKAGE, "--lib", "--tests", "--no-fail-fast"]);
    command.args(["--target", TARGET, "--target-dir"]).arg(format!("target/{}-sanitizer", sanitizer.name()));
    if sanitizer.builds_std() {
        command.arg("-Zbuild-std");
    }
    command.arg("--").args(filter);
    let (variable, options) = sanitizer.options();
    command
        .current_dir(build::root())
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("RUSTFLAGS", format!("-Zsanitizer={}", sanitizer.name()))
        .env(variable, options);
    let status = command.status().context("cargo could not be started")?;
    Ok(status.success())
}
