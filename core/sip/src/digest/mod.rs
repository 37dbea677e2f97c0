//! Digest authentication (RFC 7616 with the algorithms that RFC 8760 allows in SIP, RFC 3261 section 22).
//!
//! [`DigestClient`] answers challenges and sends credentials unasked as long as a nonce is good, so that no request
//! costs a second round trip; a [`UserAgent`](crate::ua::UserAgent) that was given [`Credentials`] runs one by itself.
//! [`DigestServer`] challenges and verifies: its nonces are signed and age, and each count of a nonce is taken once.
//!
//! The quality of protection is `auth`; challenges without any (RFC 2069) are answered, too, but never made.

mod algorithm;
mod authorization;
mod challenge;
mod client;
mod fields;
mod nonces;
mod server;

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use authorization::Authorization;
pub use challenge::Challenge;
pub use client::{Attempts, Credentials, DigestClient};
pub use server::{Accepted, DigestConfig, DigestRefusal, DigestServer, Presented, Secret};

use crate::msg::{HeaderName, StatusCode};

/// Who asks for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenger {
    /// The server itself: 401, WWW-Authenticate, Authorization.
    Server,
    /// A proxy on the way: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Challenger {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Server, Self::Proxy];

    /// 401 or 407.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Server => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    /// Where the challenge stands.
    pub const fn challenge_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// Where the credentials stand.
    pub const fn credentials_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    /// Where the next nonce stands.
    pub const fn info_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::AuthenticationInfo,
            Self::Proxy => HeaderName::ProxyAuthenticationInfo,
        }
    }
}
