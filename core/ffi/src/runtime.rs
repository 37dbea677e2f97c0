//! The threads that the core runs on, shared by all clients of a process.

use std::future::Future;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::DoorstepError;

/// A call needs one for its voice beside the one for all else.
const THREADS: usize = 2;

/// Made when first needed. It is never taken down: the platforms end a process without asking.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime.
pub(crate) fn handle() -> Result<Handle, DoorstepError> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = runtime.as_ref() {
        return Ok(runtime.handle().clone());
    }
    let fresh = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("doorstep")
        .enable_all()
        .build()
        .map_err(|_| DoorstepError::Platform)?;
    Ok(runtime.insert(fresh).handle().clone())
}

/// Runs to its end on the runtime, whoever polls this, and even when nobody does any more.
pub(crate) async fn run<T: Send + 'static>(
    task: impl Future<Output = Result<T, DoorstepError>> + Send + 'static,
) -> Result<T, DoorstepError> {
    handle()?.spawn(task).await.map_err(|_| DoorstepError::Platform)?
}

/// As [`run`], but waits for it here. Not on one of the runtime's own threads: what the platform writes is never called on one.
pub(crate) fn wait<T: Send + 'static>(
    task: impl Future<Output = Result<T, DoorstepError>> + Send + 'static,
) -> Result<T, DoorstepError> {
    let (done, result) = sync_channel(1);
    handle()?.spawn(async move {
        // Somebody waits for it.
        let _ = done.send(task.await);
    });
    result.recv().map_err(|_| DoorstepError::Platform)?
}
