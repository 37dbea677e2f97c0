//! `cargo xtask size`: bytes of the library per target, what they are made of, and whether they keep to the budget.

mod makeup;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::build;
use crate::cross::{self, Target};
use crate::setup;
use crate::term;
use makeup::Makeup;

/// What each target may be at most.
const BUDGET: &str = "core/ffi/size-budget.json";

/// Options of `size`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For whom; arm64 of Android and iOS when left out.
    #[arg(long = "target")]
    targets: Vec<Target>,
    /// The last line printed is one JSON object with the numbers.
    #[arg(long)]
    json: bool,
}

/// One target's numbers, in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Size {
    /// Rust's name for it.
    pub target: &'static str,
    /// As built, with its symbols.
    pub raw: u64,
    /// As shipped.
    pub stripped: u64,
    /// As shipped, by `gzip -9`: about what a store sends.
    pub compressed: u64,
    /// What it is made of. A static library's objects are not linked yet, and have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub makeup: Option<Makeup>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Budget {
    stripped: u64,
    compressed: u64,
}

#[derive(Serialize)]
struct Report {
    targets: Vec<Size>,
}

/// Does it; fails when a target is larger than it may be.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let phones = [Target::AndroidArm64, Target::IosArm64];
    let targets = if args.targets.is_empty() { &phones[..] } else { &args.targets };
    if targets.iter().any(|target| target.toolchain().is_none()) {
        setup::provide(&[setup::Part::Cross])?;
    }
    let mut sizes = Vec::new();
    for target in targets {
        sizes.push(measure(*target)?);
    }
    for size in &sizes {
        show(size);
    }
    let over = over_budget(&sizes)?;
    for excess in &over {
        println!("{} {excess}", term::red("TOO LARGE"));
    }
    if args.json {
        println!("{}", serde_json::to_string(&Report { targets: sizes })?);
    }
    Ok(if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds for a target and weighs what comes out.
pub(crate) fn measure(target: Target) -> anyhow::Result<Size> {
    let library = cross::build(target)?;
    let is_static = library.extension().is_some_and(|extension| extension == "a");
    let makeup = if is_static || cfg!(not(target_os = "linux")) { None } else { Some(Makeup::of(&library)?) };
    let stripped = library.with_extension("stripped");
    strip(target, &library, &stripped, is_static)?;
    Ok(Size {
        target: target.triple(),
        raw: std::fs::metadata(&library)?.len(),
        stripped: std::fs::metadata(&stripped)?.len(),
        compressed: compressed(&stripped)?,
        makeup,
    })
}

/// What is larger than it may be, in words.
pub(crate) fn over_budget(sizes: &[Size]) -> anyhow::Result<Vec<String>> {
    let path = build::root().join(BUDGET);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let budgets: BTreeMap<String, Budget> = serde_json::from_str(&text).with_context(|| BUDGET.to_owned())?;
    Ok(excesses(sizes, &budgets))
}

fn excesses(sizes: &[Size], budgets: &BTreeMap<String, Budget>) -> Vec<String> {
    let mut over = Vec::new();
    for size in sizes {
        let Some(budget) = budgets.get(size.target) else { continue };
        for (what, is, may) in
            [("stripped", size.stripped, budget.stripped), ("compressed", size.compressed, budget.compressed)]
        {
            if is > may {
                over.push(format!("{}: {is} bytes {what}, and {may} may be ({BUDGET})", size.target));
            }
        }
    }
    over
}

/// Without what only a debugger reads.
pub(crate) fn strip(target: Target, library: &Path, out: &Path, is_static: bool) -> anyhow::Result<()> {
    // GNU's knows this machine's files only.
    let program = if target == Target::Host { "strip" } else { "llvm-strip-19" };
    let how: &[&str] = if is_static { &["--strip-debug"] } else { &["--strip-all"] };
    let status = Command::new(program).args(how).arg("-o").arg(out).arg(library).status();
    if !status.with_context(|| format!("{program} could not be started"))?.success() {
        bail!("{} could not be stripped", library.display());
    }
    Ok(())
}

fn compressed(file: &Path) -> anyhow::Result<u64> {
    let output = Command::new("gzip").args(["-9", "--stdout"]).arg(file).output();
    let output = output.context("gzip could not be started")?;
    if !output.status.success() {
        bail!("{} could not be compressed", file.display());
    }
    Ok(output.stdout.len() as u64)
}

fn show(size: &Size) {
    let mega = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
    println!(
        "{}: {} stripped, {} compressed ({} with symbols)",
        term::bold(size.target),
        mega(size.stripped),
        mega(size.compressed),
        mega(size.raw)
    );
    let Some(makeup) = &size.makeup else { return };
    for part in &makeup.sections {
        println!("    {:>9}  {}", part.bytes, part.name);
    }
    println!("  code by crate:");
    for part in &makeup.crates {
        println!("    {:>9}  {}", part.bytes, part.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(target: &'static str, stripped: u64, compressed: u64) -> Size {
        Size { target, raw: 9, stripped, compressed, makeup: None }
    }

    #[test]
    fn what_exceeds_its_budget_is_told() {
        let budgets = BTreeMap::from([("a".to_owned(), Budget { stripped: 10, compressed: 5 })]);
        assert!(excesses(&[size("a", 10, 5), size("no-budget", 99, 99)], &budgets).is_empty());
        let over = excesses(&[size("a", 11, 6)], &budgets);
        assert_eq!(over.len(), 2, "{over:?}");
        assert!(over[0].contains("11 bytes stripped, and 10 may be"));
    }

    #[test]
    fn the_budget_can_be_read() {
        assert!(over_budget(&[size("aarch64-linux-android", u64::MAX, 0)]).is_ok_and(|over| over.len() == 1));
    }
}
