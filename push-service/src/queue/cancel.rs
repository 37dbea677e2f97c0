//! Telling a device that a call it was woken for is over. Not written down: an app that connects is told the same by the gateway, so
//! that a lost one costs a ring of some seconds and nothing else.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Queue;
use super::judge::judge;
use crate::clock::unix_ms;
use crate::metrics;
use crate::provider::{Kind, Push, Target};
use crate::store::{DeliveryState, push_id};

/// After that the app has given up ringing by itself.
const LIFE: Duration = Duration::from_secs(30);

/// Starts it.
pub(super) fn tell(queue: &Arc<Queue>, call: String, device: String, target: Target) {
    if queue.is_full() {
        tracing::warn!("too much is in hand: a device is not told that its call is over");
        return;
    }
    // Under a name of its own: the call itself is called off.
    let hold = queue.active.hold(&format!("cancel {call}"));
    let queue = Arc::clone(queue);
    tokio::spawn(async move {
        send(&queue, call, device, target).await;
        drop(hold);
    });
}

async fn send(queue: &Queue, call: String, device: String, target: Target) {
    let now = unix_ms();
    let expires_at = now.saturating_add(i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX));
    let provider = target.provider;
    let push = Push {
        id: push_id(&call, &device, "cancel"),
        target,
        kind: Kind::Cancel,
        call,
        order: None,
        label: None,
        gateway: queue.gateway.clone(),
        sent_at: u64::try_from(now).unwrap_or_default(),
        expires_at: u64::try_from(expires_at).unwrap_or_default(),
    };
    for attempts in 1.. {
        let Ok(permit) = queue.gate(provider).acquire().await else { return };
        let left = u64::try_from(expires_at.saturating_sub(unix_ms())).unwrap_or_default();
        let Ok(verdict) = timeout(Duration::from_millis(left), queue.provider.send(&push)).await else {
            return;
        };
        drop(permit);
        let step = judge(verdict, attempts, unix_ms(), expires_at);
        if step.state != DeliveryState::Queued {
            metrics::cancel_finished(provider, step.state);
            return;
        }
        let pause = u64::try_from(step.next_at.saturating_sub(unix_ms())).unwrap_or_default();
        tokio::select! {
            () = sleep(Duration::from_millis(pause)) => {}
            () = queue.stopping() => return,
        }
    }
}
