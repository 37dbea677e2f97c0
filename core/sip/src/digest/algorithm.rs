use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::Sensitive;
use crate::msg::InvalidValue;

/// How credentials are hashed (RFC 7616 section 3.4, RFC 8760). They compare by strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`: what a challenge without an algorithm means.
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
}

impl Algorithm {
    /// As it stands in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    /// What a server may keep in place of the password: the hash of user, realm and password in lower-case hex. Who
    /// has it can log in to that realm.
    pub fn ha1(self, username: &str, realm: &str, password: &str) -> Sensitive<String> {
        Sensitive::new(self.hash(&format!("{username}:{realm}:{password}")))
    }

    /// `response` of RFC 7616 section 3.4.1. `counted` is the nonce's count and the client's own nonce; without it
    /// the answer is RFC 2069's.
    pub(super) fn response(
        self,
        ha1: &Sensitive<String>,
        method: &str,
        uri: &str,
        nonce: &str,
        counted: Option<(u32, &str)>,
    ) -> String {
        let ha1 = match (self, counted) {
            (Self::Md5Sess | Self::Sha256Sess, counted) => {
                let cnonce = counted.map_or("", |(_, cnonce)| cnonce);
                self.hash(&format!("{}:{nonce}:{cnonce}", ha1.expose()))
            }
            (Self::Md5 | Self::Sha256, _) => ha1.expose().clone(),
        };
        let ha2 = self.hash(&format!("{method}:{uri}"));
        match counted {
            Some((nc, cnonce)) => self.hash(&format!("{ha1}:{nonce}:{nc:08x}:{cnonce}:auth:{ha2}")),
            None => self.hash(&format!("{ha1}:{nonce}:{ha2}")),
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hex(&Md5::digest(text)),
            Self::Sha256 | Self::Sha256Sess => hex(&Sha256::digest(text)),
        }
    }
}

impl FromStr for Algorithm {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let all = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];
        let named = all.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text));
        named.ok_or(InvalidValue { what: "digest algorithm of this crate" })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
