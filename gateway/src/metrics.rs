//! What is counted, for Prometheus. No label holds a number, a name or an address.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::core::{CallEventKind, CallRecord};
use crate::words;

/// Seconds, from a warm loopback to a phone that rings after the carrier has searched for it.
const SETUP_BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// Between the recorder's own tidying.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder for the whole process.
///
/// # Errors
/// When there is one already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("doorstep_call_setup_seconds".to_owned()), &SETUP_BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// Counts a step of a call.
pub fn call_stepped(kind: CallEventKind, record: &CallRecord) {
    let direction = words::direction(record.direction);
    match kind {
        CallEventKind::Started => {
            metrics::counter!("doorstep_calls_started_total", "direction" => direction).increment(1);
            metrics::gauge!("doorstep_calls_active").increment(1);
        }
        CallEventKind::Ringing => {
            let setup = record.ringing_at.map(|at| at.saturating_since(record.started_at));
            if let Some(setup) = setup {
                metrics::histogram!("doorstep_call_setup_seconds", "direction" => direction)
                    .record(setup.as_secs_f64());
            }
        }
        CallEventKind::Answered => {
            metrics::counter!("doorstep_calls_answered_total", "direction" => direction).increment(1);
        }
        CallEventKind::Ended => {
            let reason = record.end.map_or("unknown", |end| words::refusal(end).unwrap_or(words::end(end)));
            metrics::counter!("doorstep_calls_ended_total", "direction" => direction, "reason" => reason)
                .increment(1);
            metrics::gauge!("doorstep_calls_active").decrement(1);
        }
    }
}

fn describe() {
    describe_counter!("doorstep_calls_started_total", "Calls that were allowed, by direction");
    describe_counter!("doorstep_calls_answered_total", "Calls that were answered, by direction");
    describe_counter!("doorstep_calls_ended_total", "Calls that ended, by direction and reason or refusal");
    describe_gauge!("doorstep_calls_active", "Calls going on");
    describe_histogram!("doorstep_call_setup_seconds", Unit::Seconds, "From INVITE to ringing");
    describe_gauge!("doorstep_trunk_up", "Whether any carrier answers");
    describe_gauge!("doorstep_carrier_up", "Whether that carrier answers");
    describe_gauge!("doorstep_trunk_connections", "TCP and TLS connections with the carrier");
    describe_counter!(
        "doorstep_trunk_datagrams_dropped_total",
        "Datagrams of the trunk that were dropped, by why"
    );
    describe_counter!(
        "doorstep_trunk_connections_refused_total",
        "Connections to the trunk that were refused, by why"
    );
    describe_counter!("doorstep_trunk_malformed_total", "Streams of the trunk that could not be read on");
    describe_counter!("doorstep_trunk_dns_failures_total", "Failed look-ups of the carrier's name");
    describe_gauge!("doorstep_edge_connections", "Connected apps");
    describe_counter!("doorstep_edge_refused_total", "Connections of apps that were refused, by why");
    describe_counter!("doorstep_edge_closed_total", "Connections of apps that ended, by why");
    describe_counter!("doorstep_edge_messages_dropped_total", "Messages of apps beyond the rate");
    describe_counter!("doorstep_media_packets_total", "RTP packets of ended legs, by what became of them");
    describe_counter!("doorstep_media_failures_total", "Media legs that failed, by why");
    describe_counter!(
        "doorstep_media_events_lost_total",
        "What media legs had to say and the core could not take"
    );
    describe_counter!(
        "doorstep_slow_peers_total",
        "Connections that were closed since their far side did not read"
    );
    describe_gauge!("doorstep_push_up", "Whether push-service answers; 0: nobody can be woken");
    describe_counter!("doorstep_wakes_total", "Wakes, by what became of them");
    describe_histogram!(
        "doorstep_wake_accepted_seconds",
        Unit::Seconds,
        "From a call to push-service's acceptance"
    );
    describe_counter!(
        "doorstep_push_requests_failed_total",
        "Requests to push-service that failed, by what and why"
    );
    describe_counter!(
        "doorstep_push_devices_dropped_total",
        "Changes of devices that had to be read from the store later"
    );
    describe_counter!("doorstep_store_errors_total", "Questions that the store did not answer");
    describe_counter!("doorstep_store_refused_total", "Questions that did not fit in the store's queue");
    describe_counter!("doorstep_api_requests_total", "HTTP requests, by route and status");
}
