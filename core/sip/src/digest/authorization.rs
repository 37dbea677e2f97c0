use std::fmt;
use std::str::FromStr;

use super::Algorithm;
use super::fields::Fields;
use crate::Sensitive;
use crate::msg::InvalidValue;
use crate::msg::grammar::quote;

/// An Authorization or Proxy-Authorization header of scheme Digest (RFC 7616 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who asks.
    pub username: Sensitive<String>,
    /// Of the challenge.
    pub realm: String,
    /// Of the challenge.
    pub nonce: String,
    /// The Request-URI, as it was hashed.
    pub uri: String,
    /// The hash, lower-case hex.
    pub response: String,
    /// How it was made.
    pub algorithm: Algorithm,
    /// Of the challenge.
    pub opaque: Option<String>,
    /// How often the nonce was used, and the client's own nonce; `None` is RFC 2069's way.
    pub counted: Option<(u32, String)>,
}

impl FromStr for Authorization {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fields = Fields::parse_digest(text)?;
        let counted = match fields.get("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let nc = fields.required("nc")?;
                let nc = Some(nc).filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()));
                let nc =
                    nc.and_then(|nc| u32::from_str_radix(&nc, 16).ok()).ok_or(InvalidValue { what: "nc" })?;
                Some((nc, fields.required("cnonce")?))
            }
            Some(_) => return Err(InvalidValue { what: "qop of this crate" }),
            None => None,
        };
        Ok(Self {
            username: fields.required("username")?.into(),
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            uri: fields.required("uri")?,
            response: fields.required("response")?.to_ascii_lowercase(),
            algorithm: fields.get("algorithm").map_or(Ok(Algorithm::Md5), str::parse)?,
            opaque: fields.get("opaque").map(str::to_owned),
            counted,
        })
    }
}

/// In clear: this is what goes over the wire.
impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username={}, realm={}, nonce={}, uri={}, response={}, algorithm={}",
            quote(self.username.expose()),
            quote(&self.realm),
            quote(&self.nonce),
            quote(&self.uri),
            quote(&self.response),
            self.algorithm
        )?;
        if let Some((nc, cnonce)) = &self.counted {
            write!(f, ", qop=auth, nc={nc:08x}, cnonce={}", quote(cnonce))?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        Ok(())
    }
}
