use std::fmt;
use std::str::FromStr;

use super::Algorithm;
use super::fields::Fields;
use crate::msg::InvalidValue;
use crate::msg::grammar::{quote, trim};

/// A WWW-Authenticate or Proxy-Authenticate header of scheme Digest (RFC 7616 section 3.3) that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Which credentials are asked for.
    pub realm: String,
    /// What the answer is bound to.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// How to hash.
    pub algorithm: Algorithm,
    /// Whether `auth` protection is offered; without it the challenge is RFC 2069's.
    pub qop_auth: bool,
    /// The credentials were right but the nonce was old.
    pub stale: bool,
}

impl FromStr for Challenge {
    type Err = InvalidValue;

    /// Another scheme, an algorithm that this crate does not have, or protection by `auth-int` only is an error.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fields = Fields::parse_digest(text)?;
        let algorithm = fields.get("algorithm").map_or(Ok(Algorithm::Md5), str::parse)?;
        let qop = fields.get("qop");
        let qop_auth =
            qop.is_some_and(|qop| qop.split(',').any(|each| trim(each).eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return Err(InvalidValue { what: "qop of this crate" });
        }
        Ok(Self {
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            opaque: fields.get("opaque").map(str::to_owned),
            algorithm,
            qop_auth,
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", quote(&self.realm), quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        write!(f, ", algorithm={}", self.algorithm)?;
        if self.qop_auth {
            f.write_str(", qop=\"auth\"")?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        Ok(())
    }
}
