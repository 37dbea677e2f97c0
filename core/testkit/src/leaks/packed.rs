//! Secrets in binary: what no text search finds.

use std::net::IpAddr;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::views::Encoding;

/// Fewer bytes would be found by chance, in what is random.
const SHORTEST: usize = 6;
/// So much of a hash is enough to find it again.
const OF_A_HASH: usize = 8;
/// STUN's mask (RFC 8489 section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Bytes that stand for a secret.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) encoding: Encoding,
    pub(super) bytes: Vec<u8>,
}

impl Packed {
    fn new(encoding: Encoding, bytes: impl Into<Vec<u8>>) -> Self {
        Self { encoding, bytes: bytes.into() }
    }
}

/// A number, by its digits with the country code and those without.
pub(super) fn number(digits: &[u8], national: &[u8]) -> Vec<Packed> {
    let text = String::from_utf8_lossy(digits);
    let national_text = String::from_utf8_lossy(national);
    let mut packed = Vec::new();
    for spelling in [format!("+{text}"), text.to_string(), format!("00{text}"), format!("0{national_text}")] {
        packed.extend(hashes(spelling.as_bytes()));
    }
    let value = text.parse::<u64>().unwrap_or_default().to_be_bytes();
    let significant: Vec<u8> = value.into_iter().skip_while(|byte| *byte == 0).collect();
    packed.push(Packed::new(Encoding::Integer, significant.iter().rev().copied().collect::<Vec<_>>()));
    packed.push(Packed::new(Encoding::Integer, significant));
    for digits in [digits, national] {
        // It may begin at either half of a byte.
        for from in [digits, digits.get(1..).unwrap_or_default()] {
            let pairs = || from.as_chunks::<2>().0.iter().map(|pair| pair.map(|digit| digit & 0x0f));
            packed.push(Packed::new(Encoding::Bcd, pairs().map(|[a, b]| a << 4 | b).collect::<Vec<_>>()));
            packed.push(Packed::new(Encoding::Bcd, pairs().map(|[a, b]| b << 4 | a).collect::<Vec<_>>()));
        }
    }
    packed.retain(|packed| packed.bytes.len() >= SHORTEST);
    packed
}

/// A text behind the hashes that people use.
pub(super) fn hashes(text: &[u8]) -> Vec<Packed> {
    let md5 = Md5::digest(text);
    let sha = Sha256::digest(text);
    [md5.get(..OF_A_HASH), sha.get(..OF_A_HASH)]
        .into_iter()
        .flatten()
        .map(|hash| Packed::new(Encoding::Hash, hash))
        .collect()
}

/// An address as packets hold it. Four bytes that could be letters are not looked for: text is full of them.
pub(super) fn address(address: IpAddr) -> Vec<Packed> {
    let plain = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    // Of an IPv6 address, the rest of the mask is the transaction's and unknown here.
    let masked: Vec<u8> = plain.iter().zip(COOKIE).map(|(byte, mask)| byte ^ mask).collect();
    let backwards: Vec<u8> = plain.iter().rev().copied().collect();
    let mut packed = vec![
        Packed::new(Encoding::AddressBytes, plain),
        Packed::new(Encoding::AddressBytes, backwards),
        Packed::new(Encoding::XorAddress, masked),
    ];
    packed.retain(|packed| !packed.bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' '));
    packed
}
