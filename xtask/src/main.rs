//! Set-up, demo, tests, benchmarks: the same command here and in CI.

fn main() {}
