//! `cargo xtask test`: everything that must hold.
//!
//! The workspace is built once; each test program then runs on its own, so that its tests can be counted by part. The
//! last line printed is `N passed, N failed, N skipped`.

mod kotlin;
mod libtest;
mod manifest;
mod parts;
mod run;
mod swift;

use std::collections::BTreeMap;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::bindgen;
use crate::build;
use crate::setup;
use crate::term;
use libtest::Outcome;
use parts::Part;

/// Everything, in one build.
const WORKSPACE: [&str; 5] = ["build", "--workspace", "--lib", "--bins", "--tests"];

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these parts.
    parts: Vec<Part>,
    /// Only tests whose name holds this.
    #[arg(long)]
    filter: Option<String>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    tools(ci, args.parts.is_empty())?;
    let mut results = Results::default();
    let chosen = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    if args.filter.is_none() {
        if chosen(Part::Fmt) {
            check(&mut results, Part::Fmt, &["fmt", "--all", "--check"])?;
        }
        if chosen(Part::Clippy) {
            let args = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            check(&mut results, Part::Clippy, &args)?;
        }
    }
    test_programs(args, ci, &mut results)?;
    if chosen(Part::Kotlin) {
        kotlin_tests(args, ci, &mut results)?;
    }
    if chosen(Part::Swift) {
        swift_tests(args, ci, &mut results)?;
    }
    if chosen(Part::Doc) {
        doc_tests(args, &mut results)?;
    }
    Ok(results.report())
}

/// A whole run gets what it needs. Where that cannot be had, CI fails and anybody else's tests that lack a tool are skipped.
fn tools(ci: bool, whole: bool) -> anyhow::Result<()> {
    let needed = [
        setup::Part::Build,
        setup::Part::Sounds,
        setup::Part::Test,
        setup::Part::Namespaces,
        setup::Part::Kotlin,
        setup::Part::Swift,
    ];
    if ci {
        return setup::provide(&needed);
    }
    setup::provide(&needed[..1])?;
    if whole && let Err(error) = setup::provide(&needed) {
        term::say(&format!("not everything could be installed: {error:#}"));
    }
    for tool in setup::missing(&needed) {
        term::say(&format!(
            "{} is missing: `cargo xtask setup` gets it; till then some tests are skipped",
            tool.name
        ));
    }
    Ok(())
}

/// A command that is one check.
fn check(results: &mut Results, part: Part, args: &[&str]) -> anyhow::Result<()> {
    let start = Instant::now();
    term::say(&format!("cargo {}", args.join(" ")));
    let status = build::cargo(args).stdout(std::io::stderr()).status()?;
    let outcome = if status.success() {
        Outcome::one_passed()
    } else {
        Outcome::one_failed(&format!("cargo {}", args.join(" ")), "see above".to_owned())
    };
    results.add(part, part.name(), start.elapsed(), outcome);
    Ok(())
}

fn test_programs(args: &Args, ci: bool, results: &mut Results) -> anyhow::Result<()> {
    let builds = if args.parts.is_empty() {
        vec![WORKSPACE.to_vec()]
    } else {
        args.parts.iter().filter_map(|part| part.build()).collect()
    };
    let mut programs = Vec::new();
    for build in builds {
        term::say("Building the tests");
        let Ok(built) = build::executables(&build) else {
            let failed = Outcome::one_failed(&format!("cargo {}", build.join(" ")), "see above".to_owned());
            results.add(Part::Other, "build", Duration::ZERO, failed);
            return Ok(());
        };
        for program in built {
            let wanted = args.parts.is_empty() || args.parts.contains(&Part::of(&program));
            if program.is_test && wanted && !programs.contains(&program) {
                programs.push(program);
            }
        }
    }
    if programs.is_empty() && args.parts.iter().any(|part| part.build().is_some()) {
        bail!("no test program was built for this part");
    }
    programs.sort_by_key(|program| (Part::of(program), program.kind != "lib", program.target.clone()));
    for program in programs {
        let start = Instant::now();
        let outcome = run::test_program(&program, args.filter.as_deref(), ci)?;
        let kind = if program.kind == "test" { "" } else { " (unit tests)" };
        results.add(Part::of(&program), &format!("{}{kind}", program.target), start.elapsed(), outcome);
    }
    Ok(())
}

