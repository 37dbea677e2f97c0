use std::fmt;

use super::InvalidValue;
use super::grammar::{is_escaped_text, is_token, is_token_byte, quote, split_top, trim, unquote};

/// The `;name=value` list of a URI or a header, in its order. Names compare without case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Params(Vec<(String, Option<String>)>);

/// What a URI allows in a parameter beside unreserved octets (RFC 3261 section 25, `param-unreserved`).
pub(super) const URI_PARAM: &[u8] = b"[]/:&+$";

impl Params {
    /// The value of a parameter: `None` when absent, `Some("")` when it stands without one. A quoted value comes
    /// with its quotes; see [`unquoted`](Self::unquoted).
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// The value without quotes and escapes.
    pub fn unquoted(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| unquote(value).unwrap_or_else(|| value.to_owned()))
    }

    /// The value of a URI parameter with its escapes resolved.
    pub fn unescaped(&self, name: &str) -> Option<String> {
        self.value(name).map(super::grammar::unescape)
    }

    /// Whether the parameter stands there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Sets a header parameter; a value that is no token is quoted. The name must be a token.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), InvalidValue> {
        let value = value.map(|v| if is_header_value(v) { v.to_owned() } else { quote(v) });
        self.set_raw(name, value)
    }

    /// Sets a URI parameter; what a URI does not allow is escaped.
    pub fn set_escaped(&mut self, name: &str, value: Option<&str>) -> Result<(), InvalidValue> {
        self.set_raw(name, value.map(|v| super::grammar::escape(v, URI_PARAM)))
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// All parameters, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// No parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn set_raw(&mut self, name: &str, value: Option<String>) -> Result<(), InvalidValue> {
        if !is_token(name) {
            return Err(InvalidValue::new("parameter name"));
        }
        match self.0.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Reads what follows the first `;` of a header value.
    pub(super) fn parse_header(text: &str) -> Result<Self, InvalidValue> {
        let invalid = InvalidValue::new("parameter");
        let mut params = Vec::new();
        for part in split_top(text, b';').ok_or(invalid.clone())? {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (trim(name), Some(trim(value))),
                None => (trim(part), None),
            };
            if !is_token(name) || value.is_some_and(|v| !is_header_value(v)) {
                return Err(invalid);
            }
            params.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Self(params))
    }

    /// Reads what follows the first `;` of a URI.
    pub(super) fn parse_uri(text: &str) -> Result<Self, InvalidValue> {
        let mut params = Vec::new();
        for part in text.split(';') {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            let good = |text: &str| !text.is_empty() && is_escaped_text(text, URI_PARAM);
            if !good(name) || value.is_some_and(|v| !good(v)) {
                return Err(InvalidValue::new("URI parameter"));
            }
            params.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Self(params))
    }
}

/// `gen-value`: a token, a host (with its brackets and colons) or a quoted string.
fn is_header_value(value: &str) -> bool {
    let plain = !value.is_empty() && value.bytes().all(|b| is_token_byte(b) || b"[]:".contains(&b));
    plain || unquote(value).is_some()
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}
