//! The HTTP API (PROTOCOL.md section 3): devices, wakes, health. JSON in and out, errors as problem details (RFC 9457), one API key for
//! all under `/v1` and the metrics.

mod devices;
mod fields;
mod health;
mod openapi;
mod state;
mod wakes;

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use doorstep_service::http::{Listener, Problem, count, require_key};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config;
use crate::queue::Queue;
use crate::store::Store;
use state::{Shared, State};

pub use openapi::document;

/// For open requests to end when the server stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running API.
#[derive(Debug)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
}

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

impl Api {
    /// Binds and serves until `stop` turns true.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(config: &config::Api, tls: Option<TlsAcceptor>, parts: Parts) -> io::Result<Self> {
        let listener = Listener::bind(config.listen, tls).await?;
        let address = axum::serve::Listener::local_addr(&listener)?;
        let mut stop = parts.stop.clone();
        let state = Arc::new(State {
            store: parts.store,
            queue: parts.queue,
            keys: config.keys.clone(),
            max_body: config.max_body,
            metrics: parts.metrics,
            stop: parts.stop,
        });
        let server = axum::serve(listener, router(state)).with_graceful_shutdown(async move {
            // The sender is gone only when the server is.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        Ok(Self { address, task: tokio::spawn(server.into_future()) })
    }

    /// Waits for open requests to end, for a while.
    pub async fn ended(self) {
        let abort = self.task.abort_handle();
        if timeout(PATIENCE, self.task).await.is_err() {
            abort.abort();
        }
    }
}

fn router(state: Shared) -> Router {
    let guarded = Router::new()
        .route("/v1/devices/{id}", put(devices::put_device).delete(devices::delete_device))
        .route("/v1/users/{user}/devices", get(devices::list_devices))
        .route("/v1/wakes", post(wakes::post_wake))
        .route("/v1/wakes/{call}", get(wakes::read_wake).delete(wakes::delete_wake))
        .route("/metrics", get(health::read_metrics))
        .route_layer(from_fn_with_state(Arc::clone(&state), require_key::<State>));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(|| async { Json(document()) }));
    guarded
        .merge(open)
        .fallback(|| async { Problem::not_found("There is nothing at that path.") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(state.max_body))
        .layer(from_fn(count))
        .with_state(state)
}
