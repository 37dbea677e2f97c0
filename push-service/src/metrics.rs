//! What is counted, for Prometheus. No label holds a user, a device, an order or a token.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::provider::{ProviderKind, Verdict};
use crate::store::DeliveryState;

/// Seconds: from a warm connection nearby to a provider that does not answer.
const BUCKETS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Writes in one transaction.
const BATCHES: [f64; 8] = [1.0, 2.0, 5.0, 20.0, 50.0, 200.0, 500.0, 2000.0];
/// Between the recorder's own tidying.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder for the whole process.
///
/// # Errors
/// When there is one already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &BUCKETS)?
        .set_buckets_for_metric(Matcher::Full("doorstep_push_batch_writes".to_owned()), &BATCHES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// The provider's word in labels.
pub(crate) fn word(provider: ProviderKind) -> &'static str {
    match provider {
        ProviderKind::Apns => "apns",
        ProviderKind::Fcm => "fcm",
    }
}

/// A wake was taken in, for so many devices.
pub(crate) fn accepted(devices: usize) {
    let count = if devices == 0 { "none" } else { "some" };
    metrics::counter!("doorstep_push_wakes_accepted_total", "devices" => count).increment(1);
}

/// A wake was not taken in.
pub(crate) fn refused(why: &'static str) {
    metrics::counter!("doorstep_push_wakes_refused_total", "reason" => why).increment(1);
}

/// So long it was in hand before its first attempt.
pub(crate) fn waited(provider: ProviderKind, time: Duration) {
    metrics::histogram!("doorstep_push_queue_seconds", "provider" => word(provider))
        .record(time.as_secs_f64());
}

/// A provider answered, or did not.
pub(crate) fn answered(provider: ProviderKind, verdict: &Verdict, time: Duration) {
    let provider = word(provider);
    metrics::histogram!("doorstep_push_provider_seconds", "provider" => provider).record(time.as_secs_f64());
    let (status, verdict) = match verdict {
        Verdict::Sent { status, .. } => (Some(*status), "sent"),
        Verdict::Retry { status, .. } => (*status, "retry"),
        Verdict::DeviceGone { status, .. } => (Some(*status), "device_gone"),
        Verdict::Rejected { status, .. } => (*status, "rejected"),
        Verdict::Misconfigured { status, .. } => (*status, "misconfigured"),
    };
    let status = status.map_or("none".to_owned(), |status| status.to_string());
    metrics::counter!("doorstep_push_answers_total", "provider" => provider, "status" => status, "verdict" => verdict)
        .increment(1);
}

/// A delivery is over.
pub(crate) fn finished(provider: ProviderKind, state: DeliveryState) {
    metrics::counter!("doorstep_push_deliveries_total", "provider" => word(provider), "state" => state.as_str())
        .increment(1);
}

/// A device was told, or not, that its call is over.
pub(crate) fn cancel_finished(provider: ProviderKind, state: DeliveryState) {
    metrics::counter!("doorstep_push_cancels_total", "provider" => word(provider), "state" => state.as_str())
        .increment(1);
}

/// A delivery will be tried again.
pub(crate) fn retried(provider: ProviderKind) {
    metrics::counter!("doorstep_push_retries_total", "provider" => word(provider)).increment(1);
}

/// So many deliveries came from another instance, or an earlier run.
pub(crate) fn taken_over(deliveries: usize) {
    metrics::counter!("doorstep_push_taken_over_total").increment(deliveries.try_into().unwrap_or(u64::MAX));
}

/// What is in hand now.
#[allow(clippy::cast_precision_loss, reason = "a queue is far shorter than 2^52")]
pub(crate) fn pending(deliveries: usize) {
    metrics::gauge!("doorstep_push_pending").set(deliveries as f64);
}

/// How many devices there are.
#[allow(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 devices")]
pub(crate) fn devices(counts: &[(ProviderKind, u64)]) {
    for provider in [ProviderKind::Apns, ProviderKind::Fcm] {
        let count = counts.iter().find(|(of, _)| *of == provider).map_or(0, |(_, count)| *count);
        metrics::gauge!("doorstep_push_devices", "provider" => word(provider)).set(count as f64);
    }
}

fn describe() {
    describe_counter!(
        "doorstep_push_wakes_accepted_total",
        "Wakes taken in, by whether the user has devices"
    );
    describe_counter!("doorstep_push_wakes_refused_total", "Wakes not taken in, by why");
    describe_counter!("doorstep_push_deliveries_total", "Deliveries that are over, by provider and state");
    describe_counter!("doorstep_push_answers_total", "Answers of providers, by status and what follows");
    describe_counter!("doorstep_push_retries_total", "Attempts that will be repeated");
    describe_counter!("doorstep_push_cancels_total", "Pushes that a call is over, by how they ended");
    describe_counter!(
        "doorstep_push_taken_over_total",
        "Deliveries taken over from other instances or an earlier run"
    );
    describe_counter!("doorstep_push_store_errors_total", "Transactions that the store did not take");
    describe_histogram!("doorstep_push_queue_seconds", Unit::Seconds, "From the commit to the first attempt");
    describe_histogram!("doorstep_push_provider_seconds", Unit::Seconds, "From an attempt to its answer");
    describe_histogram!("doorstep_push_batch_writes", Unit::Count, "Writes in one transaction");
    describe_gauge!("doorstep_push_pending", "Deliveries in hand");
    describe_gauge!("doorstep_push_devices", "Registered devices, by provider");
    describe_counter!("doorstep_api_requests_total", "HTTP requests, by route and status");
}
