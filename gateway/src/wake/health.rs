//! Whether push-service answers: seen by every request, and by a question now and then. Each change is said once, loudly.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::client::{Client, Failure};

/// Between questions while it answers.
const UP: Duration = Duration::from_secs(30);
/// And while it does not.
const DOWN: Duration = Duration::from_secs(2);

/// What is known. `None` before the first answer.
#[derive(Debug)]
pub(super) struct Health(watch::Sender<Option<bool>>);

impl Default for Health {
    fn default() -> Self {
        metrics::gauge!("doorstep_push_up").set(0.0);
        Self(watch::Sender::new(None))
    }
}

impl Health {
    /// A request was answered, or why not. One that was refused for what it is shows that somebody is there.
    pub(super) fn heard(&self, failure: Option<Failure>) {
        let up = match failure {
            None | Some(Failure::Refused) => true,
            Some(Failure::Unreachable | Failure::Late | Failure::Busy | Failure::Key) => false,
        };
        let changed = self.0.send_if_modified(|known| known.replace(up) != Some(up));
        if !changed {
            return;
        }
        metrics::gauge!("doorstep_push_up").set(if up { 1.0 } else { 0.0 });
        match failure {
            Some(Failure::Key) => tracing::error!(
                "push-service does not know the gateway's key: nobody can be woken; see push.key and the keys of push-service"
            ),
            Some(failure) if !up => tracing::error!(
                why = failure.as_str(),
                "push-service cannot be used: nobody can be woken, calls go to the fallback"
            ),
            None | Some(_) => tracing::info!("push-service answers"),
        }
    }

    pub(super) fn is_down(&self) -> bool {
        *self.0.borrow() == Some(false)
    }

    /// Changes from now on; what is known already counts as one.
    pub(super) fn changes(&self) -> watch::Receiver<Option<bool>> {
        let mut changes = self.0.subscribe();
        changes.mark_changed();
        changes
    }
}

/// Asks for as long as it runs.
pub(super) async fn watch(client: Arc<Client>) {
    loop {
        client.probe().await;
        sleep(if client.health.is_down() { DOWN } else { UP }).await;
    }
}
