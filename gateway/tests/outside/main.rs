//! The real binary from outside, one file per behaviour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod api_orders;
mod api_over_tls;
mod api_refusals;
mod calls_go_through;
mod carriers_over_streams;
mod couriers_list_their_orders;
mod couriers_sign_in;
mod edge_limits;
mod full_disk;
mod garbage_disturbs_nobody;
mod kill_9;
mod locked_store;
mod nothing_personal_is_logged;
mod plain_http_at_the_edge;
mod program;
mod real_push_service;
mod reload_on_sighup;
mod several_carriers;
mod sigterm_ends_calls;
mod slow_client;
mod support;
mod unreachable_couriers;
mod wake_client;
mod wakes_closed_apps;
