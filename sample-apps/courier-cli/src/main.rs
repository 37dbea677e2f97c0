//! The courier's app in a terminal: a complete example of the Rust SDK.

fn main() {}
