//! Joins a courier's WebRTC call to a customer's phone so that neither sees the other's number.

pub mod bridge;
pub mod core;
pub mod driver;
pub mod masking;
pub mod store;
