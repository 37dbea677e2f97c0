//! `cargo xtask setup`: what each part of the work needs beyond Rust, and how Debian gets it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use crate::cross;
use crate::swift;
use crate::term;

/// Options of `setup`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which part to prepare for; everything when left out.
    parts: Vec<Part>,
    /// Only say what is missing; exit 1 when something is.
    #[arg(long)]
    check: bool,
}

/// What this machine is to be prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Building every program.
    Build,
    /// Recorded speech, which the demo's people say.
    Sounds,
    /// Microphone and speaker.
    Live,
    /// `cargo xtask test`: lints, and other people's phones.
    Test,
    /// The SDK in Kotlin.
    Kotlin,
    /// The SDK in Swift.
    Swift,
    /// The library for phones, where there is neither NDK nor Xcode.
    Cross,
    /// Network namespaces with a slow path between them.
    Namespaces,
    /// `cargo xtask fuzz`.
    Fuzz,
    /// `cargo xtask sanitize`.
    Sanitize,
}

const ALL: [Part; 10] = [
    Part::Build,
    Part::Sounds,
    Part::Live,
    Part::Test,
    Part::Kotlin,
    Part::Swift,
    Part::Cross,
    Part::Namespaces,
    Part::Fuzz,
    Part::Sanitize,
];

impl Part {
    const fn tools(self) -> &'static [Tool] {
        match self {
            Self::Build => &[CC, MAKE, CMAKE],
            Self::Sounds => &[SOUNDS],
            Self::Live => &[PKG_CONFIG, ALSA],
            Self::Test => &[RUSTFMT, CLIPPY, SIPP, BARESIP, POSTGRES],
            Self::Kotlin => &[JDK, WINDOWS, XVFB, MAVEN],
            Self::Swift => &[MMDEBSTRAP, KEYRING, SWIFT],
            Self::Cross => &[CC, CMAKE, CLANG, LLD, LLVM, LIBLLVM, LIBGIT, RUST_FOR_PHONES],
            Self::Namespaces => &[IPROUTE],
            Self::Fuzz => &[NIGHTLY, CARGO_FUZZ],
            Self::Sanitize => &[NIGHTLY, NIGHTLY_SOURCES],
        }
    }
}

const CC: Tool = Tool::apt("build-essential", Sign::Command("cc"), "C compiler and linker");
const MAKE: Tool = Tool::apt("make", Sign::Command("make"), "runs what cmake writes");
const CMAKE: Tool = Tool::apt("cmake", Sign::Command("cmake"), "builds the Opus codec");
const SOUNDS: Tool = Tool::apt(
    "asterisk-core-sounds-en-wav",
    Sign::File("/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav"),
    "recorded human speech, to be heard through the calls",
);
const PKG_CONFIG: Tool = Tool::apt("pkg-config", Sign::Command("pkg-config"), "finds ALSA");
const ALSA: Tool = Tool::apt(
    "libasound2-dev",
    Sign::File("/usr/include/alsa/asoundlib.h"),
    "headers of ALSA, for live sound",
);
const SIPP: Tool = Tool::apt("sip-tester", Sign::Command("sipp"), "SIPp, as the customer's phone");
const BARESIP: Tool = Tool::apt("baresip-core", Sign::Command("baresip"), "baresip, as the customer's phone");
const POSTGRES: Tool = Tool::apt(
    "postgresql",
    Sign::File("/usr/share/doc/postgresql"),
    "a Postgres that two push services share",
);
const JDK: Tool =
    Tool::apt("openjdk-17-jdk-headless", Sign::Command("javac"), "compiles and runs the SDK in Kotlin");
const WINDOWS: Tool = Tool::apt(
    "openjdk-17-jre",
    Sign::File("/usr/share/doc/openjdk-17-jre"),
    "windows of the sample app for the desktop",
);
const XVFB: Tool =
    Tool::apt("xvfb", Sign::Command("Xvfb"), "a display that nobody sees, for the tests of windows");
const MAVEN: Tool = Tool::apt("maven", Sign::Command("mvn"), "builds and tests the SDK in Kotlin");
const MMDEBSTRAP: Tool =
    Tool::apt("mmdebstrap", Sign::Command("mmdebstrap"), "unpacks the Debian that has Swift");
