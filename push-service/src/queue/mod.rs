//! Takes wakes in and brings them to the providers: durable before it is answered, sent from memory at once, tried again until its time
//! runs out, taken over by another instance when this one dies.

mod active;
mod cancel;
mod delivery;
pub mod instance;
mod judge;
mod keeper;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clock::unix_ms;
use crate::provider::{Provider, ProviderKind};
use crate::store::{
    Accepted, Cancelled, DeadToken, Delivery, Device, Job, Outcome, Store, StoreError, StoredWake, Wake,
};
use active::Active;
use instance::Instance;
use writer::Write;

pub use writer::NotWritten;

/// While a wake may be another instance's, how often the store is asked about it.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Different complaints about the set-up that are said; after that the metric must do.
const SHOUTS: usize = 64;

/// How much is enough.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Deliveries in hand; beyond these no wake is taken.
    pub pending: usize,
    /// Requests at once to one provider.
    pub sends: usize,
    /// For what is in hand when the server stops.
    pub shutdown: Duration,
    /// How long a wake that is over can be asked for.
    pub retention: Duration,
}

/// Why a wake was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As much is in hand as may be (429).
    #[error("too much is waiting to be sent")]
    Full,
    /// The server is stopping (503).
    #[error("the server is stopping")]
    Stopping,
    /// The store did not take it (503).
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// Where a wake stands.
#[derive(Debug, Clone)]
pub struct WakeStatus {
    /// What was asked for.
    pub wake: StoredWake,
    /// By device.
    pub deliveries: Vec<Delivery>,
}

impl WakeStatus {
    /// Whether nothing of it will change any more.
    pub fn is_final(&self) -> bool {
        self.deliveries.iter().all(|delivery| delivery.state.is_final())
    }
}

/// See the [module](self).
pub struct Queue {
    store: Store,
    provider: Arc<dyn Provider>,
    /// The gateway's WebSocket URL, for payloads.
    gateway: Option<String>,
    limits: Limits,
    active: Arc<Active>,
    apns: Semaphore,
    fcm: Semaphore,
    instance: RwLock<Arc<Instance>>,
    writes: mpsc::Sender<Write>,
    stop: watch::Sender<bool>,
    over: AtomicBool,
    store_is_up: AtomicBool,
    /// Held from a write that may bring deliveries until they are in hand, so that none is in the store without being in hand.
    launching: tokio::sync::Mutex<()>,
    /// A transaction failed, and may have been committed all the same.
    in_doubt: AtomicBool,
    shouted: Mutex<HashSet<(ProviderKind, String)>>,
}

/// What runs beside a queue.
#[derive(Debug)]
pub struct Tasks {
    writer: JoinHandle<()>,
    keeper: JoinHandle<()>,
}

