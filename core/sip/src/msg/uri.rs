use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::grammar::{escape, is_escaped_text, unescape};
use super::{InvalidValue, Params};

const USER: &[u8] = b"&=+$,;?/";
const PASSWORD: &[u8] = b"&=+$,";
const HEADER: &[u8] = b"[]/?:+$";

/// A URI as SIP carries it (RFC 3261 section 19.1; others by RFC 3986).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// Any other scheme (`tel:`, `urn:`…), kept as it came.
    Other(OtherUri),
}

/// `sip:` or `sips:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
}

/// A `sip:` or `sips:` URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// `sip:` or `sips:`.
    pub scheme: Scheme,
    user: Option<String>,
    password: Option<String>,
    /// Domain name or address.
    pub host: Host,
    /// Port, where one is written.
    pub port: Option<u16>,
    /// `;transport=ws` and the like.
    pub params: Params,
    headers: Option<String>,
}

/// A URI that is not SIP's; made only by reading one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OtherUri {
    scheme: String,
    rest: String,
}

/// Where a URI or a Via points.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, lower case.
    Domain(DomainName),
    /// An address; version 6 is written in brackets.
    Address(IpAddr),
}

/// A host name that was checked; see [`Host::domain`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainName(String);

impl SipUri {
    /// `sip:HOST`.
    pub fn new(host: Host) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: None,
            password: None,
            host,
            port: None,
            params: Params::default(),
            headers: None,
        }
    }

    /// The same with a user part; what SIP does not allow there is escaped.
    pub fn with_user(mut self, user: &str) -> Self {
        self.user = Some(escape(user, USER));
        self
    }

    /// The same with a port.
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The user part with its escapes resolved.
    pub fn user(&self) -> Option<String> {
        self.user.as_deref().map(unescape)
    }

    /// Whether headers hang on the URI (`?Route=…`), which a Request-URI must not have.
    pub fn has_headers(&self) -> bool {
        self.headers.is_some()
    }

    /// One header that hangs on the URI, its escapes resolved (`Replaces` in a Refer-To, RFC 3891).
    pub fn header(&self, name: &str) -> Option<String> {
        let pairs = self.headers.as_deref()?.split('&');
        let mut values = pairs.filter_map(|pair| pair.split_once('='));
        values.find(|(key, _)| unescape(key).eq_ignore_ascii_case(name)).map(|(_, value)| unescape(value))
    }

    /// Hangs a header on the URI.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let pair = format!("{}={}", escape(name, HEADER), escape(value, HEADER));
        self.headers = Some(match self.headers.take() {
            Some(before) => format!("{before}&{pair}"),
            None => pair,
        });
        self
    }

    fn parse(scheme: Scheme, rest: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("SIP URI");
        let (userinfo, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) =
            match userinfo.map(|info| info.split_once(':').map_or((info, None), |(u, p)| (u, Some(p)))) {
                Some((user, password)) => {
                    let good = !user.is_empty()
                        && is_escaped_text(user, USER)
                        && password.is_none_or(|password| is_escaped_text(password, PASSWORD));
                    if !good {
                        return Err(invalid());
                    }
                    (Some(user.to_owned()), password.map(str::to_owned))
                }
                None => (None, None),
            };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => {
                let good = headers.split('&').all(|pair| {
                    pair.split_once('=').is_some_and(|(name, value)| {
                        !name.is_empty() && is_escaped_text(name, HEADER) && is_escaped_text(value, HEADER)
                    })
                });
                if !good {
                    return Err(invalid());
                }
                (rest, Some(headers.to_owned()))
            }
            None => (rest, None),
        };
        let (hostport, params) = match rest.split_once(';') {
            Some((hostport, params)) => (hostport, Params::parse_uri(params)?),
            None => (rest, Params::default()),
        };
        let (host, port) = Host::parse_with_port(hostport)?;
        Ok(Self { scheme, user, password, host, port, params, headers })
    }
}

impl From<SocketAddr> for SipUri {
    fn from(address: SocketAddr) -> Self {
        Self::new(Host::Address(address.ip())).with_port(address.port())
    }
}

impl Uri {
    /// The SIP URI, if it is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Other(_) => None,
        }
    }

    /// The telephone number that the URI names: a `tel:` URI's (RFC 3966) or the user part of a SIP URI, visual
    /// separators left out. It is what was written, not yet checked as E.164.
    pub fn telephone_number(&self) -> Option<String> {
        let text = match self {
            Self::Sip(uri) => uri.user()?,
            Self::Other(uri) if uri.scheme == "tel" => unescape(&uri.rest),
            Self::Other(_) => return None,
        };
        let number = text.split(';').next().unwrap_or_default();
        let number: String = number.chars().filter(|c| !"-.() ".contains(*c)).collect();
        let digits = number.strip_prefix('+').unwrap_or(&number);
        let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        good.then_some(number)
    }
}

impl FromStr for Uri {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("URI");
        let (scheme, rest) = text.split_once(':').ok_or_else(invalid)?;
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "sip" => SipUri::parse(Scheme::Sip, rest).map(Self::Sip),
            "sips" => SipUri::parse(Scheme::Sips, rest).map(Self::Sip),
            _ => {
                let good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                    && !rest.is_empty()
                    && rest.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
                if good {
                    Ok(Self::Other(OtherUri { scheme, rest: rest.to_owned() }))
                } else {
                    Err(invalid())
                }
            }
        }
    }
}

impl FromStr for SipUri {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.parse()? {
            Uri::Sip(uri) => Ok(uri),
            Uri::Other(_) => Err(InvalidValue::new("SIP URI")),
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl Host {
    /// A domain name: letters, digits, hyphens and dots.
    pub fn domain(name: &str) -> Result<Self, InvalidValue> {
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let bare = name.strip_suffix('.').unwrap_or(name);
        if bare.len() <= 253 && bare.split('.').all(label) {
            Ok(Self::Domain(DomainName(name.to_ascii_lowercase())))
        } else {
            Err(InvalidValue::new("host name"))
        }
    }

    /// `HOST` or `HOST:PORT`.
    pub(super) fn parse_with_port(text: &str) -> Result<(Self, Option<u16>), InvalidValue> {
        let invalid = || InvalidValue::new("host");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or_else(invalid)?;
                let address: Ipv6Addr = address.parse().map_err(|_| invalid())?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or_else(invalid)?),
                };
                (Self::Address(address.into()), port)
            }
            None => {
                let (host, port) =
                    text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
                (host.parse()?, port)
            }
        };
        let digits = |port: &str| {
            if port.bytes().all(|b| b.is_ascii_digit()) {
                port.parse().map_err(|_| invalid())
            } else {
                Err(invalid())
            }
        };
        Ok((host, port.map(digits).transpose()?))
    }
}

impl FromStr for Host {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| InvalidValue::new("host"))?;
            return Ok(Self::Address(address.into()));
        }
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Ok(Self::Address(address.into())),
            Err(_) => Self::domain(text),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(&name.0),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Scheme::Sip => "sip:",
            Scheme::Sips => "sips:",
        })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Other(uri) => write!(f, "{}:{}", uri.scheme, uri.rest),
        }
    }
}
