//! Endpoints in virtual time over a simulated network, for tests.

pub mod speech;
