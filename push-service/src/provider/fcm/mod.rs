//! Google: FCM HTTP v1, data messages of high priority, with access tokens for a service account (RFC 7523).

mod access;
mod account;
mod client;
mod error;
mod payload;
mod settings;

pub use client::Fcm;
pub use error::{OAUTH_ROWS, ROWS};
pub use settings::FcmSettings;
