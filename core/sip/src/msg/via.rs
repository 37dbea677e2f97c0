use std::fmt;
use std::str::FromStr;

use super::grammar::{is_token, split_top, trim};
use super::{Host, InvalidValue, Params};

/// One hop of a message's way back (RFC 3261 section 20.42). The protocol is always SIP/2.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or what else the sender wrote.
    pub transport: String,
    /// Where the sender says it is (sent-by).
    pub host: Host,
    /// Its port, where one is written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`…
    pub params: Params,
}

/// What a branch of RFC 3261 begins with.
const MAGIC_COOKIE: &str = "z9hG4bK";

impl Via {
    /// A hop with a branch; the transport and the branch must be tokens.
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Result<Self, InvalidValue> {
        if !is_token(transport) || !is_token(branch) {
            return Err(InvalidValue::new("Via"));
        }
        let mut params = Params::default();
        params.set("branch", Some(branch))?;
        Ok(Self { transport: transport.to_owned(), host, port, params })
    }

    /// The branch, where there is one. It names the transaction only if [`has_rfc3261_branch`] says so.
    ///
    /// [`has_rfc3261_branch`]: Self::has_rfc3261_branch
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch").filter(|branch| !branch.is_empty())
    }

    /// Whether the branch has the magic cookie and something after it; otherwise a request is matched to its
    /// transaction as RFC 2543 did (RFC 3261 section 17.2.3).
    pub fn has_rfc3261_branch(&self) -> bool {
        let cookie = self.branch().and_then(|branch| branch.split_at_checked(MAGIC_COOKIE.len()));
        cookie.is_some_and(|(cookie, rest)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty())
    }

    /// Host and port as they stand there.
    pub fn sent_by(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl FromStr for Via {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("Via");
        let (name, rest) = text.split_once('/').ok_or_else(invalid)?;
        let (version, rest) = rest.split_once('/').ok_or_else(invalid)?;
        if !trim(name).eq_ignore_ascii_case("SIP") || trim(version) != "2.0" {
            return Err(invalid());
        }
        let (transport, rest) = trim(rest).split_once([' ', '\t']).ok_or_else(invalid)?;
        if !is_token(transport) {
            return Err(invalid());
        }
        let (sent_by, params) =
            rest.split_once(';').map_or((rest, None), |(sent_by, params)| (sent_by, Some(params)));
        let compact: String = sent_by.chars().filter(|c| ![' ', '\t'].contains(c)).collect();
        if compact.len() != trim(sent_by).len() && !sent_by.contains(':') {
            return Err(invalid());
        }
        let (host, port) = Host::parse_with_port(&compact).map_err(|_| invalid())?;
        let params = params.map(Params::parse_header).transpose().map_err(|_| invalid())?.unwrap_or_default();
        Ok(Self { transport: transport.to_owned(), host, port, params })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by(), self.params)
    }
}

/// A comma-separated list of hops.
pub(super) fn parse_list(text: &str) -> Result<Vec<Via>, InvalidValue> {
    let parts = split_top(text, b',').ok_or(InvalidValue::new("Via"))?;
    parts.into_iter().map(|part| trim(part).parse()).collect()
}
