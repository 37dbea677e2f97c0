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
    /// `up` when one of the carriers answers, else `down`; `none` without a carrier.
    trunk: &'static str,
    /// The carriers, the most preferred first.
    carriers: Vec<CarrierReadiness>,
    /// `up` when push-service answers, else `down`; `none` without one. Calls can be made without it, so it does not count.
    push: &'static str,
    /// Whether the gateway is stopping.
    stopping: bool,
}

/// One carrier.
#[derive(Serialize, ToSchema)]
pub(super) struct CarrierReadiness {
    /// Its name in the gateway's configuration.
    name: String,
    /// `up` or `down`.
    state: &'static str,
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
    let carriers = state.driver.carriers();
    let trunk = carriers.is_empty() || carriers.iter().any(|carrier| carrier.up);
    let ready = store && trunk && !stopping;
    let word = |up: bool| if up { "up" } else { "down" };
    let body = Readiness {
        ready,
        store: word(store),
        trunk: if carriers.is_empty() { "none" } else { word(trunk) },
        carriers: carriers
            .into_iter()
            .map(|carrier| CarrierReadiness { name: carrier.name, state: word(carrier.up) })
            .collect(),
        push: state.push.as_ref().map_or("none", |push| word(*push.borrow() == Some(true))),
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
