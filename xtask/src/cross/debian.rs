//! Debian's Rust with the sources of its standard library, unpacked into a folder of its own, and Debian's clang and lld: arm64
//! libraries for Android and iOS without NDK and Xcode.
//!
//! musl's headers stand in for those of Bionic and Apple, and Android's `.so` is linked against nothing: what it needs of the
//! system is left open, so that it shows everything but runs nowhere.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::{Target, ndk};
use crate::build;
use crate::term;

/// Written last: without it the folder is half-made.
const READY: &str = ".ready";
const CMAKE: &str = include_str!("clang.cmake");
const HEADERS: [(&str, &str); 2] = [
    ("TargetConditionals.h", include_str!("headers/TargetConditionals.h")),
    ("sys/sysctl.h", include_str!("headers/sys/sysctl.h")),
];
/// `rustc-web` is the Rust that Debian keeps fresh enough for browsers.
const RUST: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "libstd-rust-web-dev"];
/// libopus and rustls's `ring` are compiled with these headers.
const MUSL: &str = "musl-dev";

/// Where it is: `DOORSTEP_CROSS`, or the user's cache.
pub(crate) fn place() -> PathBuf {
    if let Some(place) = std::env::var_os("DOORSTEP_CROSS") {
        return place.into();
    }
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("doorstep/cross")
}

/// Whether it was made to its end.
pub(crate) fn is_there() -> bool {
    place().join(READY).is_file()
}

/// What can be built with it.
pub(super) const fn builds(target: Target) -> bool {
    match target {
        Target::AndroidArm64 | Target::IosArm64 | Target::IosSimulatorArm64 => true,
        Target::Host | Target::AndroidArm32 | Target::AndroidX64 | Target::IosSimulatorX64 => false,
    }
}

/// Unpacks it: a minute, 730 MB. A half-made one of an earlier try goes first.
pub(crate) fn make() -> anyhow::Result<()> {
    let place = place();
    let parent = place.parent().context("the folder for the compilers has no parent")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    // Of two runs at once the second waits, and finds it made.
    let lock = File::create(place.with_extension("lock"))?;
    lock.lock()?;
    if is_there() {
        return Ok(());
    }
    let part = place.with_extension("part");
    for half_made in [&part, &place] {
        if half_made.exists() {
            fs::remove_dir_all(half_made).with_context(|| half_made.display().to_string())?;
        }
    }
    let packages = part.join("packages");
    fs::create_dir_all(&packages)?;
    term::say(&format!("Unpacking Debian's Rust for phones into {}", place.display()));
    let version = candidate(RUST[0])?;
    let mut download: Vec<String> = RUST.iter().map(|name| format!("{name}={version}")).collect();
    // The library that rustc itself runs with; its name holds the version.
    let series: Vec<&str> = version.split('.').take(2).collect();
    download.push(format!("libstd-rust-web-{}={version}", series.join(".")));
    download.push(MUSL.to_owned());
    done(Command::new("apt-get").arg("download").args(download).current_dir(&packages))?;
    for package in fs::read_dir(&packages)? {
        done(Command::new("dpkg-deb").arg("--extract").arg(package?.path()).arg(&part))?;
    }
    fs::remove_dir_all(&packages)?;
    stand_ins(&part)?;
    File::create(part.join(READY))?;
    fs::rename(part, place)?;
    Ok(())
}

/// The newest version that apt knows.
fn candidate(package: &str) -> anyhow::Result<String> {
    let output = Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    match version {
        Some(version) if version != "(none)" => Ok(version.to_owned()),
        Some(_) | None => bail!("apt knows no {package}: this needs Debian 12 with its security updates"),
    }
}

