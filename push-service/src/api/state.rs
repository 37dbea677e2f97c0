//! What the handlers share.

use std::sync::Arc;

use doorstep_service::http::{ApiState, Problem};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::queue::{NotWritten, Queue};
use crate::store::{Store, StoreError};

pub(super) type Shared = Arc<State>;

/// See the [module](self).
pub(super) struct State {
    pub(super) store: Store,
    pub(super) queue: Arc<Queue>,
    pub(super) keys: Vec<[u8; 32]>,
    pub(super) max_body: usize,
    pub(super) metrics: PrometheusHandle,
    /// True when the server is stopping.
    pub(super) stop: watch::Receiver<bool>,
}

impl ApiState for State {
    fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    fn max_body(&self) -> usize {
        self.max_body
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store did not answer");
        Self::unavailable("The store does not answer.")
    }
}

impl From<NotWritten> for Problem {
    fn from(_: NotWritten) -> Self {
        Self::unavailable("The store did not take it.")
    }
}
