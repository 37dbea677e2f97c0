//! The time of day, in Unix milliseconds, as the store and the API tell it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub fn unix_ms() -> i64 {
    to_unix_ms(SystemTime::now())
}

/// That time.
pub fn to_unix_ms(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
