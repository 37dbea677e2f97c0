//! Swift on Debian 12: Debian 13's `swiftlang` in a folder of its own, which is a whole small system. Nothing else of the machine
//! changes, and a machine that has another Linux runs the same compiler.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::term;

/// Debian 13.
const SUITE: &str = "trixie";
const PACKAGES: &str = "--include=swiftlang,ca-certificates,libc6-dev,git";
/// Written last: without it the folder is half-made.
const READY: &str = ".swift-ready";
const ENTER: &str = include_str!("enter.sh");
/// swiftlang keeps its programs here.
const PATH: &str = "PATH=/usr/libexec/swift/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Where it is: `DOORSTEP_SWIFT`, or the user's cache.
pub(crate) fn place() -> PathBuf {
    if let Some(place) = std::env::var_os("DOORSTEP_SWIFT") {
        return place.into();
    }
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("doorstep/swift")
}

/// Whether it was made to its end.
pub(crate) fn is_there() -> bool {
    place().join(READY).is_file()
}

/// Makes it: a minute or two, 2.6 GB. A half-made one of an earlier try goes first.
pub(crate) fn make() -> anyhow::Result<()> {
    let place = place();
    let parent = place.parent().context("the folder for Swift has no parent")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    // Of two runs at once the second waits, and finds it made.
    let lock = File::create(place.with_extension("lock"))?;
    lock.lock()?;
    if is_there() {
        return Ok(());
    }
    let part = place.with_extension("part");
    remove(&part)?;
    remove(&place)?;
    let mirror = mirror();
    term::say(&format!("Unpacking Debian {SUITE}'s Swift into {}", place.display()));
    let mut debian = as_root("mmdebstrap");
    debian
        .args(["--variant=apt", "--mode=root", "--aptopt=Acquire::Languages \"none\"", PACKAGES])
        .args(["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*"])
        .arg(SUITE)
        .arg(&part)
        .arg(mirror);
    done(&mut debian)?;
    done(
        as_root("sh")
            .args(["-c", "rm -f \"$1\"/var/cache/apt/archives/*.deb && touch \"$1/$2\"", "sh"])
            .arg(&part)
            .arg(READY),
    )?;
    done(as_root("mv").arg("--no-target-directory").arg(part).arg(place))
}

/// A command inside, in `dir`. It sees the `folders` at the paths that they have outside, and of the environment `variables` only.
pub(crate) fn command(
    dir: &Path,
    folders: &[&Path],
    variables: &[(&str, String)],
    words: &[String],
) -> anyhow::Result<Command> {
    let mut folders = folders.to_vec();
    folders.push(dir);
    let binds = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join("\n");
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
    let mut environment =
        vec![PATH.to_owned(), "HOME=/tmp".to_owned(), "LANG=C.UTF-8".to_owned(), format!("TERM={term}")];
    environment.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    let user = format!("{}:{}", id("-u")?, id("-g")?);
    let mut command = as_root("unshare");
    command
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"])
        .args(["sh", "-c", ENTER, "enter.sh"])
        .arg(place())
        .args([user, dir.display().to_string(), binds, environment.join("\n")])
        .args(words);
    Ok(command)
}

/// Packages come from where this machine's come from.
fn mirror() -> String {
    let lists = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let lists = Command::new("apt-get").args(lists).output().map(|output| output.stdout).unwrap_or_default();
    let lists = String::from_utf8_lossy(&lists).into_owned();
    let debian = lists.lines().find(|line| line.trim_end_matches('/').ends_with("/debian"));
    debian.unwrap_or("http://deb.debian.org/debian").to_owned()
}

/// Never follows a mount that a killed run may have left behind.
fn remove(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    done(as_root("rm").args(["-r", "-f", "--one-file-system"]).arg(folder))
}

/// Unpacking, mounting and `chroot` are root's.
fn as_root(program: &str) -> Command {
    if id("-u").is_ok_and(|id| id == "0") {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

fn id(which: &str) -> anyhow::Result<String> {
    let output = Command::new("id").arg(which).output().context("id could not be started")?;
    Ok(String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned())
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
