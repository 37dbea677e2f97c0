//! One delivery's life in this instance: sent when it is due, tried again as its provider's verdicts say, written down, over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::active::Hold;
use super::instance::Instance;
use super::judge::{Step, judge};
use super::{Queue, cancel};
use crate::clock::unix_ms;
use crate::metrics;
use crate::provider::{Kind, ProviderKind, Push, Target, Verdict};
use crate::store::{DeadToken, DeliveryState, Job, Outcome, push_id};

/// Before the store is asked again to write something down.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Ends when the delivery is over, called off, or not this instance's any more; then the store knows, or another instance cares.
pub(super) async fn deliver(queue: Arc<Queue>, instance: Arc<Instance>, mut job: Job, hold: Hold) {
    let accepted = Instant::now();
    let mut first_here = true;
    loop {
        if !due(&queue, &hold, job.next_at).await {
            return;
        }
        // Who comes back after a while asks whether another instance was told that it is over.
        if !first_here && queue.store.is_shared() {
            match queue.store.still_queued(&job.call, &job.device).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                // Another instance may have been told that it is over, or have taken it over.
                Err(error) => {
                    tracing::debug!(%error, "the store did not say whether a push is still wanted");
                    if !instance.holds() || queue.is_over() {
                        return;
                    }
                    sleep(STORE_PAUSE).await;
                    continue;
                }
            }
        }
        let Ok(permit) = queue.gate(job.provider).acquire().await else { return };
        if hold.off.is_done() || !instance.holds() || queue.is_over() {
            return;
        }
        if first_here {
            metrics::waited(job.provider, accepted.elapsed());
        }
        first_here = false;
        let now = unix_ms();
        let step = match job.target() {
            _ if now >= job.expires_at => expired(now, "its time ran out before it could be sent"),
            None => gone(now),
            Some(target) => {
                job.attempts = job.attempts.saturating_add(1);
                attempt(&queue, &job, target, now).await
            }
        };
        if !conclude(&queue, &instance, &mut job, step, permit).await {
            return;
        }
    }
}

/// Waits until then; false when there is nothing to wait for any more.
async fn due(queue: &Queue, hold: &Hold, next_at: i64) -> bool {
    let pause = u64::try_from(next_at.saturating_sub(unix_ms())).unwrap_or_default();
    if pause == 0 {
        return !hold.off.is_done();
    }
    tokio::select! {
        () = sleep(Duration::from_millis(pause)) => true,
        () = hold.off.wait() => false,
        // It stays queued in the store, for whoever goes on.
        () = queue.stopping() => false,
    }
}

async fn attempt(queue: &Queue, job: &Job, target: Target, now: i64) -> Step {
    let push = Push {
        id: push_id(&job.call, &job.device, "incoming"),
        target,
        kind: Kind::Incoming,
        call: job.call.clone(),
        order: job.order.clone(),
        label: job.label.clone(),
        gateway: queue.gateway.clone(),
        sent_at: u64::try_from(now).unwrap_or_default(),
        expires_at: u64::try_from(job.expires_at).unwrap_or_default(),
    };
    let left = Duration::from_millis(u64::try_from(job.expires_at - now).unwrap_or_default());
    let begun = Instant::now();
    // A request that has not gone out by then must not go out later.
    let Ok(verdict) = timeout(left, queue.provider.send(&push)).await else {
        return expired(unix_ms(), "the provider did not answer in time");
    };
    metrics::answered(job.provider, &verdict, begun.elapsed());
    if let Verdict::Misconfigured { reason, remedy, .. } = &verdict {
        queue.shout(job.provider, reason, remedy);
    }
    judge(verdict, job.attempts, unix_ms(), job.expires_at)
}

/// Writes it down; whether the delivery goes on.
///
/// The permit to send is given back when it is written, so that no more pushes than may be on their way are without a known end: a kill
/// doubles no others. A store that does not take it holds nobody up: a phone that rings late is worse.
async fn conclude(
    queue: &Arc<Queue>,
    instance: &Instance,
    job: &mut Job,
    step: Step,
    permit: SemaphorePermit<'_>,
) -> bool {
    let mut permit = Some(permit);
    let outcome = Outcome {
        call: job.call.clone(),
        device: job.device.clone(),
        owner: instance.name().to_owned(),
        state: step.state,
        attempts: job.attempts,
        next_at: step.next_at,
        status: step.status,
        reason: step.reason,
        provider_id: step.provider_id,
        done_at: step.state.is_final().then(unix_ms),
    };
    if let (Some(since), Some(target)) = (step.dead_since, job.target()) {
        let dead = DeadToken { device: job.device.clone(), token: target.token, since };
        while queue.forget(dead.clone()).await.is_err() && instance.holds() && !queue.is_over() {
            permit = None;
            sleep(STORE_PAUSE).await;
        }
    }
    let own = loop {
        match queue.record(outcome.clone()).await {
            Ok(own) => break own,
            Err(_) if instance.holds() && !queue.is_over() => {
                permit = None;
                sleep(STORE_PAUSE).await;
            }
            // Another instance takes over, and sends once more under the same id.
            Err(_) => return false,
        }
    };
    drop(permit);
    let Some(called_off) = own else { return false };
    if outcome.state.is_final() {
        metrics::finished(job.provider, outcome.state);
    } else {
        metrics::retried(job.provider);
    }
    if called_off && outcome.state == DeliveryState::Sent && job.provider == ProviderKind::Fcm {
        // It was on its way when the call was called off.
        if let Some(target) = job.target() {
            cancel::tell(queue, job.call.clone(), job.device.clone(), target);
        }
    }
    job.next_at = step.next_at;
    !outcome.state.is_final() && !called_off
}

fn expired(now: i64, reason: &str) -> Step {
    ended(DeliveryState::Expired, now, reason)
}

fn gone(now: i64) -> Step {
    ended(DeliveryState::Gone, now, "the device was removed")
}

fn ended(state: DeliveryState, now: i64, reason: &str) -> Step {
    Step {
        state,
        next_at: now,
        status: None,
        reason: Some(reason.to_owned()),
        provider_id: None,
        dead_since: None,
    }
}
