//! The HTTP API (PROTOCOL.md section 3): devices, wakes, health. JSON in and out, errors as problem details (RFC 9457), one API key for
//! all under `/v1` and the metrics.

mod devices;
mod fields;
mod health;
mod openapi;
mod state;
mod wakes;

use std::io;
use std::sync::Arc;

use axum::routing::{get, post, put};
use axum::{Json, Router};
use doorstep_service::config::ApiConfig;
use doorstep_service::http::framed;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::queue::Queue;
use crate::store::Store;
use state::{Shared, State};

pub use doorstep_service::http::Api;
pub use openapi::document;

/// What the API works with.
pub struct Parts {
    /// For reading.
    pub store: Store,
    /// For everything else.
    pub queue: Arc<Queue>,
    /// Counters.
    pub metrics: PrometheusHandle,
    /// Turns true when the server takes no more requests.
    pub stop: watch::Receiver<bool>,
}

/// Binds and serves until `stop` turns true.
///
/// # Errors
/// When the address cannot be had.
pub async fn start(config: &ApiConfig, tls: Option<TlsAcceptor>, parts: Parts) -> io::Result<Api> {
    let stop = parts.stop.clone();
    let state = Arc::new(State {
        store: parts.store,
        queue: parts.queue,
        keys: config.keys.clone(),
        max_body: config.max_body,
        metrics: parts.metrics,
        stop: parts.stop,
    });
    Api::serve(config.listen, tls, router(state), stop).await
}

fn router(state: Shared) -> Router {
    let guarded = Router::new()
        .route("/v1/devices/{id}", put(devices::put_device).delete(devices::delete_device))
        .route("/v1/users/{user}/devices", get(devices::list_devices))
        .route("/v1/wakes", post(wakes::post_wake))
        .route("/v1/wakes/{call}", get(wakes::read_wake).delete(wakes::delete_wake))
        .route("/metrics", get(health::read_metrics));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(|| async { Json(document()) }));
    framed(state, guarded, open)
}
