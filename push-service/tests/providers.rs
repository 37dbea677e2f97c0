//! Pushes through the providers to stand-ins of Apple and Google that keep their rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "providers/apns.rs"]
mod apns;
#[path = "providers/check.rs"]
mod check;
#[path = "providers/documented.rs"]
mod documented;
#[path = "providers/fcm.rs"]
mod fcm;
#[path = "providers/stage.rs"]
mod stage;
#[path = "providers/storm.rs"]
mod storm;
