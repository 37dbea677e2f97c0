//! Endpoints in virtual time over a simulated network, for tests.

pub mod leaks;
pub mod speech;
