//! Random names that stand on both sides, by which anybody who sees both could tell that they belong together.

use std::collections::BTreeSet;

/// Shorter ones are words, ports and clock rates.
const SHORTEST: usize = 8;

/// Words with a digit in them that occur in both: Call-IDs, tags, branches, SSRCs, CNAMEs, session and order ids are such
/// words. `allowed` are those that either side may know.
#[must_use]
pub fn shared_names(one: &[u8], other: &[u8], allowed: &[&str]) -> Vec<String> {
    let allowed: BTreeSet<&[u8]> = allowed.iter().flat_map(|text| names(text.as_bytes())).collect();
    let known: BTreeSet<&[u8]> = names(one).filter(|name| !allowed.contains(name)).collect();
    let shared: BTreeSet<&[u8]> = names(other).filter(|name| known.contains(name)).collect();
    shared.into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn names(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|name| name.len() >= SHORTEST && name.iter().any(u8::is_ascii_digit))
}
