//! The company's HTTP API.

mod key;

pub use key::{hash_key, parse_key_hash};
