//! `cargo xtask demo desktop`: the courier's app in a window, with a gateway and a customer's phone beside it, or for a gateway of yours.

use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;

use crate::bindgen::{BUILD, Built};
use crate::build;
use crate::setup::{self, Part};
use crate::term;

/// Builds the library and the app, and waits until its window is closed.
pub(crate) fn run(own_gateway: bool) -> anyhow::Result<ExitCode> {
    setup::provide(&[Part::Build, Part::Kotlin])?;
    term::say(
        "Building the library, the gateway and the customer's phone (the first time takes a few minutes)",
    );
    let built = Built::new(&BUILD)?;
    let generated = build::root().join("target/kotlin/generated");
    built.write("kotlin", &generated)?;
    term::say("Building the courier's app; its window opens in a moment");
    let status = Command::new("mvn")
        .args([
            "--batch-mode",
            "--quiet",
            "-Prun",
            "-pl",
            "../sample-apps/courier-desktop",
            "-am",
            "process-classes",
        ])
        .arg(format!("-Ddoorstep.generated={}", generated.display()))
        .arg(format!("-Ddoorstep.library={}", built.folder.display()))
        .arg(format!("-Ddoorstep.programs={}", built.folder.display()))
        .arg(format!("-Dcourier.arguments={}", if own_gateway { "" } else { "demo" }))
        .current_dir(build::root().join("bindings-kotlin"))
        .stdin(Stdio::null())
        .status()
        .context("mvn could not be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
