//! `cargo xtask demo`: installs what is missing, builds the programs, and hands over to the demo.

use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::build::{self, PROGRAMS};
use crate::desktop;
use crate::setup::{self, Part};
use crate::term;

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Show {
    /// The courier's app in a window, to be clicked.
    Desktop,
}

/// Options of the demo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A timeline in the terminal when left out.
    #[arg(conflicts_with_all = ["live", "headless", "json", "release"])]
    show: Option<Show>,
    /// With `desktop`: starts no gateway, the window signs in to one of yours.
    #[arg(long, requires = "show")]
    own_gateway: bool,
    /// The courier speaks and listens through this computer's microphone and speaker.
    #[arg(long)]
    live: bool,
    /// No colours and no screen tricks.
    #[arg(long)]
    headless: bool,
    /// One JSON object per event on stdout, the summary last.
    #[arg(long)]
    json: bool,
    /// Build for release: slower to build, faster to run.
    #[arg(long)]
    release: bool,
}

/// Does it; the demo's exit status becomes this program's.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.show == Some(Show::Desktop) {
        return desktop::run(args.own_gateway);
    }
    setup::provide(&[Part::Build, Part::Sounds])?;
    if args.live {
        setup::provide(&[Part::Live])?;
    }
    let mut cargo = vec!["build", "--bins"];
    if args.release {
        cargo.push("--release");
        for program in PROGRAMS {
            cargo.extend(["--package", program]);
        }
    } else {
        // The features of shared crates follow from the packages that are built together: with those of `cargo xtask test`,
        // neither builds again what the other has built. This program runs, and must not be replaced.
        cargo.extend(["--workspace", "--exclude", "xtask", "--features", "doorstep-testkit/as-in-tests"]);
    }
    if args.live {
        cargo.extend(["--features", "courier-cli/live"]);
    }
    term::say(
        "Building gateway, push-service, courier's app, customer's phone and demo (the first time takes a few minutes)",
    );
    let demo = build::executables(&cargo)?
        .into_iter()
        .find(|built| built.kind == "bin" && built.package == "doorstep-demo")
        .context("cargo built no demo")?;
    let mut command = Command::new(demo.path);
    for (given, flag) in [(args.live, "--live"), (args.headless, "--headless"), (args.json, "--json")] {
        if given {
            command.arg(flag);
        }
    }
    hand_over(command)
}

/// The demo takes this process's place, so that Ctrl-C reaches it alone and it can stop its children.
#[cfg(unix)]
fn hand_over(mut command: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).context("the demo could not be started")
}

#[cfg(not(unix))]
fn hand_over(mut command: Command) -> anyhow::Result<ExitCode> {
    let status = command.status().context("the demo could not be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
