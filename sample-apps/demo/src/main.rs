//! Runs gateway, courier and customer as separate processes and tells what happened.

fn main() {}
