//! Other people's telephones as the customer's: SIPp, which plays a scenario to the letter, and baresip, which is a
//! real phone with real media.
//!
//! Both are Debian packages and may be missing. A test asks [`installed`] first; where a tool is missing it is skipped
//! aloud, or fails under `DOORSTEP_REQUIRE_TOOLS=1`.

mod baresip;
mod sipp;

use crate::Sounds;

pub use baresip::{Baresip, BaresipEvent, Call};
pub use sipp::{Direction, Scenario, Sipp};

/// Whether these programs and the recorded speech are there. If not, says so as `cargo xtask test` counts it.
///
/// # Panics
/// Under `DOORSTEP_REQUIRE_TOOLS=1`, as in CI, where a missing tool is a failure.
#[allow(clippy::print_stdout, clippy::panic, reason = "the harness captures it; CI must not pass without")]
pub fn installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let missing = programs.iter().find(|program| !there(program)).copied();
    let speech = || Sounds::find().is_err().then_some("asterisk-core-sounds-en-wav");
    let Some(missing) = missing.or_else(speech) else { return true };
    if std::env::var_os("DOORSTEP_REQUIRE_TOOLS").is_some_and(|value| value == "1") {
        panic!("{missing} is not installed (`cargo xtask setup` installs it)");
    }
    println!("SKIPPED: {missing} is not installed");
    false
}