const KEYRING: Tool = Tool::apt(
    "debian-archive-keyring",
    Sign::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
    "the keys that Debian's packages are signed with",
);
const SWIFT: Tool = Tool {
    name: "swiftlang",
    sign: Sign::Swift,
    from: From::Chroot,
    why: "compiles and tests the SDK in Swift (2.6 GB, in a folder of its own)",
};
const CLANG: Tool = Tool::apt("clang-19", Sign::Command("clang-19"), "compiles C for phones");
const LLD: Tool = Tool::apt("lld-19", Sign::Command("ld.lld-19"), "links for phones");
const LLVM: Tool =
    Tool::apt("llvm-19", Sign::Command("llvm-ar-19"), "packs and strips what is built for phones");
const LIBLLVM: Tool =
    Tool::apt("libllvm22", Sign::File("/usr/share/doc/libllvm22"), "what Debian's Rust for phones runs with");
const LIBGIT: Tool = Tool::apt(
    "libgit2-1.5",
    Sign::File("/usr/share/doc/libgit2-1.5"),
    "what Debian's cargo for phones runs with",
);
const RUST_FOR_PHONES: Tool = Tool {
    name: "rustc-web",
    sign: Sign::Cross,
    from: From::Unpacked,
    why: "Rust with the sources of its library, for phones (730 MB, in a folder of its own)",
};
const IPROUTE: Tool = Tool::apt("iproute2", Sign::Command("ip"), "makes network namespaces");
const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    sign: Sign::Rust("rustfmt"),
    from: From::RustupComponent,
    why: "checks the code's layout",
};
const CLIPPY: Tool = Tool {
    name: "clippy",
    sign: Sign::Rust("cargo-clippy"),
    from: From::RustupComponent,
    why: "checks the code",
};
const NIGHTLY: Tool = Tool {
    name: "nightly",
    sign: Sign::Toolchain("nightly"),
    from: From::RustupToolchain,
    why: "the sanitizers need nightly Rust",
};
const NIGHTLY_SOURCES: Tool = Tool {
    name: "rust-src",
    sign: Sign::Sources("nightly"),
    from: From::NightlyComponent,
    why: "the standard library, to be built with a sanitizer",
};
const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    sign: Sign::Rust("cargo-fuzz"),
    from: From::CargoInstall,
    why: "runs the fuzz targets",
};

/// Something that a part needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// As its source calls it.
    pub name: &'static str,
    sign: Sign,
    from: From,
    /// What it is needed for.
    pub why: &'static str,
}

impl Tool {
    const fn apt(name: &'static str, sign: Sign, why: &'static str) -> Self {
        Self { name, sign, from: From::Apt, why }
    }
}

