//! What is in a shared object or an object file, as `readelf` tells it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// As `.text`.
    pub name: String,
    /// In bytes.
    pub bytes: u64,
    /// Whether it is loaded; the rest is stripped.
    pub loaded: bool,
}

/// A name in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// As the compiler wrote it.
    pub name: String,
    /// In bytes.
    pub bytes: u64,
    /// Whether it is in here, or wanted from elsewhere.
    pub defined: bool,
}

/// The sections.
pub(crate) fn sections(file: &Path) -> anyhow::Result<Vec<Section>> {
    Ok(readelf("--section-headers", file)?.lines().filter_map(section).collect())
}

/// The names that other libraries see, and that this one wants of them.
pub(crate) fn dynamic_symbols(file: &Path) -> anyhow::Result<Vec<Symbol>> {
    Ok(readelf("--dyn-syms", file)?.lines().filter_map(symbol).collect())
}

/// All names, where the file was not stripped.
pub(crate) fn symbols(file: &Path) -> anyhow::Result<Vec<Symbol>> {
    Ok(readelf("--symbols", file)?.lines().filter_map(symbol).collect())
}

/// The alignment of each part that is loaded, in bytes.
pub(crate) fn load_alignments(file: &Path) -> anyhow::Result<Vec<u64>> {
    let text = readelf("--program-headers", file)?;
    let loads = text.lines().filter(|line| line.trim_start().starts_with("LOAD "));
    loads
        .map(|line| line.split_whitespace().last().and_then(hex).context("a LOAD without alignment"))
        .collect()
}

/// The libraries that it wants.
pub(crate) fn needed(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = readelf("--dynamic", file)?;
    let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
    Ok(needed.filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned())).collect())
}

fn readelf(what: &str, file: &Path) -> anyhow::Result<String> {
    let output = Command::new("readelf")
        .args(["--wide", what])
        .arg(file)
        .env("LC_ALL", "C")
        .output()
        .context("readelf (binutils) could not be started")?;
    if !output.status.success() {
        bail!("readelf cannot read {}", file.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `  [11] .text  PROGBITS  000000000023df40 239f40 2ff4a0 00  AX  0   0 64`
fn section(line: &str) -> Option<Section> {
    let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    number.trim().parse::<u32>().ok()?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [name, kind, _address, _offset, bytes, _entry, flags, ..] = words[..] else { return None };
    let bytes = if kind == "NOBITS" { 0 } else { hex(bytes)? };
    Some(Section { name: name.to_owned(), bytes, loaded: flags.contains('A') })
}

/// `   123: 000000000023df40   124 FUNC    GLOBAL DEFAULT   11 doorstep_audio_capture`
fn symbol(line: &str) -> Option<Symbol> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [number, _value, bytes, _kind, _binding, _visibility, section, name, ..] = words[..] else {
        return None;
    };
    number.strip_suffix(':')?.parse::<u64>().ok()?;
    let bytes = bytes.strip_prefix("0x").map_or_else(|| bytes.parse().ok(), hex)?;
    // With a version, as `malloc@LIBC`.
    let name = name.split('@').next()?.to_owned();
    Some(Symbol { name, bytes, defined: section != "UND" })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read() {
        let line = "  [11] .text             PROGBITS        000000000023df40 239f40 2ff4a0 00  AX  0   0 64";
        let text = Section { name: ".text".to_owned(), bytes: 0x2f_f4a0, loaded: true };
        assert_eq!(section(line), Some(text));
        let line = "  [19] .bss              NOBITS          00000000005706a0 5646a0 000188 00  WA  0   0  8";
        assert_eq!(section(line).map(|bss| bss.bytes), Some(0), "nothing of it is in the file");
        assert_eq!(section("  [Nr] Name  Type Address Off Size ES Flg Lk Inf Al"), None);
    }

    #[test]
    fn a_symbol_is_read() {
        let line = "    12: 000000000023df40   124 FUNC    GLOBAL DEFAULT   11 doorstep_audio_capture";
        let ours = Symbol { name: "doorstep_audio_capture".to_owned(), bytes: 124, defined: true };
        assert_eq!(symbol(line), Some(ours));
        let line = "     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND malloc@LIBC (2)";
        let theirs = Symbol { name: "malloc".to_owned(), bytes: 0, defined: false };
        assert_eq!(symbol(line), Some(theirs));
        assert_eq!(symbol("Symbol table '.dynsym' contains 344 entries:"), None);
    }
}
