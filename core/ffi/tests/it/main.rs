//! What the platforms implement, at its worst: it fails, blocks, calls back in, comes from many threads, or is released while it
//! runs. Against a real WebSocket and TLS server on this machine, with real media. One behaviour per test; one program, because
//! each would link the voice engine again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod stage;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of core/client, which use more of it")]
#[path = "../../../client/tests/it/support/mod.rs"]
mod support;

mod handles_on_many_threads;
mod listener_blocks;
mod listener_calls_back;
mod listener_fails;
mod listener_is_released;
mod tokens_block;
mod tokens_call_back;
mod tokens_fail;