/// What else the builds expect to find.
fn stand_ins(place: &Path) -> anyhow::Result<()> {
    let folder = place.join("stand-ins");
    for (name, text) in HEADERS {
        write(&folder.join("headers").join(name), text)?;
    }
    write(&folder.join("apple/.keep"), "")?;
    write(&folder.join("clang.cmake"), CMAKE)?;
    // libopus's build script takes this for the NDK.
    write(&folder.join("ndk/build/cmake/android.toolchain.cmake"), CMAKE)?;
    // Every shared object has one; the NDK's start files bring it.
    write(
        &folder.join("start.c"),
        "__attribute__((visibility(\"hidden\"))) void *__dso_handle = &__dso_handle;\n",
    )?;
    write(&folder.join("empty.c"), "void doorstep_stand_in(void) {}\n")?;
    let clang = || {
        let mut clang = Command::new("clang-19");
        clang.arg(format!("--target=aarch64-linux-android{}", ndk::API)).current_dir(&folder);
        clang
    };
    done(clang().args(["-c", "-fPIC", "-o", "start.o", "start.c"]))?;
    for library in ["c", "m", "dl", "log"] {
        let name = format!("lib{library}.so");
        done(
            clang()
                .args(["-fuse-ld=lld", "-nostdlib", "-shared", "-o", &name, "empty.c"])
                .arg(format!("-Wl,-soname,{name}")),
        )?;
    }
    done(clang().args(["-c", "-fPIC", "-o", "empty.o", "empty.c"]))?;
    done(Command::new("llvm-ar-19").args(["rcs", "libunwind.a", "empty.o"]).current_dir(&folder))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// Its cargo. The target's standard library is built with the rest.
pub(super) fn cargo(target: Target) -> anyhow::Result<Command> {
    let place = place();
    let usr = place.join("usr");
    let stand_ins = place.join("stand-ins");
    let triple = target.triple().replace('-', "_");
    let mut command = Command::new(usr.join("bin/cargo"));
    command
        .arg("rustc")
        .args(["-Zbuild-std=std,panic_unwind", "--target-dir", "target/cross"])
        .current_dir(build::root())
        .env("LD_LIBRARY_PATH", usr.join("lib/x86_64-linux-gnu"))
        .env("RUSTC", usr.join("bin/rustc"))
        .env("RUSTDOC", usr.join("bin/rustdoc"))
        // Building the standard library is not stable yet.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env(format!("CC_{triple}"), "clang-19")
        .env(format!("AR_{triple}"), "llvm-ar-19");
    let headers =
        |own: &str| format!("-nostdlibinc {own}-isystem {}", usr.join("include/x86_64-linux-musl").display());
    let apple = |system: &str| {
        let own = format!("-isystem {} ", stand_ins.join("headers").display());
        format!("--target=arm64-apple-{system} {}", headers(&own))
    };
    let flags = match target {
        Target::AndroidArm64 => {
            command
                .env("CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER", "clang-19")
                .env("ANDROID_NDK_HOME", stand_ins.join("ndk"));
            format!("--target={}{} {}", target.triple(), ndk::API, headers(""))
        }
        Target::IosArm64 => apple("ios15.0"),
        Target::IosSimulatorArm64 => apple("ios15.0-simulator"),
        Target::Host | Target::AndroidArm32 | Target::AndroidX64 | Target::IosSimulatorX64 => {
            bail!("Debian's compilers build arm64 only")
        }
    };
    command.env(format!("CFLAGS_{triple}"), flags);
    if target.abi().is_none() {
        command
            .env("SDKROOT", stand_ins.join("apple"))
            .env("IPHONEOS_DEPLOYMENT_TARGET", "15.0")
            .env(format!("CMAKE_TOOLCHAIN_FILE_{triple}"), stand_ins.join("clang.cmake"));
    }
    Ok(command)
}

/// How the linker does without a system. A static library is not linked.
pub(super) fn rust_flags(target: Target) -> Vec<String> {
    if target.abi().is_none() {
        return Vec::new();
    }
    let stand_ins = place().join("stand-ins");
    let arguments = [
        format!("--target={}{}", target.triple(), ndk::API),
        "-fuse-ld=lld".to_owned(),
        "-nostartfiles".to_owned(),
        "-nostdlib".to_owned(),
        format!("-L{}", stand_ins.display()),
        "-Wl,--unresolved-symbols=ignore-all".to_owned(),
        stand_ins.join("start.o").display().to_string(),
    ];
    arguments.map(|argument| format!("-Clink-arg={argument}")).into()
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("{program} could not be started"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}
