//! What the handlers share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorstep_service::http::ApiState;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Mutex, Semaphore, watch};

use super::Fallbacks;
use crate::clock::Clock;
use crate::core::CallId;
use crate::driver::Handle;
use crate::masking::E164;
use crate::store::Store;

pub(super) type Shared = Arc<State>;

/// Event streams at once.
const STREAMS: usize = 256;
/// How long an idempotency key is remembered, and how many.
const KEY_LIFE: Duration = Duration::from_secs(600);
const KEYS: usize = 4096;

/// See the [module](self).
pub(super) struct State {
    pub(super) store: Store,
    pub(super) driver: Handle,
    pub(super) clock: Clock,
    pub(super) keys: Vec<[u8; 32]>,
    pub(super) max_body: usize,
    /// Company numbers by configuration.
    pub(super) numbers: Vec<E164>,
    pub(super) fallbacks: Fallbacks,
    /// Whether push-service answers, where there is one.
    pub(super) push: Option<watch::Receiver<Option<bool>>>,
    pub(super) metrics: PrometheusHandle,
    /// True when the gateway is stopping.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) streams: Arc<Semaphore>,
    /// Held while a call with a key is made, so that the same key twice is one call.
    pub(super) made: Mutex<MadeCalls>,
}

impl ApiState for State {
    fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    fn max_body(&self) -> usize {
        self.max_body
    }
}

impl State {
    pub(super) fn streams() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(STREAMS))
    }
}

/// Calls made under idempotency keys.
#[derive(Default)]
pub(super) struct MadeCalls(HashMap<String, (String, CallId, Instant)>);

impl MadeCalls {
    /// The call made under this key: `Err` when it was for something else.
    pub(super) fn find(&self, key: &str, what: &str) -> Option<Result<CallId, ()>> {
        let (made_for, call, at) = self.0.get(key)?;
        (at.elapsed() < KEY_LIFE).then(|| if made_for == what { Ok(call.clone()) } else { Err(()) })
    }

    pub(super) fn remember(&mut self, key: String, what: String, call: CallId) {
        if self.0.len() >= KEYS {
            self.0.retain(|_, (_, _, at)| at.elapsed() < KEY_LIFE);
        }
        if self.0.len() >= KEYS
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (_, _, at))| *at).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(key, (what, call, Instant::now()));
    }
}
