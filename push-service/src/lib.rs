//! The push service: knows couriers' devices, accepts wakes for them, and brings each wake to Apple or Google once.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod metrics;
pub mod provider;
pub mod queue;
pub mod server;
pub mod store;
