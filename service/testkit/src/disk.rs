//! A small disk in memory, in a mount namespace of the program's own, so that it ends with the program. Linux, and root.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether one can be made; where not, a line says that the test is skipped. With `DOORSTEP_REQUIRE_TOOLS` set that is a failure.
///
/// # Panics
/// When it cannot and must.
#[allow(clippy::print_stdout, reason = "says what was skipped")]
pub fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        assert!(std::env::var_os("DOORSTEP_REQUIRE_TOOLS").is_none(), "mounting takes root");
        println!("SKIPPED: mounting a small disk takes root");
    }
    may
}

/// What runs a program with a disk of one megabyte at `place`: its program and arguments follow these words.
pub fn launcher(place: &Path) -> Vec<String> {
    let script = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", script];
    words.into_iter().map(str::to_owned).chain([place.display().to_string()]).collect()
}

/// A path as that process sees it.
pub fn inside(process: u32, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/root")).join(path.strip_prefix("/").unwrap())
}

/// Writes to a file until there is no room for a byte.
///
/// # Panics
/// When writing fails otherwise.
pub fn fill(path: &Path) {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for size in [4096, 1] {
        loop {
            match file.write(&vec![0; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
