use std::fmt;
use std::str::FromStr;

use super::grammar::trim;
use super::{InvalidValue, Method};

/// The CSeq header: a number below 2³¹ and the request's method (RFC 3261 section 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Rises with every request of a dialog.
    pub number: u32,
    /// The method of the request; ACK and CANCEL repeat the number of the INVITE.
    pub method: Method,
}

impl FromStr for CSeq {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("CSeq");
        let (number, method) = text.split_once([' ', '\t']).ok_or_else(invalid)?;
        let number = parse_digits::<u32>(number).filter(|n| *n < 1 << 31).ok_or_else(invalid)?;
        Ok(Self { number, method: trim(method).parse().map_err(|_| invalid())? })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Digits only: `str::parse` would take a plus sign, too.
pub(super) fn parse_digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
