use std::net::IpAddr;

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
    Digits { forwards: Vec<u8>, backwards: Vec<u8> },
    /// Lower case.
    Text { forwards: Vec<u8>, backwards: Vec<u8> },
    /// With dots or colons, and with dashes as in host names; a further digit on either side makes it another one.
    Address { spellings: Vec<String> },
}

/// Where a secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) reversed: bool,
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
        Ok(Self { name: name.to_owned(), kind: Kind::Digits { forwards, backwards } })
    }

    pub(super) fn text(name: &str, text: &str) -> Result<Self, SecretError> {
        if text.len() < SHORTEST {
            return Err(SecretError::TooShort);
        }
        let forwards = text.to_lowercase().into_bytes();
        let backwards = forwards.iter().rev().copied().collect();
        Ok(Self { name: name.to_owned(), kind: Kind::Text { forwards, backwards } })
    }

    pub(super) fn address(name: &str, address: IpAddr) -> Self {
        let written = address.to_string();
        let dashed = written.replace(['.', ':'], "-");
        Self { name: name.to_owned(), kind: Kind::Address { spellings: vec![written, dashed] } }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first place where it stands.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<Find> {
        match &self.kind {
            Kind::Digits { forwards, backwards } => find_digits(bytes, forwards, backwards),
            Kind::Text { forwards, backwards } => {
                let place = |needle: &[u8], reversed| {
                    let start = position(bytes, needle, 0)?;
                    Some(Find { start, end: start + needle.len(), reversed })
                };
                place(forwards, false).or_else(|| place(backwards, true))
            }
            Kind::Address { spellings } => {
                spellings.iter().find_map(|written| find_address(bytes, written.as_bytes()))
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
                    return Some(Find { start: *start, end: place + 1, reversed });
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
            return Some(Find { start, end, reversed: false });
        }
        from = start + 1;
    }
    None
}

/// `needle` is lower case; the case of `bytes` does not count.
fn position(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let found = rest.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))?;
    Some(from + found)
}
