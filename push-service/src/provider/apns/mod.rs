//! Apple: VoIP pushes over HTTP/2 with provider tokens ("Sending notification requests to APNs", "Establishing a token-based connection to
//! APNs", Apple developer documentation). A `cancel` is never sent: iOS must show a call for each VoIP push.

mod client;
mod error;
mod payload;
mod settings;
mod token;

pub use client::Apns;
pub use error::ROWS;
pub use settings::ApnsSettings;
pub(super) use token::system_clock;
