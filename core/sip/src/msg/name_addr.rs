use std::fmt;
use std::str::FromStr;

use super::grammar::{is_token, quote, split_top, trim, unquote};
use super::{InvalidValue, Params, Uri};

/// A URI with an optional name before it and parameters behind it: From, To, Contact, Route (RFC 3261 section 20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// What a screen shows.
    pub display_name: Option<String>,
    /// Whom or what it names.
    pub uri: Uri,
    /// The header's parameters (`tag`, `expires`…), not the URI's.
    pub params: Params,
}

impl NameAddr {
    /// A URI without a name or parameters.
    pub fn new(uri: impl Into<Uri>) -> Self {
        Self { display_name: None, uri: uri.into(), params: Params::default() }
    }

    /// The same with a name to show.
    pub fn with_display_name(mut self, name: &str) -> Self {
        self.display_name = Some(name.to_owned());
        self
    }

    /// The same with a tag; it must be a token.
    pub fn with_tag(mut self, tag: &str) -> Result<Self, InvalidValue> {
        if !is_token(tag) {
            return Err(InvalidValue::new("tag"));
        }
        self.params.set("tag", Some(tag))?;
        Ok(self)
    }

    /// The dialog's tag of this side, where there is one.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }
}

impl FromStr for NameAddr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("address");
        let text = trim(text);
        let Some(open) = find_unquoted(text, b'<') else {
            // Without brackets what follows `;` belongs to the header, and the URI can hold neither `?` nor `,`.
            let (uri, params) =
                text.split_once(';').map_or((text, None), |(uri, params)| (uri, Some(params)));
            let uri = trim(uri);
            if uri.contains(['?', ',']) {
                return Err(invalid());
            }
            let params = params.map(Params::parse_header).transpose()?.unwrap_or_default();
            return Ok(Self { display_name: None, uri: uri.parse()?, params });
        };
        let (name, rest) = text.split_at_checked(open).ok_or_else(invalid)?;
        let name = trim(name);
        let display_name = match name {
            "" => None,
            quoted if quoted.starts_with('"') => Some(unquote(quoted).ok_or_else(invalid)?),
            words if words.split([' ', '\t']).all(|word| word.is_empty() || is_token(word)) => {
                Some(words.to_owned())
            }
            _ => return Err(invalid()),
        };
        let (uri, rest) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or_else(invalid)?;
        let params = match trim(rest) {
            "" => Params::default(),
            rest => Params::parse_header(rest.strip_prefix(';').ok_or_else(invalid)?)?,
        };
        Ok(Self { display_name, uri: uri.parse()?, params })
    }
}

fn find_unquoted(text: &str, wanted: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b if b == wanted && !quoted => return true,
            _ => {}
        }
        false
    })
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            write!(f, "{} ", quote(name))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// What the Contact headers of a message hold together (RFC 3261 section 20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all bindings, in a REGISTER that takes them away.
    Star,
    /// One or several addresses.
    List(Vec<NameAddr>),
}

/// A comma-separated list of addresses.
pub(super) fn parse_list(text: &str) -> Result<Vec<NameAddr>, InvalidValue> {
    let parts = split_top(text, b',').ok_or(InvalidValue::new("address list"))?;
    parts.into_iter().map(str::parse).collect()
}
