//! Set-up, demo, tests, benchmarks and fuzzing: the same command here and in CI.
//!
//! Depends on little, so that the first `cargo xtask` on a fresh machine answers within seconds.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod bench;
mod bindgen;
mod build;
mod cross;
mod demo;
mod desktop;
mod display;
mod elf;
mod fuzz;
mod package;
mod sanitize;
mod setup;
mod size;
mod swift;
mod term;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Doorstep's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo                  two calls through the gateway, told as a timeline
  cargo xtask demo desktop          the courier's app in a window, and a customer's phone to call
  cargo xtask test                  everything, as in CI
  cargo xtask test sip gateway      two parts
  cargo xtask test sip --filter tag the tests of one part whose name holds `tag`
  cargo xtask bench media --json    one benchmark, its numbers as the last line
  cargo xtask size --json           how large the library is, and of what
  cargo xtask package android       the AAR's libraries, checked
  cargo xtask swift -- swift build  compile the Swift package
  cargo xtask setup fuzz            install what fuzzing needs";

#[derive(Subcommand)]
enum Command {
    /// Installs what a part needs and this machine lacks.
    Setup(setup::Args),
    /// Runs a courier, a gateway and a customer's phone, and tells what happened.
    Demo(demo::Args),
    /// Runs the formatter's check, the lints and the tests, of everything or of parts.
    Test(test::Args),
    /// Builds for release and measures.
    Bench(bench::Args),
    /// Feeds every parser with rubbish, for a while.
    Fuzz(fuzz::Args),
    /// Runs the library's tests with every access to memory watched.
    Sanitize(sanitize::Args),
    /// Builds the SDK's packages and checks what is in them.
    Package(package::Args),
    /// Tells how large the library is for phones and of what, and whether it keeps to its budget.
    Size(size::Args),
    /// Runs a command, such as `swift test`, in the Swift package.
    Swift(swift::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(args) => setup::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Sanitize(args) => sanitize::run(&args),
        Command::Package(args) => package::run(&args),
        Command::Size(args) => size::run(&args),
        Command::Swift(args) => swift::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{} {error:#}", term::bold("error:"));
            ExitCode::FAILURE
        }
    }
}
