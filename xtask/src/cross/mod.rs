//! The library for phones: Android's `.so` files and iOS's `.a` files.
//!
//! With Google's NDK or Apple's Xcode and rustup's targets they are made to be shipped. Where there is neither, Debian's compilers
//! make a real arm64 library of either kind ([`debian`]): good to see that it builds, what it exports and how large it is.

pub(crate) mod debian;
mod ndk;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::build;
use crate::term;

/// The profile that is shipped (`Cargo.toml`; docs/adr/0014).
pub(crate) const PROFILE: &str = "sdk";
const PACKAGE: &str = "doorstep-ffi";

/// For whom the library is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// This machine.
    Host,
    /// Android's phones.
    AndroidArm64,
    /// Older ones of Android's.
    AndroidArm32,
    /// Android's emulator.
    AndroidX64,
    /// iPhones.
    IosArm64,
    /// The simulator on Apple's own processors.
    IosSimulatorArm64,
    /// The simulator on Intel's.
    IosSimulatorX64,
}

impl Target {
    /// What goes into the AAR.
    pub(crate) const ANDROID: [Self; 3] = [Self::AndroidArm64, Self::AndroidArm32, Self::AndroidX64];
    /// What goes into the XCFramework.
    pub(crate) const IOS: [Self; 3] = [Self::IosArm64, Self::IosSimulatorArm64, Self::IosSimulatorX64];

    /// Rust's name for it; `host` for this machine.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::AndroidArm64 => "aarch64-linux-android",
            Self::AndroidArm32 => "armv7-linux-androideabi",
            Self::AndroidX64 => "x86_64-linux-android",
            Self::IosArm64 => "aarch64-apple-ios",
            Self::IosSimulatorArm64 => "aarch64-apple-ios-sim",
            Self::IosSimulatorX64 => "x86_64-apple-ios",
        }
    }

    /// Android's name for it: a folder of the AAR.
    pub(crate) const fn abi(self) -> Option<&'static str> {
        match self {
            Self::AndroidArm64 => Some("arm64-v8a"),
            Self::AndroidArm32 => Some("armeabi-v7a"),
            Self::AndroidX64 => Some("x86_64"),
            Self::Host | Self::IosArm64 | Self::IosSimulatorArm64 | Self::IosSimulatorX64 => None,
        }
    }

    /// What cargo is to make of the crate.
    const fn crate_type(self) -> &'static str {
        match self {
            Self::Host | Self::AndroidArm64 | Self::AndroidArm32 | Self::AndroidX64 => "cdylib",
            Self::IosArm64 | Self::IosSimulatorArm64 | Self::IosSimulatorX64 => "staticlib",
        }
    }

    /// With what it can be built here, if it can.
    pub(crate) fn toolchain(self) -> Option<Toolchain> {
        match self {
            Self::Host => Some(Toolchain::Own),
            Self::AndroidArm64 | Self::AndroidArm32 | Self::AndroidX64 => match ndk::home() {
                Some(home) if has_std(self) => Some(Toolchain::Ndk(home)),
                Some(_) | None => self.debian(),
            },
            Self::IosArm64 | Self::IosSimulatorArm64 | Self::IosSimulatorX64 => {
                if cfg!(target_os = "macos") && has_std(self) { Some(Toolchain::Own) } else { self.debian() }
            }
        }
    }

    fn debian(self) -> Option<Toolchain> {
        (debian::is_there() && debian::builds(self)).then_some(Toolchain::Debian)
    }
}

/// Who compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// This machine's Rust by itself; on a Mac with Xcode.
    Own,
    /// Google's NDK, which lies there.
    Ndk(PathBuf),
    /// Debian's compilers, for looking at only.
    Debian,
}

impl Toolchain {
    /// Whether what it makes may be shipped.
    pub(crate) const fn ships(&self) -> bool {
        match self {
            Self::Own | Self::Ndk(_) => true,
            Self::Debian => false,
        }
    }
}

/// Builds the library and says where it is, with its symbols.
pub(crate) fn build(target: Target) -> anyhow::Result<PathBuf> {
    let Some(toolchain) = target.toolchain() else {
        bail!(
            "{} cannot be built here: it needs rustup's target with the NDK (ANDROID_NDK_HOME) or Xcode, or \
             `cargo xtask setup cross`, which builds arm64",
            target.triple()
        );
    };
    term::say(&format!("Building the library for {} (several minutes)", target.triple()));
    let mut command = match &toolchain {
        Toolchain::Own => build::cargo(&["rustc"]),
        Toolchain::Ndk(home) => ndk::cargo(home, target)?,
        Toolchain::Debian => debian::cargo(target)?,
    };
    command.args(["--package", PACKAGE, "--lib", "--profile", PROFILE, "--crate-type", target.crate_type()]);
    command.arg("--locked");
    if target != Target::Host {
        // With a target named, build scripts and macros do not get these flags.
        command.args(["--target", target.triple()]);
        command.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(target, &toolchain).join("\u{1f}"));
    }
    library(command)
}

/// What rustc and the linker are told beyond the profile (docs/adr/0014 has what each is worth).
fn rust_flags(target: Target, toolchain: &Toolchain) -> Vec<String> {
    // Functions that LLVM cuts out of others on ARM save less than the tables cost that unwinding needs for each.
    let mut flags = vec!["-Cllvm-args=-enable-machine-outliner=never".to_owned()];
    if target.abi().is_some() {
        flags.push("-Clink-arg=-Wl,-z,max-page-size=16384".to_owned());
        // Relocations in Android's own packed format: Android 6 and later read it.
        flags.push("-Clink-arg=-Wl,--pack-dyn-relocs=android".to_owned());
        flags.push("-Clink-arg=-Wl,--icf=all".to_owned());
    }
    if *toolchain == Toolchain::Debian {
        flags.extend(debian::rust_flags(target));
    }
    flags
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    filenames: Vec<PathBuf>,
}

/// Runs cargo; the library is among what it says it made.
fn library(mut command: Command) -> anyhow::Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo could not be started")?;
    let mut library = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let Ok(artifact) = serde_json::from_str::<Artifact>(&line?) else { continue };
            if artifact.package_id.contains("core/ffi") {
                let is_library = |file: &PathBuf| {
                    let extension = file.extension().and_then(|extension| extension.to_str());
                    matches!(extension, Some("so" | "dylib" | "a"))
                };
                library = artifact.filenames.into_iter().find(is_library);
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the library could not be built ({status})");
    }
    library.context("cargo built no library")
}

/// Whether this Rust has the target's standard library.
fn has_std(target: Target) -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", target.triple()]).output();
    let folder = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    folder
        .is_some_and(|folder| std::fs::read_dir(folder.trim()).is_ok_and(|mut files| files.next().is_some()))
}
