//! The XCFramework that `bindings-swift/Package.swift` takes when it is there.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::bindgen::{self, Built};
use crate::build;
use crate::cross::Target;

const NAME: &str = "DoorstepCoreFFI.xcframework";

/// Builds the static libraries, and on a Mac joins them. What is in them is checked by the linker of the app: nothing of a static
/// library is exported from there.
pub(super) fn package() -> anyhow::Result<Vec<String>> {
    let folder = super::folder().join("ios");
    let place = |target: Target| folder.join(target.triple()).join("libdoorstep_ffi.a");
    super::libraries(&Target::IOS, place)?;
    if cfg!(not(target_os = "macos")) {
        return Ok(Vec::new());
    }
    // The headers and their module map.
    let headers = folder.join("headers");
    Built::new(&bindgen::BUILD)?.write("swift", &headers)?;
    let map = headers.join("DoorstepCoreFFI.modulemap");
    if map.is_file() {
        std::fs::rename(&map, headers.join("module.modulemap"))?;
    }
    // The simulator's two processors share one library.
    let simulator = folder.join("simulator/libdoorstep_ffi.a");
    std::fs::create_dir_all(folder.join("simulator"))?;
    let mut lipo = Command::new("lipo");
    lipo.arg("-create").arg("-output").arg(&simulator);
    lipo.arg(place(Target::IosSimulatorArm64)).arg(place(Target::IosSimulatorX64));
    done(&mut lipo)?;
    let framework = build::root().join("bindings-swift/Generated").join(NAME);
    if framework.exists() {
        std::fs::remove_dir_all(&framework)?;
    }
    let mut xcodebuild = Command::new("xcodebuild");
    xcodebuild.arg("-create-xcframework");
    for library in [place(Target::IosArm64), simulator] {
        xcodebuild.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    done(xcodebuild.arg("-output").arg(&framework))?;
    println!("{}", framework.display());
    Ok(Vec::new())
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} could not be started"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}
