//! Whether the gateway lives and can work, and its counters.

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

/// A load balancer does not wait longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a readiness check found.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether calls can be made.
    ready: bool,
    /// `up` or `down`.
    store: &'static str,
    /// `up`, `down`, or `none` without a carrier.
    trunk: &'static str,
    /// Whether the gateway is stopping.
    stopping: bool,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()), responses((status = 200, description = "ok")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Store and carrier answer.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, body = Readiness), (status = 503, description = "Not now", body = Readiness)))]
pub(super) async fn readyz(State(state): State<Shared>) -> Response {
    let store = matches!(timeout(PATIENCE, state.store.check()).await, Ok(Ok(())));
    let stopping = *state.stop.borrow();
    let trunk = !state.has_carrier || state.driver.trunk_is_up();
    let ready = store && trunk && !stopping;
    let word = |up: bool| if up { "up" } else { "down" };
    let body = Readiness {
        ready,
        store: word(store),
        trunk: if state.has_carrier { word(trunk) } else { "none" },
        stopping,
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Counters for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain")))]
pub(super) async fn read_metrics(State(state): State<Shared>) -> Response {
    counters(&state.metrics)
}
