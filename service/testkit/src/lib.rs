//! What tests of a server's real program need, whichever server it is: its process ([`Program`]), its configuration file
//! ([`ConfigFile`]), its HTTP API ([`ApiClient`]), a certificate ([`Identity`]) and a disk that can be filled ([`disk`]).
//!
//! A test's own failure is a panic here: nothing in this crate is for a program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for tests")]

mod api;
mod config_file;
pub mod disk;
mod identity;
mod program;

use std::future::Future;
use std::time::Duration;

pub use api::ApiClient;
pub use config_file::ConfigFile;
pub use identity::{Identity, http_client};
pub use program::Program;

/// Nothing that a test waits for takes this long; it only turns a hang into a failure.
pub const HANG: Duration = Duration::from_secs(120);

/// Waits for something that must come.
///
/// # Panics
/// When it does not.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANG, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