/// How to tell that a tool is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A program on the path.
    Command(&'static str),
    /// A file.
    File(&'static str),
    /// A program of the Rust toolchain that starts and knows its version.
    Rust(&'static str),
    /// A toolchain of rustup's.
    Toolchain(&'static str),
    /// The standard library's sources of a toolchain of rustup's.
    Sources(&'static str),
    /// The chroot with Swift.
    Swift,
    /// The folder with Rust for phones.
    Cross,
}

/// Who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Apt,
    RustupComponent,
    RustupToolchain,
    NightlyComponent,
    CargoInstall,
    Chroot,
    Unpacked,
}

/// `cargo xtask setup`.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let parts = if args.parts.is_empty() { &ALL[..] } else { &args.parts };
    let missing = missing(parts);
    if missing.is_empty() {
        println!("Nothing is missing.");
        return Ok(ExitCode::SUCCESS);
    }
    if args.check {
        for tool in missing {
            println!("missing: {} ({})", tool.name, tool.why);
        }
        return Ok(ExitCode::FAILURE);
    }
    install(&missing)?;
    println!("Everything is there.");
    Ok(ExitCode::SUCCESS)
}

/// Installs what the parts need and this machine lacks; silent when nothing is missing.
pub(crate) fn provide(parts: &[Part]) -> anyhow::Result<()> {
    let missing = missing(parts);
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// What the parts need and this machine lacks.
pub(crate) fn missing(parts: &[Part]) -> Vec<&'static Tool> {
    let tools = parts.iter().flat_map(|part| part.tools());
    tools.filter(|tool| !is_there(tool.sign)).collect()
}

fn is_there(sign: Sign) -> bool {
    match sign {
        Sign::Command(name) => on_path(name),
        Sign::File(path) => Path::new(path).exists(),
        // rustup puts a proxy on the path even for components that are not installed, so the program must start.
        Sign::Rust(name) => succeeds(Command::new(name).arg("--version")),
        Sign::Swift => swift::chroot::is_there(),
        Sign::Cross => cross::debian::is_there(),
        Sign::Sources(name) => sources(name).is_some_and(|folder| folder.is_dir()),
        Sign::Toolchain(name) => succeeds(Command::new("rustc").arg(format!("+{name}")).arg("--version")),
    }
}

/// Where a toolchain keeps them.
fn sources(toolchain: &str) -> Option<PathBuf> {
    let output =
        Command::new("rustc").arg(format!("+{toolchain}")).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps `ip` and its like in the sbin folders, which a plain user's path leaves out.
    let usual = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(usual).any(|folder| folder.join(name).is_file())
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn install(missing: &[&Tool]) -> anyhow::Result<()> {
    term::say("Installing what this machine lacks:");
    for tool in missing {
        let source = match tool.from {
            From::Apt => "Debian package",
            From::RustupComponent => "Rust component",
            From::RustupToolchain => "Rust toolchain",
            From::NightlyComponent => "component of nightly Rust",
            From::CargoInstall => "from crates.io",
            From::Chroot => "Debian 13's package",
            From::Unpacked => "Debian package, unpacked only",
        };
        eprintln!("    {:<28} {source}: {}", tool.name, tool.why);
    }
    let of = |from: From| -> BTreeSet<&str> {
        missing.iter().filter(|tool| tool.from == from).map(|tool| tool.name).collect()
    };
    apt_install(&of(From::Apt))?;
    for name in of(From::RustupComponent) {
        step(Command::new("rustup").args(["component", "add", name]))?;
    }
    for name in of(From::RustupToolchain) {
        step(Command::new("rustup").args(["toolchain", "install", name, "--profile", "minimal"]))?;
    }
    for name in of(From::NightlyComponent) {
        step(Command::new("rustup").args(["component", "add", name, "--toolchain", "nightly"]))?;
    }
    for name in of(From::CargoInstall) {
        step(Command::new("cargo").args(["install", "--locked", name]))?;
    }
    if !of(From::Chroot).is_empty() {
        swift::chroot::make()?;
    }
    if !of(From::Unpacked).is_empty() {
        cross::debian::make()?;
    }
    let still: Vec<_> = missing.iter().filter(|tool| !is_there(tool.sign)).map(|tool| tool.name).collect();
    if !still.is_empty() {
        bail!("installed, but still not found: {}", still.join(", "));
    }
    Ok(())
}

fn apt_install(packages: &BTreeSet<&str>) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.iter().copied().collect::<Vec<_>>().join(" ");
    if !on_path("apt-get") {
        bail!("this machine has no apt-get; please install by other means what Debian calls: {names}");
    }
    let root = is_root();
    if !root && !on_path("sudo") {
        bail!(
            "this user may not install packages and there is no sudo; as root, run: apt-get install {names}"
        );
    }
    let apt = |args: &[&str]| {
        let mut command = if root { Command::new("env") } else { Command::new("sudo") };
        // Of two runs at once the second waits for the first.
        let wait = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"];
        command.arg("DEBIAN_FRONTEND=noninteractive").args(wait).args(args);
        command
    };
    // An old list may still do, so that a mirror's hiccup here is no reason to stop.
    if let Err(error) = step(&mut apt(&["update"])) {
        term::say(&format!("The list of packages stays as it was: {error:#}"));
    }
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(packages);
    step(&mut apt(&args)).with_context(|| format!("could not install: {names}"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs a command whose output is news, not a result.
fn step(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("could not be started: {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_nowhere_is_not_there() {
        assert!(!is_there(Sign::Command("doorstep-no-such-program")));
        assert!(!is_there(Sign::File("/no/such/file")));
        assert!(!is_there(Sign::Rust("doorstep-no-such-program")));
        assert!(is_there(Sign::Command("sh")));
    }

    #[test]
    fn every_part_needs_something_and_says_why() {
        for part in ALL {
            assert!(!part.tools().is_empty());
            assert!(part.tools().iter().all(|tool| !tool.why.is_empty()));
        }
    }
}
