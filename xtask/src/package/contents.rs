//! What may be in a library for Android, and what may not.

use std::path::Path;

use crate::elf::{self, Symbol};

/// Android 15 may have pages of 16 KB; Google Play asks for it.
const PAGE: u64 = 16 * 1024;
/// What every Android has.
const SYSTEM: [&str; 4] = ["libc.so", "libm.so", "libdl.so", "liblog.so"];
/// What apps see: UniFFI's functions and ours for sound.
const OURS: [&str; 4] =
    ["ffi_doorstep_ffi_", "uniffi_doorstep_ffi_", "UNIFFI_META_DOORSTEP_FFI_", "doorstep_audio_"];
/// libc's own, although they are named as C++'s.
const LIBC: [&str; 3] = ["__cxa_atexit", "__cxa_finalize", "__cxa_thread_atexit_impl"];

/// A library as far as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Contents {
    symbols: Vec<Symbol>,
    alignments: Vec<u64>,
    needed: Vec<String>,
}

impl Contents {
    /// Reads it.
    pub(super) fn of(library: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            symbols: elf::dynamic_symbols(library)?,
            alignments: elf::load_alignments(library)?,
            needed: elf::needed(library)?,
        })
    }

    /// What is wrong with it, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for symbol in self.symbols.iter().filter(|symbol| !symbol.name.is_empty()) {
            let name = &symbol.name;
            if symbol.defined && !OURS.iter().any(|prefix| name.starts_with(prefix)) {
                faults.push(format!("{name} is exported, and is nobody's business"));
            }
            let cpp = name.starts_with("_Z") || name.starts_with("__cxa_") || name.starts_with("__gxx_");
            if !symbol.defined && cpp && !LIBC.contains(&name.as_str()) {
                faults.push(format!("{name} is wanted of a C++ runtime, which apps need not have"));
            }
        }
        for prefix in ["ffi_doorstep_ffi_", "uniffi_doorstep_ffi_", "doorstep_audio_"] {
            if !self.symbols.iter().any(|symbol| symbol.defined && symbol.name.starts_with(prefix)) {
                faults.push(format!("no {prefix}… is exported"));
            }
        }
        for library in self.needed.iter().filter(|library| !SYSTEM.contains(&library.as_str())) {
            faults.push(format!("{library} is needed, which not every Android has"));
        }
        if self.alignments.is_empty() || self.alignments.iter().any(|alignment| *alignment < PAGE) {
            faults.push(format!(
                "it does not load on pages of 16 KB: its parts are aligned to {:?}",
                self.alignments
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str, defined: bool) -> Symbol {
        Symbol { name: name.to_owned(), bytes: 1, defined }
    }

    fn good() -> Contents {
        Contents {
            symbols: vec![
                symbol("ffi_doorstep_ffi_rustbuffer_free", true),
                symbol("uniffi_doorstep_ffi_fn_method_call_answer", true),
                symbol("doorstep_audio_capture", true),
                symbol("malloc", false),
                symbol("__cxa_finalize", false),
            ],
            alignments: vec![PAGE, PAGE],
            needed: vec!["libc.so".to_owned()],
        }
    }

    #[test]
    fn a_good_library_has_no_fault() {
        assert!(good().faults().is_empty());
    }

    #[test]
    fn each_fault_is_told() {
        let faults = |spoil: fn(&mut Contents)| {
            let mut contents = good();
            spoil(&mut contents);
            contents.faults()
        };
        assert!(
            faults(|it| it.symbols.push(symbol("opus_encode", true)))[0]
                .starts_with("opus_encode is exported")
        );
        assert!(faults(|it| it.symbols.push(symbol("_ZdlPv", false)))[0].contains("C++"));
        assert!(faults(|it| it.needed.push("libc++_shared.so".to_owned()))[0].contains("libc++_shared"));
        assert!(faults(|it| it.alignments.push(4096))[0].contains("16 KB"));
        assert!(
            faults(|it| it.symbols.retain(|symbol| symbol.name != "doorstep_audio_capture"))[0]
                .contains("no doorstep_audio_")
        );
    }
}
