//! Masked voice calls for courier and taxi apps: the client SDK's Rust API.