impl Queue {
    /// Takes over what nobody alive owns, and begins.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(
        store: Store,
        provider: Arc<dyn Provider>,
        gateway: Option<String>,
        limits: Limits,
    ) -> Result<(Arc<Self>, Tasks), StoreError> {
        let instance = keeper::begin(&store).await?;
        let (writes, waiting) = mpsc::channel(writer::WAITING);
        let queue = Arc::new(Self {
            provider,
            gateway,
            active: Arc::default(),
            apns: Semaphore::new(limits.sends),
            fcm: Semaphore::new(limits.sends),
            limits,
            instance: RwLock::new(Arc::new(instance)),
            writes,
            stop: watch::Sender::new(false),
            over: AtomicBool::new(false),
            store_is_up: AtomicBool::new(true),
            launching: tokio::sync::Mutex::default(),
            in_doubt: AtomicBool::new(false),
            shouted: Mutex::default(),
            store,
        });
        let writer = tokio::spawn(writer::run(Arc::clone(&queue), waiting));
        let keeper = tokio::spawn(keeper::run(Arc::clone(&queue)));
        Ok((queue, Tasks { writer, keeper }))
    }

    /// Registers or replaces a device; whether it is new.
    ///
    /// # Errors
    /// When the store does not take it; so with the next.
    pub async fn put_device(&self, device: Device) -> Result<bool, NotWritten> {
        self.write(|reply| Write::Put(device, reply)).await
    }

    /// Removes a device; whether it was there.
    pub async fn delete_device(&self, id: String) -> Result<bool, NotWritten> {
        self.write(|reply| Write::Delete(id, reply)).await
    }

    /// Takes a wake in. It is on the disk when this returns.
    ///
    /// # Errors
    /// Why it was not taken; then nothing will be sent for it, unless the store's answer was lost on the way.
    pub async fn accept(&self, wake: Wake) -> Result<Accepted, Refusal> {
        if *self.stop.borrow() {
            return Err(Refusal::Stopping);
        }
        if self.is_full() {
            return Err(Refusal::Full);
        }
        let (reply, answer) = oneshot::channel();
        self.writes.try_send(Write::Accept(wake, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Full,
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        Ok(answer.await.map_err(|_| NotWritten)??)
    }

    /// Calls a wake off; whether there is one.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn cancel(&self, call: String) -> Result<bool, NotWritten> {
        let cancelled = self.write(|reply| Write::Cancel(call, unix_ms(), reply)).await?;
        Ok(match cancelled {
            Cancelled::Unknown => false,
            Cancelled::Done(_) => true,
        })
    }

    /// Where a wake stands; waits up to `patience` for its end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status(&self, call: &str, patience: Duration) -> Result<Option<WakeStatus>, StoreError> {
        let deadline = tokio::time::Instant::now() + patience;
        let waiting = self.active.wait_for(call);
        loop {
            let news = waiting.news.notified();
            tokio::pin!(news);
            // Before the store is asked, so that nothing is missed in between.
            news.as_mut().enable();
            let Some(wake) = self.store.wake(call).await? else { return Ok(None) };
            let status = WakeStatus { wake, deliveries: self.store.deliveries(call).await? };
            let now = tokio::time::Instant::now();
            if status.is_final() || now >= deadline || *self.stop.borrow() {
                return Ok(Some(status));
            }
            let next = if self.store.is_shared() { deadline.min(now + ASK_AGAIN) } else { deadline };
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep_until(next) => {}
                () = self.stopping() => {}
            }
        }
    }

    /// What is in hand.
    pub fn pending(&self) -> usize {
        self.active.count()
    }

    /// Whether the last write was taken.
    pub fn store_is_up(&self) -> bool {
        self.store_is_up.load(Ordering::Relaxed)
    }

    /// Whether this instance may send.
    pub fn holds(&self) -> bool {
        self.instance().holds()
    }

    /// Takes nothing more in, finishes what can be finished in time, and leaves the rest to whoever comes.
    pub async fn stop(&self, tasks: Tasks) {
        self.stop.send_replace(true);
        if timeout(self.limits.shutdown, self.active.idle()).await.is_err() {
            tracing::warn!(left = self.active.count(), "stopped before all was sent: it stays in the store");
        }
        self.over.store(true, Ordering::Release);
        tasks.keeper.abort();
        let instance = self.instance();
        instance.give_up();
        match self.store.release(instance.name()).await {
            Ok(0) => {}
            Ok(left) => {
                tracing::info!(left, "left in the store, to be sent by another instance or at the next start")
            }
            Err(error) => tracing::warn!(%error, "what is left could not be released"),
        }
        tasks.writer.abort();
        self.store.close().await;
    }

    fn is_full(&self) -> bool {
        self.active.count() >= self.limits.pending
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    async fn stopping(&self) {
        // The sender lives as long as this.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.instance.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn gate(&self, provider: ProviderKind) -> &Semaphore {
        match provider {
            ProviderKind::Apns => &self.apns,
            ProviderKind::Fcm => &self.fcm,
        }
    }

    fn launch(self: &Arc<Self>, instance: &Arc<Instance>, jobs: Vec<Job>) {
        for job in jobs {
            let hold = self.active.hold(&job.call);
            tokio::spawn(delivery::deliver(Arc::clone(self), Arc::clone(instance), job, hold));
        }
    }

    fn called_off(self: &Arc<Self>, call: &str, cancelled: &Cancelled) {
        self.active.call_off(call);
        self.active.tell(call);
        if let Cancelled::Done(devices) = cancelled {
            for (device, target) in devices {
                cancel::tell(self, call.to_owned(), device.clone(), target.clone());
            }
        }
    }

    async fn record(&self, outcome: Outcome) -> Result<Option<bool>, NotWritten> {
        self.write(|reply| Write::Record(outcome, reply)).await
    }

    async fn forget(&self, token: DeadToken) -> Result<(), NotWritten> {
        self.write(|reply| Write::Dead(token, reply)).await
    }

    async fn sweep(&self, before: i64) -> Result<usize, NotWritten> {
        self.write(|reply| Write::Sweep(before, reply)).await
    }

    async fn write<T>(&self, write: impl FnOnce(writer::Reply<T>) -> Write) -> Result<T, NotWritten> {
        let (reply, answer) = oneshot::channel();
        self.writes.send(write(reply)).await.map_err(|_| NotWritten)?;
        answer.await.map_err(|_| NotWritten)?
    }

    /// Said when it changes, not each time.
    fn store_answered(&self, error: Option<&StoreError>) {
        let was_up = self.store_is_up.swap(error.is_none(), Ordering::Relaxed);
        match error {
            Some(error) if was_up => tracing::error!(%error, "the store does not take writes: wakes get 503"),
            Some(_) => {}
            None if !was_up => tracing::warn!("the store takes writes again"),
            None => {}
        }
        if error.is_some() {
            self.in_doubt.store(true, Ordering::Relaxed);
            metrics::counter!("doorstep_push_store_errors_total").increment(1);
        }
    }

    /// Something is set up wrongly: said once.
    fn shout(&self, provider: ProviderKind, reason: &str, remedy: &str) {
        let mut shouted = self.shouted.lock().unwrap_or_else(PoisonError::into_inner);
        if shouted.len() < SHOUTS && shouted.insert((provider, reason.to_owned())) {
            tracing::error!(
                ?provider,
                reason,
                remedy,
                "pushes are refused since something is set up wrongly"
            );
        }
    }
}
