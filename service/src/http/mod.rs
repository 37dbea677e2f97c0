//! What an HTTP API stands on: its listener, who may use it, bodies and queries, errors as problem details.

mod extract;
mod guard;
mod key;
mod listen;
mod problem;
mod serve;
mod state;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;

pub use extract::{JsonBody, Moment, QueryOf, limit};
pub use guard::{count, require_key};
pub use key::{hash_key, is_known, parse_key_hash};
pub use listen::{Connection, Listener};
pub use problem::{FieldError, Problem};
pub use serve::{Api, framed};
pub use state::ApiState;

/// The counters in Prometheus' text format.
pub fn counters(metrics: &PrometheusHandle) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}
