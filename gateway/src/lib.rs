//! Joins a courier's WebRTC call to a customer's phone so that neither sees the other's number.

pub mod api;
pub mod auth;
pub mod bridge;
pub mod clock;
pub mod config;
pub mod core;
pub mod driver;
pub mod masking;
pub mod media;
pub mod store;
pub mod tls;
pub mod words;
