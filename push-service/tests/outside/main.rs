//! The real binary from outside, before an Apple and a Google of our own; one file per behaviour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]
#![allow(clippy::print_stdout, reason = "says what was skipped, and figures")]

mod api_devices;
mod api_refusals;
mod api_wakes;
mod database_outage;
mod database_over_tls;
mod full_disk;
mod kill_9;
mod nothing_personal_is_told;
mod program;
mod reload_on_sighup;
mod sick_provider;
mod sigterm_drains;
mod support;
mod two_instances;
