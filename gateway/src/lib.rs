//! Joins a courier's WebRTC call to a customer's phone so that neither sees the other's number.

pub mod api;
pub mod auth;
pub mod bridge;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core;
pub mod driver;
pub mod edge;
pub mod masking;
pub mod media;
pub mod metrics;
pub mod server;
pub mod store;
pub mod trunk;
pub mod wake;
pub mod words;
