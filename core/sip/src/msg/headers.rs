use std::fmt;

use super::cseq::parse_digits;
use super::grammar::{split_top, trim};
use super::{CSeq, Contacts, HeaderName, InvalidValue, NameAddr, Via, name_addr, via};

/// The header lines of a message, in their order.
///
/// Content-Length is not among them: it is read with the body and written from it. The typed getters return `None`
/// where a header is absent or was set to something that does not read; a message that was parsed has passed them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(HeaderName, String)>);

impl Headers {
    /// Adds a line at the end. A line break in the value is refused: it could smuggle in another header.
    pub fn push(&mut self, name: HeaderName, value: impl fmt::Display) -> Result<(), InvalidValue> {
        let line = checked(name, value)?;
        self.0.push(line);
        Ok(())
    }

    /// Replaces every line of that name by one, where the first of them stood.
    pub fn set(&mut self, name: HeaderName, value: impl fmt::Display) -> Result<(), InvalidValue> {
        let line = checked(name, value)?;
        match self.0.iter().position(|(other, _)| *other == line.0) {
            Some(at) => {
                self.remove(&line.0);
                self.0.insert(at, line);
            }
            None => self.0.push(line),
        }
        Ok(())
    }

    /// Takes away every line of that name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(other, _)| other != name);
    }

    /// The first line of that name.
    pub fn get(&self, name: &HeaderName) -> Option<&str> {
        self.all(name).next()
    }

    /// Every line of that name.
    pub fn all<'a, 'n>(
        &'a self,
        name: &'n HeaderName,
    ) -> impl Iterator<Item = &'a str> + Clone + use<'a, 'n> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Every line.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// The elements of comma-separated lists such as Supported, Require or Allow, over all lines of that name.
    pub fn tokens<'a>(&'a self, name: &HeaderName) -> Vec<&'a str> {
        let elements = self.all(name).flat_map(|line| split_top(line, b',').unwrap_or_default());
        elements.map(trim).filter(|element| !element.is_empty()).collect()
    }

    /// Whether such a list holds an element; case does not count.
    pub fn contains_token(&self, name: &HeaderName, token: &str) -> bool {
        self.tokens(name).iter().any(|element| element.eq_ignore_ascii_case(token))
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via> {
        self.vias().into_iter().next()
    }

    /// Every Via, topmost first.
    pub fn vias(&self) -> Vec<Via> {
        self.all(&HeaderName::Via).filter_map(|line| via::parse_list(line).ok()).flatten().collect()
    }

    /// Puts a Via on top of all headers.
    pub fn push_via_front(&mut self, via: &Via) {
        self.0.insert(0, (HeaderName::Via, via.to_string()));
    }

    /// Replaces the topmost Via, as a server does to add `received` and `rport`.
    pub fn set_top_via(&mut self, top: &Via) {
        let below = self.vias().into_iter().skip(1);
        let lines: Vec<_> =
            std::iter::once(top.to_string()).chain(below.map(|via| via.to_string())).collect();
        let at = self.0.iter().position(|(name, _)| *name == HeaderName::Via).unwrap_or(0);
        self.remove(&HeaderName::Via);
        self.0.splice(at..at, lines.into_iter().map(|line| (HeaderName::Via, line)));
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr> {
        self.get(&HeaderName::From)?.parse().ok()
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr> {
        self.get(&HeaderName::To)?.parse().ok()
    }

    /// Call-ID; case counts.
    pub fn call_id(&self) -> Option<&str> {
        self.get(&HeaderName::CallId)
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq> {
        self.get(&HeaderName::CSeq)?.parse().ok()
    }

    /// All Contact lines together; `None` when there is none.
    pub fn contacts(&self) -> Option<Contacts> {
        let mut lines = self.all(&HeaderName::Contact).peekable();
        lines.peek()?;
        if lines.clone().all(|line| trim(line) == "*") {
            return Some(Contacts::Star);
        }
        lines
            .map(name_addr::parse_list)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .map(|lists| Contacts::List(lists.concat()))
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr> {
        match self.contacts()? {
            Contacts::Star => None,
            Contacts::List(list) => list.into_iter().next(),
        }
    }

    /// Every Route, the next hop first.
    pub fn routes(&self) -> Vec<NameAddr> {
        self.addresses(&HeaderName::Route)
    }

    /// Every Record-Route, in the order of the message.
    pub fn record_routes(&self) -> Vec<NameAddr> {
        self.addresses(&HeaderName::RecordRoute)
    }

    fn addresses(&self, name: &HeaderName) -> Vec<NameAddr> {
        self.all(name).filter_map(|line| name_addr::parse_list(line).ok()).flatten().collect()
    }

    /// Max-Forwards: how many hops may follow.
    pub fn max_forwards(&self) -> Option<u8> {
        parse_digits(self.get(&HeaderName::MaxForwards)?)
    }

    /// Expires, in seconds.
    pub fn expires(&self) -> Option<u32> {
        parse_digits(self.get(&HeaderName::Expires)?)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a line whose value was read from a message and cannot hold a line break.
    pub(super) fn push_read(&mut self, name: HeaderName, value: String) {
        self.0.push((name, value));
    }

    pub(super) fn write(&self, out: &mut String) {
        for (name, value) in &self.0 {
            out.push_str(name.as_str());
            out.push_str(": ");
            out.push_str(value);
            out.push_str("\r\n");
        }
    }
}

fn checked(name: HeaderName, value: impl fmt::Display) -> Result<(HeaderName, String), InvalidValue> {
    let value = value.to_string();
    if name == HeaderName::ContentLength || value.contains(['\r', '\n']) {
        return Err(InvalidValue::new("header value"));
    }
    let trimmed = trim(&value);
    Ok((name, if trimmed.len() == value.len() { value } else { trimmed.to_owned() }))
}
