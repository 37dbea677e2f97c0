//! Calls that wake a courier's devices: one task for each, from the request to the call's end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::Report;
use super::client::{Client, DeviceState, Failure, WakeBody, WakeView};
use super::devices::Devices;
use crate::clock::Clock;
use crate::core::{CallId, CourierId, DeviceId, Hidden, OrderId, Timestamp, WakeOutcome};
use crate::store::Store;

/// Wakes at once; one more is unavailable.
const WAKES: usize = 4096;
/// The longest that one question for the result waits.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Between questions that were not answered.
const PAUSE: Duration = Duration::from_millis(500);
/// How long after its end a wake can still be cancelled.
const AFTER: Duration = Duration::from_secs(5);
/// Attempts to cancel.
const CANCELS: u32 = 3;
/// For cancellations when the gateway stops.
const LAST_CANCELS: Duration = Duration::from_secs(2);

/// What a task is for.
#[derive(Debug)]
pub(super) struct Wake {
    pub(super) call: CallId,
    pub(super) courier: CourierId,
    pub(super) order: Option<OrderId>,
    pub(super) label: Option<Hidden>,
    pub(super) expires_at: Timestamp,
}

/// All that are under way.
#[derive(Debug)]
pub(super) struct Wakes {
    client: Arc<Client>,
    devices: Arc<Devices>,
    store: Store,
    clock: Clock,
    reports: mpsc::Sender<Report>,
    running: HashMap<CallId, oneshot::Sender<()>>,
    tasks: JoinSet<()>,
}

impl Wakes {
    pub(super) fn new(
        client: Arc<Client>,
        devices: Arc<Devices>,
        store: Store,
        clock: Clock,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self { client, devices, store, clock, reports, running: HashMap::new(), tasks: JoinSet::new() }
    }

    pub(super) fn state(&self) -> watch::Receiver<Option<bool>> {
        self.client.health.changes()
    }

    /// Starts one; the outcome if it is known at once.
    pub(super) fn start(&mut self, wake: Wake) -> Option<WakeOutcome> {
        while self.tasks.try_join_next().is_some() {}
        if self.tasks.len() >= WAKES {
            count(WakeOutcome::Unavailable);
            return Some(WakeOutcome::Unavailable);
        }
        if self.running.len() >= WAKES {
            self.running.retain(|_, cancel| !cancel.is_closed());
        }
        let (cancel, cancelled) = oneshot::channel();
        self.running.insert(wake.call.clone(), cancel);
        let task = Task {
            client: Arc::clone(&self.client),
            devices: Arc::clone(&self.devices),
            store: self.store.clone(),
            reports: self.reports.clone(),
            wake,
        };
        self.tasks.spawn(task.run(self.clock, cancelled));
        None
    }

    pub(super) fn cancel(&mut self, call: &CallId) {
        if let Some(cancel) = self.running.remove(call) {
            // The wake has run out when this fails: there is nothing left to cancel.
            let _ = cancel.send(());
        }
    }

    pub(super) async fn finish(&mut self) {
        self.running.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(LAST_CANCELS, all).await.is_err() {
            tracing::warn!("push-service did not hear of the end of all wakes");
        }
    }
}

struct Task {
    client: Arc<Client>,
    devices: Arc<Devices>,
    store: Store,
    reports: mpsc::Sender<Report>,
    wake: Wake,
}

impl Task {
    /// What is asked for is not broken off, so that a cancellation comes after what it cancels.
    async fn run(self, clock: Clock, cancelled: oneshot::Receiver<()>) {
        let end = clock.instant(self.wake.expires_at);
        let taken = self.ask_and_tell(&clock).await;
        let rest = async {
            if taken {
                let outcome = self.follow(end).await;
                self.tell(outcome).await;
                if outcome == WakeOutcome::NoDevice {
                    // No longer than the wake: a push-service that is down is told everything when it comes back.
                    let _ = timeout_at(end, self.forget_unknown()).await;
                }
            }
            // A phone that rings is told when the call ends, however long ago it was woken.
            sleep_until(end + AFTER).await;
        };
        tokio::select! {
            () = rest => {}
            over = cancelled => {
                // Without a word it is the gateway that ends.
                if over.is_ok() {
                    self.cancel().await;
                }
            }
        }
    }

    /// Whether it was taken.
    async fn ask_and_tell(&self, clock: &Clock) -> bool {
        let asked = Instant::now();
        let taken = self.ask(clock).await.is_ok();
        if taken {
            metrics::histogram!("doorstep_wake_accepted_seconds").record(asked.elapsed().as_secs_f64());
        }
        self.tell(if taken { WakeOutcome::Accepted } else { WakeOutcome::Unavailable }).await;
        taken
    }

    async fn ask(&self, clock: &Clock) -> Result<(), Failure> {
        let wake = &self.wake;
        let body = WakeBody {
            call: &wake.call.0,
            user: wake.courier.expose(),
            order: wake.order.as_ref().map(|order| order.0.as_str()),
            label: wake.label.as_ref().map(|label| label.expose().as_str()),
            expires_at: clock.to_unix_ms(wake.expires_at),
        };
        match self.client.wake(&body).await {
            // What the screen would show may hold a telephone number, which push-service does not pass on.
            Err(Failure::Refused) => {
                tracing::warn!(call = %wake.call, "push-service refused a wake: once more without label and order");
                self.client.wake(&WakeBody { order: None, label: None, ..body }).await
            }
            other => other,
        }
    }

