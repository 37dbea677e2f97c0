use crate::msg::InvalidValue;
use crate::msg::grammar::{is_token, split_top, trim, unquote};

/// The `name=value` list of a digest header, quotes and escapes undone. Names compare without case.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `Digest name=value, …`; another scheme is an error, and so is a field that stands twice.
    pub(super) fn parse_digest(text: &str) -> Result<Self, InvalidValue> {
        let (scheme, rest) =
            trim(text).split_once([' ', '\t']).ok_or(InvalidValue { what: "digest header" })?;
        if !is_digest(scheme) {
            return Err(InvalidValue { what: "digest header" });
        }
        Self::parse(rest)
    }

    /// Reads `name=value, …`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue { what: "digest header" };
        let mut fields: Vec<(String, String)> = Vec::new();
        for part in split_top(text, b',').ok_or_else(invalid)?.into_iter().map(trim) {
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').ok_or_else(invalid)?;
            let (name, value) = (trim(name), trim(value));
            let value = if value.starts_with('"') {
                unquote(value)
            } else {
                is_token(value).then(|| value.to_owned())
            };
            let repeated = fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            if !is_token(name) || repeated {
                return Err(invalid());
            }
            fields.push((name.to_owned(), value.ok_or_else(invalid)?));
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String, InvalidValue> {
        self.get(name).map(str::to_owned).ok_or(InvalidValue { what: name })
    }
}

/// Whether a header's scheme is Digest.
pub(super) fn is_digest(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("Digest")
}
