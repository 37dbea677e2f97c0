//! Keeps an instance alive, takes over what the dead have left, and sweeps out what is long over.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Queue;
use super::instance::{BEAT, Instance, LEASE, SILENCE};
use crate::clock::unix_ms;
use crate::metrics;
use crate::store::{Store, StoreError};

/// Between looks for wakes that are long over.
const SWEEP: Duration = Duration::from_secs(30);
/// Rows in a page of the store's, for taking over.
const PAGE: u32 = 500;

/// A life that has begun.
pub(super) async fn begin(store: &Store) -> Result<Instance, StoreError> {
    if !store.is_shared() {
        return Ok(Instance::alone());
    }
    let instance = Instance::among_others();
    let begun = Instant::now();
    store.enter(instance.name()).await?;
    instance.extend(begun);
    Ok(instance)
}

/// Runs until it is aborted.
pub(super) async fn run(queue: Arc<Queue>) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept = Instant::now();
    let mut has_all = false;
    loop {
        beat.tick().await;
        keep_alive(&queue).await;
        if !queue.holds() {
            continue;
        }
        if queue.store_is_up()
            && queue.in_doubt.swap(false, Ordering::Relaxed)
            && let Err(error) = settle(&queue).await
        {
            tracing::warn!(%error, "what became of a failed transaction is still in doubt");
            queue.in_doubt.store(true, Ordering::Relaxed);
        }
        // Whoever is alone has all that an earlier run left, once it has it.
        if queue.store.is_shared() || !has_all {
            match take_over(&queue).await {
                Ok(all) => has_all = all,
                Err(error) => tracing::warn!(%error, "what other instances left could not be taken over"),
            }
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            // Beside the beat: a long sweep must not stop the heart.
            tokio::spawn(sweep(Arc::clone(&queue)));
        }
    }
}

async fn keep_alive(queue: &Queue) {
    if !queue.store.is_shared() {
        return;
    }
    let instance = queue.instance();
    let begun = Instant::now();
    let heard = match timeout(LEASE, queue.store.beat(instance.name())).await {
        Ok(Ok(alive)) => Some(alive),
        Ok(Err(error)) => {
            tracing::warn!(%error, "this instance's heart beat was not heard");
            None
        }
        Err(_) => None,
    };
    match heard {
        Some(true) if instance.holds() => return instance.extend(begun),
        // There is time for another beat.
        None if instance.holds() => return,
        // Late, even if nobody has buried it: its deliveries have ended, and whatever it owned is left to all.
        Some(_) | None => tracing::warn!("this instance was silent for too long"),
    }
    instance.give_up();
    match begin(&queue.store).await {
        Ok(fresh) => {
            tracing::warn!("this instance begins anew: what it owned is taken over");
            *queue.instance.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
            // Its old name would keep its old deliveries from everybody.
            if let Err(error) = queue.store.release(instance.name()).await {
                tracing::warn!(%error, "the former life could not be ended: others will bury it");
            }
        }
        Err(error) => tracing::warn!(%error, "this instance cannot begin anew yet"),
    }
}

/// Whether that was all.
async fn take_over(queue: &Arc<Queue>) -> Result<bool, StoreError> {
    let buried = queue.store.bury(SILENCE).await?;
    if buried > 0 {
        tracing::warn!(buried, "other instances are dead");
    }
    while !queue.is_full() && queue.holds() && !*queue.stop.borrow() {
        let _launching = queue.launching.lock().await;
        let instance = queue.instance();
        let jobs = match queue.store.take_over(instance.name(), PAGE).await {
            Ok(jobs) => jobs,
            Err(error) => {
                queue.in_doubt.store(true, Ordering::Relaxed);
                return Err(error);
            }
        };
        let taken = jobs.len();
        if taken > 0 {
            tracing::info!(taken, "took over what another instance, or an earlier run, had not sent");
            metrics::taken_over(taken);
            queue.launch(&instance, jobs);
        }
        if taken < PAGE as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A transaction whose answer was lost may have left deliveries that this instance owns and does not know of.
async fn settle(queue: &Arc<Queue>) -> Result<(), StoreError> {
    let _launching = queue.launching.lock().await;
    let instance = queue.instance();
    let mut jobs = queue.store.owned(instance.name()).await?;
    jobs.retain(|job| !queue.active.has(&job.call));
    if !jobs.is_empty() {
        tracing::warn!(found = jobs.len(), "a failed transaction had been committed all the same");
        queue.launch(&instance, jobs);
    }
    Ok(())
}

async fn sweep(queue: Arc<Queue>) {
    match queue.store.count_devices().await {
        Ok(counts) => metrics::devices(&counts),
        Err(error) => tracing::debug!(%error, "the devices could not be counted"),
    }
    let retention = i64::try_from(queue.limits.retention.as_millis()).unwrap_or(i64::MAX);
    let before = unix_ms().saturating_sub(retention);
    while let Ok(swept) = queue.sweep(before).await {
        if swept < PAGE as usize {
            break;
        }
    }
}
