//! Values that must not be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phone number, name, token or address: it prints as `[redacted]`, in Debug too, so that no log line can show it
/// by accident. Reading it takes a visible call to [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value in clear. What is read here must not reach a log or the other side of a call.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value in clear, by value.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_value() {
        let number = Sensitive::new("+4930901820");
        assert_eq!(
            format!("{number} {number:?} {:?}", Some(&number)),
            "[redacted] [redacted] Some([redacted])"
        );
    }
}
