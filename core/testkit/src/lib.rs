//! Endpoints in virtual time over a simulated network, for tests.

pub mod leaks;
#[cfg(all(target_os = "linux", feature = "slow-path"))]
pub mod slow_path;
pub mod speech;
