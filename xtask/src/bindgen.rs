//! The library that the phones' languages stand on, and what UniFFI writes from it for each. What is written is never committed:
//! it fits this library and no other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::build;

/// The library's file on Linux.
const LIBRARY: &str = "libdoorstep_ffi.so";
const BINDGEN: &str = "uniffi-bindgen";

/// The library, and the programs that the SDKs' tests run.
pub(crate) const BUILD: [&str; 13] = [
    "build",
    "--lib",
    "--bins",
    "--package",
    "doorstep-ffi",
    "--package",
    "doorstep-gateway",
    "--package",
    "customer-phone",
    "--package",
    "doorstep-push",
    "--package",
    "doorstep-push-fakes",
];

/// Where the library, the programs and UniFFI's writer lie.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// Folder of the library and the programs.
    pub folder: PathBuf,
    bindgen: PathBuf,
}

impl Built {
    /// Builds them; `build` is a cargo command that makes at least what [`BUILD`] makes.
    pub(crate) fn new(build: &[&str]) -> anyhow::Result<Self> {
        let folder = folder(build, "doorstep-gateway")?;
        let bindgen =
            ["build", "--manifest-path", "core/ffi/bindgen/Cargo.toml", "--target-dir", "target/bindgen"];
        let bindgen = self::folder(&bindgen, BINDGEN)?.join(BINDGEN);
        Ok(Self { folder, bindgen })
    }

    /// Takes what was built before; all of it lies in one folder.
    pub(crate) fn before(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
        for file in [LIBRARY, BINDGEN] {
            if !folder.join(file).is_file() {
                bail!("{} holds no {file}", folder.display());
            }
        }
        Ok(Self { bindgen: folder.join(BINDGEN), folder })
    }

    /// Writes the language's side of the library.
    pub(crate) fn write(&self, language: &str, out: &Path) -> anyhow::Result<()> {
        let library = self.folder.join(LIBRARY);
        let status = Command::new(&self.bindgen)
            .args(["generate", "--language", language, "--no-format", "--library"])
            .arg(&library)
            .arg("--out-dir")
            .arg(out)
            .current_dir(build::root().join("core/ffi"))
            .status()
            .with_context(|| format!("{} could not be started", self.bindgen.display()))?;
        if !status.success() {
            bail!("no {language} could be written from {}", library.display());
        }
        Ok(())
    }
}

/// Where cargo puts what it builds.
fn folder(build: &[&str], program: &str) -> anyhow::Result<PathBuf> {
    let built = build::executables(build)?;
    let found = built.into_iter().find(|executable| executable.target == program && !executable.is_test);
    let folder = found.as_ref().and_then(|executable| executable.path.parent());
    folder.map(Path::to_owned).with_context(|| format!("cargo built no {program}"))
}
