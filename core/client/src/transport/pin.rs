use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The SHA-256 hash of a server's public key (its SubjectPublicKeyInfo in DER, RFC 7469 section 2.4). A certificate
/// may be renewed with the same key, so a pin outlives it.
///
/// As text: `sha256//BASE64`, as curl writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpkiPin([u8; 32]);

/// A text that is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is written sha256//BASE64, where BASE64 are 32 bytes")]
pub struct InvalidPin;

impl SpkiPin {
    /// The pin of a public key in DER.
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }
}

impl FromStr for SpkiPin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let encoded = text.trim().strip_prefix("sha256//").ok_or(InvalidPin)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidPin)?;
        bytes.try_into().map(Self).map_err(|_| InvalidPin)
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_as_it_is_written() {
        let pin = SpkiPin::of_spki(b"a key");
        assert_eq!(pin.to_string().parse(), Ok(pin));
    }

    #[test]
    fn what_is_not_32_bytes_of_base64_is_no_pin() {
        let too_short = format!("sha256//{}", STANDARD.encode([0; 31]));
        for text in ["", "sha256//", "sha256/AAAA", "sha1//AAAA", "sha256//not base64!", &too_short] {
            assert_eq!(text.parse::<SpkiPin>(), Err(InvalidPin), "{text}");
        }
    }
}