    /// Asks for the result until it is there or the wake has run out. Dead devices are told on the way.
    async fn follow(&self, end: Instant) -> WakeOutcome {
        let mut gone = Vec::new();
        let mut sent = false;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return if sent { WakeOutcome::Sent } else { WakeOutcome::Failed };
            }
            // At least a second: zero would not wait at all.
            let wait = left.clamp(Duration::from_secs(1), MAX_WAIT);
            match self.client.wake_state(&self.wake.call, wait).await {
                Ok(view) => {
                    self.tell_gone(&view, &mut gone).await;
                    if let Some(outcome) = outcome(&view) {
                        return outcome;
                    }
                    let now_sent = view.devices.iter().any(|device| device.state == DeviceState::Sent);
                    if now_sent && !std::mem::replace(&mut sent, true) {
                        self.tell(WakeOutcome::Sent).await;
                    }
                }
                Err(Failure::Refused) => return WakeOutcome::Failed,
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// A device may have come back with another token meanwhile: it is gone only if push-service does not know it any more.
    async fn tell_gone(&self, view: &WakeView, told: &mut Vec<String>) {
        let gone = view.devices.iter().filter(|device| device.state == DeviceState::Gone);
        let gone: Vec<&String> = gone.map(|device| &device.device).filter(|id| !told.contains(id)).collect();
        if gone.is_empty() {
            return;
        }
        let Ok(known) = self.client.devices_of(&self.wake.courier).await else { return };
        let gone: Vec<String> = gone.into_iter().filter(|id| !known.contains(id)).cloned().collect();
        for id in gone {
            let (courier, device) = (self.wake.courier.clone(), DeviceId(id.clone()));
            told.push(id);
            // The driver is gone when this fails, here and below.
            let _ = self.reports.send(Report::DeviceGone { courier, device }).await;
        }
    }

    /// push-service knows no device of the courier's. Those that the gateway still takes for wakeable are not, unless they are about to be
    /// told: the next caller shall not wait for them.
    async fn forget_unknown(&self) {
        let courier = &self.wake.courier;
        let Ok(bindings) = self.store.bindings(courier).await else { return };
        let wakeable = bindings.iter().filter(|binding| binding.push.is_some()).map(DeviceId::of);
        let wakeable: Vec<DeviceId> = wakeable.collect();
        if wakeable.is_empty() {
            return;
        }
        self.devices.settled().await;
        let Ok(known) = self.client.devices_of(courier).await else { return };
        for device in wakeable.into_iter().filter(|device| !known.contains(&device.0)) {
            tracing::info!(%device, "push-service does not know a device: it is not woken until its app registers");
            let _ = self.reports.send(Report::DeviceGone { courier: courier.clone(), device }).await;
        }
    }

    async fn tell(&self, outcome: WakeOutcome) {
        count(outcome);
        let _ = self.reports.send(Report::Wake { call: self.wake.call.clone(), outcome }).await;
    }

    async fn cancel(&self) {
        for _ in 0..CANCELS {
            match self.client.cancel(&self.wake.call).await {
                Err(failure) if failure.may_pass() => sleep(PAUSE).await,
                Ok(()) | Err(_) => return,
            }
        }
    }
}

/// What the devices' states come to; `None` while one is still to be sent.
fn outcome(view: &WakeView) -> Option<WakeOutcome> {
    let mut outcome = WakeOutcome::NoDevice;
    for device in &view.devices {
        outcome = match (device.state, outcome) {
            (DeviceState::Queued, _) => return None,
            (DeviceState::Sent, _) | (_, WakeOutcome::Sent) => WakeOutcome::Sent,
            (DeviceState::Failed | DeviceState::Expired | DeviceState::Cancelled, _) => WakeOutcome::Failed,
            (DeviceState::Gone, before) => before,
        };
    }
    Some(outcome)
}

fn count(outcome: WakeOutcome) {
    let word = match outcome {
        WakeOutcome::Accepted => "accepted",
        WakeOutcome::Sent => "sent",
        WakeOutcome::NoDevice => "no_device",
        WakeOutcome::Failed => "failed",
        WakeOutcome::Unavailable => "unavailable",
    };
    metrics::counter!("doorstep_wakes_total", "outcome" => word).increment(1);
}

#[cfg(test)]
mod tests {
    use super::super::client::DeviceView;
    use super::*;

    #[test]
    fn one_device_that_is_woken_is_enough() {
        use DeviceState::{Cancelled, Expired, Failed, Gone, Queued, Sent};
        for (states, expected) in [
            (vec![], Some(WakeOutcome::NoDevice)),
            (vec![Gone], Some(WakeOutcome::NoDevice)),
            (vec![Gone, Gone, Sent], Some(WakeOutcome::Sent)),
            (vec![Sent, Failed, Gone], Some(WakeOutcome::Sent)),
            (vec![Sent, Queued], None),
            (vec![Gone, Failed], Some(WakeOutcome::Failed)),
            (vec![Expired, Gone], Some(WakeOutcome::Failed)),
            (vec![Cancelled], Some(WakeOutcome::Failed)),
        ] {
            let devices =
                states.iter().map(|state| DeviceView { device: "d".into(), state: *state }).collect();
            assert_eq!(outcome(&WakeView { devices }), expected, "{states:?}");
        }
    }
}
