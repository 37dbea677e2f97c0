//! The SDK against a real WebSocket and TLS server on this machine, with real media. One behaviour per file; one
//! program, because each would link the voice engine again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod support;

mod call_hold;
mod call_in;
mod call_out;
mod call_refused;
mod call_transfer;
mod call_voice;
mod connection_backs_off;
mod connection_comes_back;
mod events_slow_reader;
mod frames_of_garbage;
mod push_registration;
mod readme_example;
mod shutdown_in_every_state;
mod tokens_are_asked_for;
mod transport_carries_messages;
mod transport_checks_identity;
mod transport_names_refusals;
mod transport_notices_the_end;
mod wake;
