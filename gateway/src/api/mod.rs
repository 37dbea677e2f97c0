//! The company's HTTP API: orders, calls, numbers, events, health. JSON in and out, errors as problem details (RFC 9457), one API key
//! for all under `/v1` and the metrics.

mod calls;
mod events;
mod health;
mod numbers;
mod openapi;
mod orders;
mod problem;
mod state;

use std::io;
use std::sync::Arc;

use axum::routing::{get, post, put};
use axum::{Json, Router};
use doorstep_service::config::ApiConfig;
use doorstep_service::http::framed;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::driver::Handle;
use crate::masking::E164;
use crate::store::Store;
use state::{Shared, State};

pub use doorstep_service::http::{Api, hash_key, parse_key_hash};
pub use openapi::document;

/// What the gateway is set up for when a courier cannot be reached.
#[derive(Debug, Clone, Copy)]
pub struct Fallbacks {
    /// There is a contact centre.
    pub contact_centre: bool,
    /// There is a recording.
    pub message: bool,
}

/// What the API works with.
#[derive(Debug)]
pub struct Parts {
    /// Orders, numbers and records.
    pub store: Store,
    /// Commands and events.
    pub driver: Handle,
    /// Now.
    pub clock: Clock,
    /// Company numbers by configuration.
    pub numbers: Vec<E164>,
    /// What an order may wish for.
    pub fallbacks: Fallbacks,
    /// Whether push-service answers, where there is one.
    pub push: Option<watch::Receiver<Option<bool>>>,
    /// Counters.
    pub metrics: PrometheusHandle,
    /// Turns true when the gateway stops taking requests.
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
        driver: parts.driver,
        clock: parts.clock,
        keys: config.keys.clone(),
        max_body: config.max_body,
        numbers: parts.numbers,
        fallbacks: parts.fallbacks,
        push: parts.push,
        metrics: parts.metrics,
        stop: parts.stop,
        streams: State::streams(),
        made: tokio::sync::Mutex::default(),
    });
    Api::serve(config.listen, tls, router(state), stop).await
}

fn router(state: Shared) -> Router {
    let guarded = Router::new()
        .route("/v1/orders", get(orders::list_orders))
        .route("/v1/orders/{id}", put(orders::put_order).get(orders::read_order).delete(orders::delete_order))
        .route("/v1/orders/{id}/calls", post(calls::make_call))
        .route("/v1/calls", get(calls::list_calls))
        .route("/v1/calls/{id}", get(calls::read_call).delete(calls::hang_up))
        .route("/v1/calls/{id}/events", get(events::call_events))
        .route("/v1/events", get(events::all_events))
        .route("/v1/numbers", get(numbers::list_numbers))
        .route(
            "/v1/numbers/{e164}",
            put(numbers::put_number).get(numbers::read_number).delete(numbers::delete_number),
        )
        .route("/metrics", get(health::read_metrics));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(|| async { Json(document()) }));
    framed(state, guarded, open)
}
