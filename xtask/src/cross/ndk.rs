//! Google's NDK, where a machine has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Target;
use crate::build;

/// Android 8: what the SDK runs on at the least.
pub(super) const API: u32 = 26;

/// Where it lies, if the machine says so.
pub(super) fn home() -> Option<PathBuf> {
    let named = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"];
    let home = named.iter().find_map(std::env::var_os).map(PathBuf::from)?;
    home.join("toolchains/llvm/prebuilt").is_dir().then_some(home)
}

/// A cargo that compiles and links with it.
pub(super) fn cargo(home: &Path, target: Target) -> anyhow::Result<Command> {
    let prebuilt = home.join("toolchains/llvm/prebuilt");
    let machine = std::fs::read_dir(&prebuilt)?.next().context("the NDK is empty")??;
    let bin = machine.path().join("bin");
    let clang = match target {
        Target::AndroidArm64 => "aarch64-linux-android",
        Target::AndroidArm32 => "armv7a-linux-androideabi",
        Target::AndroidX64 => "x86_64-linux-android",
        Target::Host | Target::IosArm64 | Target::IosSimulatorArm64 | Target::IosSimulatorX64 => {
            bail!("the NDK builds for Android only")
        }
    };
    let clang = bin.join(format!("{clang}{API}-clang"));
    let triple = target.triple().replace('-', "_");
    let mut command = build::cargo(&["rustc"]);
    command
        .env(format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase()), &clang)
        .env(format!("CC_{triple}"), &clang)
        .env(format!("AR_{triple}"), bin.join("llvm-ar"))
        // libopus: its build script takes the NDK's own file for CMake from there.
        .env("ANDROID_NDK_HOME", home)
        .env("ANDROID_PLATFORM", format!("android-{API}"));
    Ok(command)
}
