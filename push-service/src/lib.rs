//! The push service: knows couriers' devices, accepts wakes for them, and brings each wake to Apple or Google once.

pub mod provider;
