//! Writes Kotlin and Swift from the built library: `uniffi-bindgen generate --library LIBRARY --language kotlin --out-dir DIR`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
