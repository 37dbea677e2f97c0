//! What a library is made of: its sections, and its code by crate.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::elf;

/// Crates that are told by name; the rest is one line.
const NAMED: usize = 30;

/// What a library is made of.
#[derive(Debug, Serialize)]
pub(crate) struct Makeup {
    /// The largest first; only what is loaded.
    pub sections: Vec<Part>,
    /// Code by the crate that it was written in, the largest first. A generic function counts for where it was written, not for
    /// whom it was made; `C` is libopus and ring's own.
    pub crates: Vec<Part>,
}

/// A name and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    /// Of a section or crate.
    pub name: String,
    /// How many.
    pub bytes: u64,
}

impl Makeup {
    /// Reads a library that still has its symbols.
    pub(super) fn of(library: &Path) -> anyhow::Result<Self> {
        let mut sections = BTreeMap::new();
        for section in elf::sections(library)?.into_iter().filter(|section| section.loaded) {
            *sections.entry(section.name).or_default() += section.bytes;
        }
        let mut crates = BTreeMap::new();
        for symbol in elf::symbols(library)?.into_iter().filter(|symbol| symbol.defined && symbol.bytes > 0) {
            *crates.entry(crate_of(&symbol.name).to_owned()).or_default() += symbol.bytes;
        }
        Ok(Self { sections: largest_first(sections, usize::MAX), crates: largest_first(crates, NAMED) })
    }
}

fn largest_first(parts: BTreeMap<String, u64>, most: usize) -> Vec<Part> {
    let mut parts: Vec<_> = parts.into_iter().map(|(name, bytes)| Part { name, bytes }).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    if parts.len() > most {
        let rest = parts.split_off(most).iter().map(|part| part.bytes).sum();
        parts.push(Part { name: "others".to_owned(), bytes: rest });
    }
    parts
}

/// The crate of a name as rustc writes it: `_ZN4core3fmt…` (legacy) or `_RNvNtCs1234_4core3fmt…` (v0).
fn crate_of(symbol: &str) -> &str {
    // What the optimiser has cut apart or merged keeps its name with something behind it.
    let symbol = symbol.trim_start_matches('.');
    let found = match symbol.strip_prefix("_ZN") {
        Some(rest) => legacy(rest),
        None => symbol.strip_prefix("_R").and_then(v0),
    };
    found.unwrap_or("C")
}

fn legacy(path: &str) -> Option<&str> {
    let first = counted(path)?;
    // `<impl>`s begin with `_$LT$core..fmt…`.
    let inner = first.trim_start_matches("_$LT$").trim_start_matches(['&', '$']);
    let end =
        inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inner.len());
    inner.get(..end).filter(|name| !name.is_empty())
}

/// A crate is `C`, its disambiguator `s…_` if it has one, and its name.
fn v0(path: &str) -> Option<&str> {
    path.match_indices('C').find_map(|(place, _)| {
        let rest = path.get(place + 1..)?;
        let name = match rest.strip_prefix('s') {
            Some(rest) => rest.split_once('_')?.1,
            None => rest,
        };
        counted(name)
    })
}

/// A decimal length and as many letters; v0 puts `_` between where the name begins with a digit or `_`.
fn counted(text: &str) -> Option<&str> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let length: usize = text.get(..digits)?.parse().ok()?;
    let rest = text.get(digits..)?;
    let name = rest.get(..length)?;
    let is_name = !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_graphic());
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_belongs_to_its_crate() {
        for (symbol, name) in [
            ("_RNvNtCs6oe4e2F9SZ8_4core3fmt5write", "core"),
            ("_RNvXs_NtCs8VQ8o_6rustls6clientNtB4_6Client5clone", "rustls"),
            ("_RINvCsaB_5tokio5spawnNCNvCs9_8doorstep3runE", "tokio"),
            ("_ZN4core3fmt5write17h0123456789abcdefE", "core"),
            ("_ZN50_$LT$doorstep_sip..Uri$u20$as$u20$Debug$GT$3fmt17hE", "doorstep_sip"),
            ("opus_encode_native", "C"),
            ("ring_core_0_17_14__x25519_sc_mask", "C"),
        ] {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn the_largest_come_first_and_the_rest_is_one() {
        let parts = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 5), ("c".to_owned(), 2)]);
        let found: Vec<_> = largest_first(parts, 1).into_iter().map(|part| (part.name, part.bytes)).collect();
        assert_eq!(found, [("b".to_owned(), 5), ("others".to_owned(), 3)]);
    }
}
