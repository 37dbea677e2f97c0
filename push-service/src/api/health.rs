//! Whether the server lives and can work, and its counters.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_service::http::counters;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::state::Shared;
use crate::metrics;

/// A load balancer does not wait longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a readiness check found.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether wakes are taken in.
    ready: bool,
    /// `up` or `down`.
    store: &'static str,
    /// Whether this instance may send: its heart beat is heard in the shared database.
    owner: bool,
    /// Deliveries in hand.
    pending: usize,
    /// Whether the server is stopping.
    stopping: bool,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()), responses((status = 200, description = "ok")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers and this instance may send.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, body = Readiness), (status = 503, description = "Not now", body = Readiness)))]
pub(super) async fn readyz(State(state): State<Shared>) -> Response {
    let answers = matches!(timeout(PATIENCE, state.store.check()).await, Ok(Ok(())));
    let store = answers && state.queue.store_is_up();
    let stopping = *state.stop.borrow();
    let owner = state.queue.holds();
    let ready = store && owner && !stopping;
    let body = Readiness {
        ready,
        store: if store { "up" } else { "down" },
        owner,
        pending: state.queue.pending(),
        stopping,
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Counters for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain")))]
pub(super) async fn read_metrics(State(state): State<Shared>) -> Response {
    metrics::pending(state.queue.pending());
    counters(&state.metrics)
}
