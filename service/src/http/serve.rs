//! The frame of an API: what is guarded and what is open, and its life.

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guard::{count, require_key};
use super::listen::Listener;
use super::problem::Problem;
use super::state::ApiState;

/// For open requests to end when the server stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// All routes as one: `guarded` ask for a key, `open` do not; what is neither is a problem, too, and everything is counted.
pub fn framed<S: ApiState>(state: Arc<S>, guarded: Router<Arc<S>>, open: Router<Arc<S>>) -> Router {
    guarded
        .route_layer(from_fn_with_state(Arc::clone(&state), require_key::<S>))
        .merge(open)
        .fallback(|| async { Problem::not_found("There is nothing at that path.") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(state.max_body()))
        .layer(from_fn(count))
        .with_state(state)
}

/// A running API.
#[derive(Debug)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
}

impl Api {
    /// Binds and serves until `stop` turns true.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn serve(
        listen: SocketAddr,
        tls: Option<TlsAcceptor>,
        router: Router,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let listener = Listener::bind(listen, tls).await?;
        let address = axum::serve::Listener::local_addr(&listener)?;
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
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
