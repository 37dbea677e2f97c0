//! The server put together: store, queue and API, started in this order and stopped in the other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use doorstep_service::tls::{Certificate, TlsError, acceptor};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{self, Api};
use crate::config::Config;
use crate::provider::Provider;
use crate::queue::{Queue, Tasks};
use crate::store::{Store, StoreError};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address that is not to be had.
    #[error("the API cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// A running server.
pub struct Server {
    /// Where its API listens.
    pub address: SocketAddr,
    /// Whether by TLS.
    pub tls: bool,
    certificates: Vec<Arc<Certificate>>,
    queue: Arc<Queue>,
    tasks: Tasks,
    api: Api,
    closing: watch::Sender<bool>,
    upkeep: JoinHandle<()>,
}

impl Server {
    /// Starts everything.
    ///
    /// # Errors
    /// The first part that does not start.
    pub async fn start(
        config: &Config,
        provider: Arc<dyn Provider>,
        metrics: PrometheusHandle,
    ) -> Result<Self, StartError> {
        let mut certificates = Vec::new();
        let tls = acceptor(config.api.tls.as_ref(), None, &mut certificates)?;
        let store = Store::open(&config.store).await?;
        let (queue, tasks) =
            Queue::start(store.clone(), provider, config.gateway.clone(), config.limits.clone()).await?;
        let (closing, stop) = watch::channel(false);
        let upkeep = tokio::spawn(keep_up(metrics.clone()));
        let parts = api::Parts { store, queue: Arc::clone(&queue), metrics, stop };
        let has_tls = tls.is_some();
        let api = api::start(&config.api, tls, parts).await?;
        Ok(Self { address: api.address, tls: has_tls, certificates, queue, tasks, api, closing, upkeep })
    }

    /// Reads the certificate again, for connections to come. What cannot be read stays as it was.
    pub fn reload(&self) {
        for certificate in &self.certificates {
            match certificate.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => {
                    tracing::error!(%error, "the certificate could not be read again: the old one stays")
                }
            }
        }
    }

    /// Takes nothing more in and sends what is in hand, for a while. What is left stays in the store.
    pub async fn stop(self) {
        self.closing.send_replace(true);
        self.queue.stop(self.tasks).await;
        self.api.ended().await;
        self.upkeep.abort();
    }
}

async fn keep_up(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(crate::metrics::UPKEEP);
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}
