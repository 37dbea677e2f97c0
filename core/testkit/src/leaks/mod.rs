//! Looks for what must not cross: a phone number, a name or an address in bytes where it has no business to be.
//!
//! A number is found in any usual spelling: with `+`, `00`, national with or without its `0`, cut by spaces, dashes,
//! dots, slashes or brackets, backwards, and all that under percent, JSON, base64 (any offset, both alphabets), hex,
//! UTF-16 and byte-list encoding, two layers deep; further as a binary integer, in the half-bytes of telephone exchanges
//! (BCD), and behind a hash without salt, which a machine reverses in minutes. Other texts are found in any case and
//! backwards, under the same encodings. An address is found written, and in the bytes of packets, also as STUN hides it.
//! Encrypted media hide everything, so that captures must be taken before encryption.

mod names;
mod packed;
mod secret;
mod views;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

pub use names::shared_names;
pub use secret::SecretError;
pub use views::Encoding;

use secret::Secret;
use views::View;

/// How many encodings may lie over one another.
const LAYERS: usize = 2;
/// How much of its surroundings a leak shows, in bytes to either side.
const SURROUNDINGS: usize = 40;

/// Knows the secrets of one side, and finds them in what the other side can see.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    secrets: Vec<Secret>,
}

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What the secret is called, not the secret itself.
    pub secret: String,
    /// Where it was found: a file or a message.
    pub place: String,
    /// Under which encodings, the outermost first.
    pub encodings: Vec<Encoding>,
    /// Whether it stands backwards.
    pub reversed: bool,
    /// What stands around it, decoded as far as the secret was.
    pub excerpt: String,
}

impl Scanner {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A telephone number, E.164 with its `+`.
    ///
    /// # Errors
    /// [`SecretError::NotANumber`]; [`SecretError::TooShort`] when fewer than six digits follow the country code.
    pub fn number(mut self, name: &str, e164: &str) -> Result<Self, SecretError> {
        self.secrets.push(Secret::number(name, e164)?);
        Ok(self)
    }

    /// Any other text: an id, a name.
    ///
    /// # Errors
    /// [`SecretError::TooShort`] when it has fewer than six bytes, which chance would find anywhere.
    pub fn text(mut self, name: &str, text: &str) -> Result<Self, SecretError> {
        self.secrets.push(Secret::text(name, text)?);
        Ok(self)
    }

    /// A network address, written or, where nothing is wrapped around it, as its bytes.
    #[must_use]
    pub fn address(mut self, name: &str, address: IpAddr) -> Self {
        self.secrets.push(Secret::address(name, address));
        self
    }

    /// Every secret found in `bytes`; one that shows often is told once for each encoding. `place` says to people where
    /// the bytes come from.
    #[must_use]
    pub fn scan(&self, place: &str, bytes: &[u8]) -> Vec<Leak> {
        let mut leaks = Vec::new();
        self.scan_view(place, &View::raw(bytes), LAYERS, &mut leaks);
        leaks
    }

    /// The same in a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn scan_file(&self, path: &Path) -> std::io::Result<Vec<Leak>> {
        Ok(self.scan(&path.display().to_string(), &std::fs::read(path)?))
    }

    fn scan_view(&self, place: &str, view: &View<'_>, layers: usize, leaks: &mut Vec<Leak>) {
        for secret in &self.secrets {
            let Some(find) = secret.find(&view.bytes, view.encodings.is_empty()) else { continue };
            let leak = Leak {
                secret: secret.name().to_owned(),
                place: place.to_owned(),
                encodings: view.encodings.iter().copied().chain(find.packed).collect(),
                reversed: find.reversed,
                excerpt: excerpt(&view.bytes, find.start, find.end),
            };
            let told = |known: &Leak| known.secret == leak.secret && known.encodings == leak.encodings;
            if !leaks.iter().any(told) {
                leaks.push(leak);
            }
        }
        if layers > 0 {
            view.decoded(&mut |inner| self.scan_view(place, &inner, layers - 1, leaks));
        }
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.secret, self.place)?;
        for encoding in &self.encodings {
            write!(f, ", {encoding}")?;
        }
        if self.reversed {
            f.write_str(", backwards")?;
        }
        write!(f, ": …{}…", self.excerpt)
    }
}

fn excerpt(bytes: &[u8], start: usize, end: usize) -> String {
    let from = start.saturating_sub(SURROUNDINGS);
    let to = (end + SURROUNDINGS).min(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
