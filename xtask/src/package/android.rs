//! The native libraries of the AAR. Maven packs them with the module's classes (`bindings-kotlin/doorstep-android`).

use std::path::{Path, PathBuf};

use super::contents;
use crate::cross::Target;

/// Builds them and checks them.
pub(super) fn package() -> anyhow::Result<Vec<String>> {
    super::libraries(&Target::ANDROID, |target| place(target.abi().unwrap_or_default()))?;
    check()
}

/// Checks those that were built.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for abi in Target::ANDROID.iter().filter_map(|target| target.abi()) {
        let library = place(abi);
        if library.is_file() {
            faults.extend(faults_of(&library, abi)?);
        }
    }
    Ok(faults)
}

fn faults_of(library: &Path, abi: &str) -> anyhow::Result<Vec<String>> {
    let faults = contents::Contents::of(library)?.faults();
    Ok(faults.into_iter().map(|fault| format!("{abi}: {fault}")).collect())
}

/// As in an AAR, where Android looks for it.
fn place(abi: &str) -> PathBuf {
    super::folder().join("android/jni").join(abi).join("libdoorstep_ffi.so")
}
