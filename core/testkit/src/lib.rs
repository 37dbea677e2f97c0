//! Endpoints in virtual time over a simulated network, for tests.

pub mod fake_media;
pub mod leaks;
pub mod network;
pub mod order;
pub mod phone;
pub mod server;
#[cfg(all(target_os = "linux", feature = "slow-path"))]
pub mod slow_path;
pub mod speech;
pub mod stand_in;
pub mod world;
