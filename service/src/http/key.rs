//! API keys: the configuration holds their SHA-256, so that who reads it cannot use them.

use sha2::{Digest as _, Sha256};

/// Reads a key's hash as the configuration holds it: 64 hexadecimal digits.
pub fn parse_key_hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// The hash of a key, as the configuration wants it.
pub fn hash_key(key: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the key is one of those. It takes as long whichever it is, and what is compared are hashes.
pub fn is_known(keys: &[[u8; 32]], key: &str) -> bool {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut known = false;
    for own in keys {
        let difference = own.iter().zip(hash).fold(0u8, |sum, (a, b)| sum | (a ^ b));
        known |= std::hint::black_box(difference) == 0;
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_keys_are_known() {
        let keys = [parse_key_hash(&hash_key("one")).unwrap(), parse_key_hash(&hash_key("two")).unwrap()];
        assert!(is_known(&keys, "one") && is_known(&keys, "two"));
        assert!(!is_known(&keys, "three") && !is_known(&keys, "") && !is_known(&[], "one"));
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(parse_key_hash(text), None);
        }
    }
}