fn kotlin_tests(args: &Args, ci: bool, results: &mut Results) -> anyhow::Result<()> {
    let start = Instant::now();
    let outcome = match setup::missing(&[setup::Part::Kotlin]).first() {
        Some(tool) if !ci => Outcome::one_skipped("mvn test", format!("{} is missing", tool.name)),
        Some(_) | None => kotlin::run(
            if args.parts.is_empty() { &WORKSPACE } else { &bindgen::BUILD },
            args.filter.as_deref(),
        )?,
    };
    results.add(Part::Kotlin, "bindings-kotlin", start.elapsed(), outcome);
    Ok(())
}

fn swift_tests(args: &Args, ci: bool, results: &mut Results) -> anyhow::Result<()> {
    let start = Instant::now();
    let outcome = match setup::missing(&[setup::Part::Swift]).first() {
        Some(tool) if !ci => Outcome::one_skipped("swift test", format!("{} is missing", tool.name)),
        Some(_) | None => swift::run(
            if args.parts.is_empty() { &WORKSPACE } else { &bindgen::BUILD },
            args.filter.as_deref(),
        )?,
    };
    results.add(Part::Swift, "bindings-swift", start.elapsed(), outcome);
    Ok(())
}

fn doc_tests(args: &Args, results: &mut Results) -> anyhow::Result<()> {
    let start = Instant::now();
    term::say("Running the examples in the documentation");
    let mut command = build::cargo(&["test", "--workspace", "--doc", "--", "--show-output"]);
    command.args(args.filter.as_deref()).stderr(Stdio::inherit());
    let outcome = run::harness(command, Duration::from_secs(20 * 60))?;
    results.add(Part::Doc, "examples", start.elapsed(), outcome);
    Ok(())
}

/// Results by part.
#[derive(Default)]
struct Results {
    parts: BTreeMap<Part, (Outcome, Duration)>,
}

impl Results {
    /// Notes a result and shows it in a line.
    fn add(&mut self, part: Part, what: &str, took: Duration, outcome: Outcome) {
        let mut counts = format!("{:>4} passed", outcome.passed);
        if !outcome.skipped.is_empty() {
            counts += &term::yellow(&format!(", {} skipped", outcome.skipped.len()));
        }
        if !outcome.failures.is_empty() {
            counts += &term::red(&format!(", {} FAILED", outcome.failures.len()));
        }
        println!("  {:<8} {what:<40} {counts}  ({})", part.name(), term::duration(took));
        let entry = self.parts.entry(part).or_default();
        entry.0.add(outcome);
        entry.1 += took;
    }

    /// Shows what failed, what was skipped and why, the table, and the last line.
    fn report(self) -> ExitCode {
        for (part, (outcome, _)) in &self.parts {
            for (name, said) in &outcome.failures {
                println!("\n{} {}: {name}", term::red("FAILED"), part.name());
                for line in said.trim_end().lines() {
                    println!("    {line}");
                }
            }
        }
        println!();
        for (part, (outcome, _)) in &self.parts {
            for (name, why) in &outcome.skipped {
                println!("{} {}: {name}: {why}", term::yellow("SKIPPED"), part.name());
            }
        }
        println!("\n{:<10}{:>8}{:>8}{:>9}    time", "part", "passed", "failed", "skipped");
        let mut all = Outcome::default();
        for (part, (outcome, took)) in self.parts {
            let (failed, skipped) = (outcome.failures.len(), outcome.skipped.len());
            let name = part.name();
            println!("{name:<10}{:>8}{failed:>8}{skipped:>9}    {}", outcome.passed, term::duration(took));
            all.add(outcome);
        }
        let failed = all.failures.len();
        let verdict = if failed == 0 { term::green("all held") } else { term::red("not all held") };
        println!("\n{verdict}");
        println!("{} passed, {failed} failed, {} skipped", all.passed, all.skipped.len());
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
