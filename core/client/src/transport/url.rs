use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

/// Where the gateway listens: `wss://HOST[:PORT]/PATH`, or `ws://` for one on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayUrl {
    uri: Uri,
    host: String,
    port: u16,
    secure: bool,
}

/// Why a text is not a gateway's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all, or longer than one may be.
    #[error("the gateway's address is not a URL")]
    Malformed,
    /// Another scheme than `wss` or `ws`.
    #[error("the gateway's address must begin with wss:// (or ws:// for one on this machine)")]
    Scheme,
    /// No host in it.
    #[error("the gateway's address names no host")]
    NoHost,
    /// A user name or password in it; credentials come from the token provider.
    #[error("the gateway's address must not hold a user name or password")]
    UserInfo,
}

impl GatewayUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`InvalidUrl`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidUrl::Malformed)?;
        let secure = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("wss") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("ws") => false,
            Some(_) | None => return Err(InvalidUrl::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidUrl::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(InvalidUrl::UserInfo);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(InvalidUrl::NoHost);
        }
        let port = match authority.port() {
            Some(port) => port.as_str().parse().map_err(|_| InvalidUrl::Malformed)?,
            // A colon without a port, or with a number that is none.
            None if authority.as_str().rsplit(']').next().is_some_and(|after| after.contains(':')) => {
                return Err(InvalidUrl::Malformed);
            }
            None if secure => 443,
            None => 80,
        };
        Ok(Self { host, port, secure, uri })
    }

    /// Name or numeric address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or the scheme's usual one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection goes over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host can only be this machine.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// As it stands in a Host header.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

impl FromStr for GatewayUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

/// Scheme, host and port: a query may hold secrets.
impl fmt::Debug for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "wss" } else { "ws" }, self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_brackets_are_as_the_scheme_has_them() {
        let url = GatewayUrl::parse("wss://calls.example.com/ws").unwrap();
        assert_eq!((url.host(), url.port(), url.is_secure()), ("calls.example.com", 443, true));
        let url = GatewayUrl::parse("ws://[::1]:8080/ws?x=1").unwrap();
        assert_eq!((url.host(), url.port(), url.is_loopback()), ("::1", 8080, true));
        assert_eq!(url.authority(), "[::1]:8080");
        assert!(GatewayUrl::parse("ws://LOCALHOST").unwrap().is_loopback());
        assert!(!GatewayUrl::parse("ws://localhost.example.com").unwrap().is_loopback());
        assert!(!GatewayUrl::parse("ws://192.0.2.1").unwrap().is_loopback());
    }

    #[test]
    fn what_is_no_gateway_address_says_why() {
        for (text, error) in [
            ("", InvalidUrl::Malformed),
            ("calls.example.com", InvalidUrl::Scheme),
            ("https://calls.example.com/ws", InvalidUrl::Scheme),
            ("wss://user:secret@calls.example.com/ws", InvalidUrl::UserInfo),
            ("wss:///ws", InvalidUrl::Malformed),
            ("wss://calls.example.com:99999/", InvalidUrl::Malformed),
            ("wss://calls example/", InvalidUrl::Malformed),
        ] {
            assert_eq!(GatewayUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_query() {
        let url = GatewayUrl::parse("wss://calls.example.com/ws?token=secret").unwrap();
        assert_eq!(format!("{url:?}"), "wss://calls.example.com");
    }
}
