//! `cargo xtask package`: what integrators add to their apps, built, and checked before anybody gets it.

mod android;
mod contents;
mod ios;
mod licences;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::build;
use crate::cross::{self, Target};
use crate::setup;
use crate::size;
use crate::term;

/// Options of `package`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// The libraries of the AAR, one for each ABI that can be built here.
    Android,
    /// The XCFramework on a Mac; elsewhere a static library to look at.
    Ios,
    /// Licences of everything that is linked, the list of it (CycloneDX), and what the libraries hold that were packaged.
    Check,
}

/// Does it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let faults = match args.what {
        What::Android => android::package()?,
        What::Ios => ios::package()?,
        What::Check => {
            let mut faults = licences::check()?;
            faults.extend(android::check()?);
            faults
        }
    };
    for fault in &faults {
        println!("{} {fault}", term::red("FAULT"));
    }
    if faults.is_empty() {
        println!("{}", term::green("nothing is wrong with it"));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where packages are put.
fn folder() -> PathBuf {
    build::root().join("target/package")
}

/// Builds for those of the targets that can be built here, puts each library where `place` says, stripped, and tells which were
/// left out. `false` says that what came out is for looking at only.
fn libraries(targets: &[Target], place: impl Fn(Target) -> PathBuf) -> anyhow::Result<bool> {
    if targets.iter().all(|target| target.toolchain().is_none()) {
        setup::provide(&[setup::Part::Cross])?;
    }
    let mut ships = true;
    for target in targets {
        let Some(toolchain) = target.toolchain() else {
            term::say(&format!("{} cannot be built on this machine and is left out", target.triple()));
            ships = false;
            continue;
        };
        let library = cross::build(*target)?;
        let place = place(*target);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let is_static = library.extension().is_some_and(|extension| extension == "a");
        size::strip(*target, &library, &place, is_static)?;
        ships &= toolchain.ships();
        println!("{} ({} bytes)", place.display(), std::fs::metadata(&place)?.len());
    }
    if !ships {
        term::say(
            "For looking at, not for shipping: a release is built with Google's NDK and Apple's Xcode \
             (docs/verification.md)",
        );
    }
    Ok(ships)
}
