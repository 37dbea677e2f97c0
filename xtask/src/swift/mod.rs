//! `cargo xtask swift`: runs a command of Swift's in `bindings-swift`, with the library at hand.

pub(crate) mod chroot;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::bindgen::{self, Built};
use crate::build;
use crate::setup;

/// Options of `swift`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder that holds the library, the programs and uniffi-bindgen: then nothing is built.
    #[arg(long, value_name = "DIR")]
    prebuilt: Option<PathBuf>,
    /// The command; `swift build` when left out.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Does it; the command's exit status becomes this program's.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    setup::provide(&[setup::Part::Swift])?;
    let built = match &args.prebuilt {
        Some(folder) => Built::before(folder)?,
        None => Built::new(&bindgen::BUILD)?,
    };
    write_bindings(&built)?;
    let words =
        if args.command.is_empty() { &["swift".to_owned(), "build".to_owned()] } else { &args.command[..] };
    let status = command(&built, words)?.status().context("Swift could not be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// The Swift package.
pub(crate) fn home() -> PathBuf {
    build::root().join("bindings-swift")
}

/// As [`command`], ended by force after so many seconds.
pub(crate) fn limited(built: &Built, seconds: &str, words: &[String]) -> anyhow::Result<Command> {
    let limit = ["timeout", "--kill-after=10", seconds].map(str::to_owned);
    enter(built, &[&limit, &linked(built, words)[..]].concat())
}

/// A command in the Swift package; SwiftPM's find the library.
pub(crate) fn command(built: &Built, words: &[String]) -> anyhow::Result<Command> {
    enter(built, &linked(built, words))
}

fn linked(built: &Built, words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    if let [swift, verb, ..] = &words[..]
        && swift == "swift"
        && ["build", "test", "run"].contains(&verb.as_str())
    {
        words.splice(2..2, ["-Xlinker".to_owned(), format!("-L{}", built.folder.display())]);
    }
    words
}

fn enter(built: &Built, words: &[String]) -> anyhow::Result<Command> {
    let folder = built.folder.display().to_string();
    let mut variables = vec![("LD_LIBRARY_PATH", folder.clone()), ("DOORSTEP_PROGRAMS", folder)];
    if let Ok(ci) = std::env::var("CI") {
        variables.push(("CI", ci));
    }
    chroot::command(&home(), &[&build::root(), &built.folder], &variables, words)
}

/// Writes `bindings-swift/Generated`. A file that stays the same keeps its time, so that Swift does not compile it again.
pub(crate) fn write_bindings(built: &Built) -> anyhow::Result<()> {
    let fresh = build::root().join("target/swift/generated");
    built.write("swift", &fresh)?;
    let headers = build::root().join("core/ffi/include");
    let generated = home().join("Generated");
    place(&fresh.join("DoorstepCore.swift"), &generated.join("DoorstepCore"))?;
    place(&fresh.join("DoorstepCoreFFI.h"), &generated.join("DoorstepCoreFFI"))?;
    for header in ["doorstep_audio.h", "module.modulemap"] {
        place(&headers.join(header), &generated.join("DoorstepCoreFFI"))?;
    }
    Ok(())
}

fn place(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let text = fs::read(file).with_context(|| file.display().to_string())?;
    let to = folder.join(file.file_name().context("a file without a name")?);
    if fs::read(&to).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::write(&to, text).with_context(|| to.display().to_string())
}
