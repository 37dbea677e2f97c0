use std::net::IpAddr;

use memchr::{memchr2_iter, memmem};

use super::packed::{self, Packed};
use super::views::Encoding;

/// Fewer would be found by chance.
const SHORTEST: usize = 6;
/// Bytes that may stand between two digits of one number.
const MOST_SEPARATORS: usize = 3;

/// Why something cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not E.164: `+` and up to 15 digits.
    #[error("not an E.164 number")]
    NotANumber,
    /// So short that chance would find it.
    #[error("too short to be told from chance: {SHORTEST} are needed")]
    TooShort,
}

#[derive(Debug, Clone)]
pub(super) struct Secret {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// The national number without its leading 0: part of every spelling.
    Digits { forwards: Vec<u8>, backwards: Vec<u8>, packed: Vec<Packed> },
    /// Lower case.
    Text { forwards: Vec<u8>, backwards: Vec<u8>, packed: Vec<Packed> },
    /// With dots or colons, with dashes as in host names, as a list of numbers, as one number; a further digit on either
    /// side makes it another one. Its bytes are so few that they are looked for in what nothing is wrapped around.
    Address { spellings: Vec<String>, packed: Vec<Packed> },
}

/// Where a secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) reversed: bool,
    /// How it is packed, if it is.
    pub(super) packed: Option<Encoding>,
}

impl Secret {
    pub(super) fn number(name: &str, e164: &str) -> Result<Self, SecretError> {
        let digits = e164.strip_prefix('+').ok_or(SecretError::NotANumber)?.as_bytes();
        if digits.len() > 15 || digits.first() == Some(&b'0') || !digits.iter().all(u8::is_ascii_digit) {
            return Err(SecretError::NotANumber);
        }
        let forwards = digits.get(country_code(digits)..).unwrap_or_default().to_vec();
        if forwards.len() < SHORTEST {
            return Err(SecretError::TooShort);
        }
        let backwards = forwards.iter().rev().copied().collect();
        let packed = packed::number(digits, &forwards);
        Ok(Self { name: name.to_owned(), kind: Kind::Digits { forwards, backwards, packed } })
    }

    pub(super) fn text(name: &str, text: &str) -> Result<Self, SecretError> {
        if text.len() < SHORTEST {
            return Err(SecretError::TooShort);
        }
        let forwards = text.to_lowercase().into_bytes();
        let backwards = forwards.iter().rev().copied().collect();
        let packed = packed::hashes(text.as_bytes());
        Ok(Self { name: name.to_owned(), kind: Kind::Text { forwards, backwards, packed } })
    }

    pub(super) fn address(name: &str, address: IpAddr) -> Self {
        let written = address.to_string();
        let dashed = written.replace(['.', ':'], "-");
        let mut spellings = vec![written, dashed];
        if let IpAddr::V4(address) = address {
            let number = u32::from(address);
            let listed = address.octets().map(|octet| octet.to_string()).join(", ");
            spellings.extend([listed, number.to_string(), format!("{number:08x}")]);
        }
        let packed = packed::address(address);
        Self { name: name.to_owned(), kind: Kind::Address { spellings, packed } }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first place where it stands. `bare`: the bytes are as they came, with nothing unwrapped.
    pub(super) fn find(&self, bytes: &[u8], bare: bool) -> Option<Find> {
        match &self.kind {
            Kind::Digits { forwards, backwards, packed } => {
                find_digits(bytes, forwards, backwards).or_else(|| find_packed(bytes, packed))
            }
            Kind::Text { forwards, backwards, packed } => {
                let place = |needle: &[u8], reversed| {
                    let start = position(bytes, needle, 0)?;
                    Some(Find { start, end: start + needle.len(), reversed, packed: None })
                };
                place(forwards, false)
                    .or_else(|| place(backwards, true))
                    .or_else(|| find_packed(bytes, packed))
            }
            Kind::Address { spellings, packed } => {
                let written = spellings.iter().find_map(|written| find_address(bytes, written.as_bytes()));
                written.or_else(|| find_packed(bytes, packed).filter(|_| bare))
            }
        }
    }
}

/// How many digits the country code has (ITU-T E.164 list of assigned codes).
fn country_code(digits: &[u8]) -> usize {
    const TWO: [&[u8]; 42] = [
        b"20", b"27", b"30", b"31", b"32", b"33", b"34", b"36", b"39", b"40", b"41", b"43", b"44", b"45",
        b"46", b"47", b"48", b"49", b"51", b"52", b"53", b"54", b"55", b"56", b"57", b"58", b"60", b"61",
        b"62", b"63", b"64", b"65", b"66", b"81", b"82", b"84", b"86", b"90", b"91", b"92", b"93", b"94",
    ];
    match digits {
        [b'1' | b'7', ..] => 1,
        [a, b, ..] if TWO.contains(&&[*a, *b][..]) || matches!(&[*a, *b], b"95" | b"98") => 2,
        _ => 3,
    }
}

fn find_packed(bytes: &[u8], packed: &[Packed]) -> Option<Find> {
    packed.iter().find_map(|packed| {
        let start = memmem::find(bytes, &packed.bytes)?;
        let end = start + packed.bytes.len();
        Some(Find { start, end, reversed: false, packed: Some(packed.encoding) })
    })
}

/// Looks in every run of digits, with what may stand between them left out.
fn find_digits(bytes: &[u8], forwards: &[u8], backwards: &[u8]) -> Option<Find> {
    let mut run: Vec<u8> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let mut gap = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if byte.is_ascii_digit() {
            run.push(*byte);
            places.push(place);
            gap = 0;
            for (needle, reversed) in [(forwards, false), (backwards, true)] {
                if run.ends_with(needle)
                    && let Some(start) = places.get(run.len() - needle.len())
                {
                    return Some(Find { start: *start, end: place + 1, reversed, packed: None });
                }
            }
            continue;
        }
        gap += 1;
        // No-break space is two bytes in UTF-8; NUL stands between digits in UTF-16.
        let separates =
            matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'\t' | 0 | 0xc2 | 0xa0);
        if !separates || gap > MOST_SEPARATORS {
            run.clear();
            places.clear();
        }
    }
    None
}

fn find_address(bytes: &[u8], written: &[u8]) -> Option<Find> {
    let mut from = 0;
    while let Some(start) = position(bytes, written, from) {
        let end = start + written.len();
        let before = start.checked_sub(1).and_then(|place| bytes.get(place));
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        if !is_digit(before) && !is_digit(bytes.get(end)) {
            return Some(Find { start, end, reversed: false, packed: None });
        }
        from = start + 1;
    }
    None
}

/// `needle` is lower case; the case of `bytes` does not count.
fn position(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let first = needle.first()?;
    let mut starts = memchr2_iter(*first, first.to_ascii_uppercase(), rest);
    let stands = |at: usize| rest.get(at..at + needle.len()).is_some_and(|w| w.eq_ignore_ascii_case(needle));
    starts.find(|at| stands(*at)).map(|found| from + found)
}
