use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Shorter runs cannot hold a secret.
const SHORTEST_BASE64: usize = 8;
const SHORTEST_HEX: usize = 12;
const SHORTEST_LIST: usize = 6;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a secret was wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `%31%37…` (RFC 3986).
    Percent,
    /// `\u0031…` (RFC 8259).
    Json,
    /// Base64, either alphabet (RFC 4648).
    Base64,
    /// Two hexadecimal digits a byte.
    Hex,
    /// Two bytes a character (RFC 2781).
    Utf16,
    /// Decimal values, `43, 52, 57`, as Rust prints bytes.
    ByteList,
    /// Half a byte a digit, in either order (ITU-T Q.763, 3GPP TS 23.003).
    Bcd,
    /// A binary number, in either byte order.
    Integer,
    /// The beginning of a hash without salt: MD5 or SHA-256.
    Hash,
    /// The bytes of a network address.
    AddressBytes,
    /// The bytes of a network address under STUN's mask (RFC 8489 section 14.2).
    XorAddress,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Percent => "percent-encoded",
            Self::Json => "JSON-escaped",
            Self::Base64 => "in base64",
            Self::Hex => "in hex",
            Self::Utf16 => "in UTF-16",
            Self::ByteList => "as a list of bytes",
            Self::Bcd => "in half-bytes",
            Self::Integer => "as a binary number",
            Self::Hash => "hashed without salt",
            Self::AddressBytes => "as an address' bytes",
            Self::XorAddress => "as an address' masked bytes",
        })
    }
}

/// Bytes, and how they were unwrapped.
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) encodings: Vec<Encoding>,
}

impl<'a> View<'a> {
    pub(super) fn raw(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), encodings: Vec::new() }
    }

    /// Hands over what lies under each encoding that the bytes, or parts of them, could be in.
    pub(super) fn decoded(&self, each: &mut dyn FnMut(View<'_>)) {
        let mut hand = |encoding, bytes: Vec<u8>| {
            let mut encodings = self.encodings.clone();
            encodings.push(encoding);
            each(View { bytes: Cow::Owned(bytes), encodings });
        };
        if self.bytes.contains(&b'%') {
            hand(Encoding::Percent, unescape(&self.bytes, b"%", 2));
        }
        if self.bytes.windows(2).any(|pair| pair == b"\\u") {
            hand(Encoding::Json, unescape(&self.bytes, b"\\u", 4));
        }
        if self.bytes.contains(&0) {
            hand(Encoding::Utf16, self.bytes.iter().copied().filter(|byte| *byte != 0).collect());
        }
        for list in byte_lists(&self.bytes) {
            hand(Encoding::ByteList, list);
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        for run in runs(&self.bytes, is_base64, SHORTEST_BASE64) {
            let standard: Vec<u8> = run
                .iter()
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                })
                .collect();
            for offset in 0..4 {
                let Some(part) = standard.get(offset..) else { continue };
                // One character alone at the end holds no byte.
                let usable = if part.len() % 4 == 1 { part.len() - 1 } else { part.len() };
                let decoded = part.get(..usable).and_then(|part| LENIENT.decode(part).ok());
                if let Some(bytes) = decoded {
                    hand(Encoding::Base64, bytes);
                }
            }
        }
        for run in runs(&self.bytes, u8::is_ascii_hexdigit, SHORTEST_HEX) {
            for offset in 0..2 {
                let pairs = run.get(offset..).unwrap_or_default().chunks_exact(2);
                hand(Encoding::Hex, pairs.filter_map(hex).collect());
            }
        }
    }
}

/// Longest stretches of bytes that `belongs` takes.
fn runs(bytes: &[u8], belongs: impl Fn(&u8) -> bool, shortest: usize) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |byte| !belongs(byte)).filter(move |run| run.len() >= shortest)
}

/// What stands in lists of decimal byte values, `43, 52, 57`.
fn byte_lists(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lists = Vec::new();
    for run in runs(bytes, |byte| byte.is_ascii_digit() || b", ".contains(byte), 2 * SHORTEST_LIST) {
        let values = run.split(|byte| *byte == b',').map(|value| {
            let value = value.trim_ascii();
            std::str::from_utf8(value).ok().and_then(|value| value.parse::<u8>().ok())
        });
        // What is no byte ends a list.
        let values: Vec<_> = values.collect();
        let parts = values.split(Option::is_none).map(|part| part.iter().flatten().copied().collect());
        lists.extend(parts.filter(|part: &Vec<u8>| part.len() >= SHORTEST_LIST));
    }
    lists
}

/// Replaces each `prefix` that `digits` hexadecimal digits follow by the byte or character that they name.
fn unescape(bytes: &[u8], prefix: &[u8], digits: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(prefix).and_then(|code| code.split_at_checked(digits));
        let character = escaped.and_then(|(code, after)| Some((number(code)?, after)));
        match character {
            Some((number, after)) if digits == 2 => {
                out.push(u8::try_from(number).unwrap_or(b'?'));
                rest = after;
            }
            Some((number, after)) => {
                let character = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn number(code: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()
}

fn hex(pair: &[u8]) -> Option<u8> {
    u8::try_from(number(pair)?).ok()
}
