//! Couriers' devices: the last that is known of each is told to push-service, again and again until it has taken it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::client::Client;
use crate::core::{CourierId, DeviceId, PushTarget};
use crate::store::Store;

/// Changes that wait; beyond that the store is asked for all devices later.
const WAITING: usize = 100_000;
/// Requests at once.
const AT_ONCE: usize = 16;
/// Devices that the store hands out at a time.
const PAGE: u32 = 500;
/// Between attempts, doubled each time, with jitter.
const MIN_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// What waits to be told.
#[derive(Debug, Default)]
pub(super) struct Devices {
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// Whether push-service knows all that the gateway knows.
    settled: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Waiting {
    changes: BTreeMap<DeviceId, Change>,
    /// The store knows of more.
    all: bool,
}

/// The last that is known of a device.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    Put { courier: CourierId, target: PushTarget },
    Delete,
}

impl Devices {
    pub(super) fn put(&self, device: DeviceId, courier: CourierId, target: PushTarget) {
        self.change(device, Change::Put { courier, target });
    }

    pub(super) fn delete(&self, device: DeviceId) {
        self.change(device, Change::Delete);
    }

    fn change(&self, device: DeviceId, change: Change) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.settled.send_replace(false);
        if waiting.changes.len() >= WAITING && !waiting.changes.contains_key(&device) {
            metrics::counter!("doorstep_push_devices_dropped_total").increment(1);
            waiting.all = true;
        } else {
            waiting.changes.insert(device, change);
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// All that the store knows is to be told.
    fn tell_all(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.settled.send_replace(false);
        waiting.all = true;
        drop(waiting);
        self.changed.notify_one();
    }

    /// Waits until push-service knows all that the gateway knows.
    pub(super) async fn settled(&self) {
        // The sender lives as long as this.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// All that was waiting has been told.
    fn told(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.settled.send_replace(waiting.changes.is_empty() && !waiting.all);
    }

    fn take_all(&self) -> bool {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all)
    }

    fn take(&self) -> Vec<(DeviceId, Change)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| waiting.changes.pop_first()).take(AT_ONCE).collect()
    }

    /// What could not be told waits again, unless something newer does. `known`: only what nothing newer is known of.
    fn put_back(&self, changes: impl IntoIterator<Item = (DeviceId, Change)>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (device, change) in changes {
            waiting.changes.entry(device).or_insert(change);
        }
    }
}

/// Tells what changes, and all that the store knows whenever push-service is found to answer: at the start, and when it comes back, perhaps
/// without its memory.
pub(super) async fn tell_all(devices: Arc<Devices>, client: Arc<Client>, store: Store) {
    let mut health = client.health.changes();
    let mut backoff = Backoff::default();
    loop {
        tokio::select! {
            changed = health.changed() => {
                if changed.is_err() {
                    return;
                }
                if *health.borrow_and_update() == Some(true) {
                    devices.tell_all();
                    backoff = Backoff::default();
                }
                continue;
            }
            () = devices.changed.notified() => {}
        }
        while !tell_waiting(&devices, &client).await {
            sleep(backoff.next_pause()).await;
        }
        backoff = Backoff::default();
        // It may have come back in the middle of this: then what it knew before is in doubt.
        if health.has_changed().unwrap_or(false) && *health.borrow_and_update() == Some(true) {
            devices.tell_all();
        }
        if devices.take_all() && !tell_known(&devices, &client, &store).await {
            devices.tell_all();
            sleep(backoff.next_pause()).await;
            continue;
        }
        devices.told();
    }
}

/// Tells all that waits; whether all of it was taken.
async fn tell_waiting(devices: &Devices, client: &Client) -> bool {
    loop {
        let changes = devices.take();
        if changes.is_empty() {
            return true;
        }
        let told = join_all(changes.into_iter().map(|(device, change)| async move {
            let done = match &change {
                Change::Put { courier, target } => client.put_device(&device, courier, target).await,
                Change::Delete => client.delete_device(&device).await,
            };
            match done {
                Ok(()) => None,
                Err(failure) if failure.may_pass() => Some((device, change)),
                Err(_) => {
                    tracing::warn!(%device, "push-service does not take a device: it cannot be woken");
                    None
                }
            }
        }))
        .await;
        let failed: Vec<_> = told.into_iter().flatten().collect();
        if !failed.is_empty() {
            devices.put_back(failed);
            return false;
        }
    }
}

/// Tells what the store knows, page by page; `false` when that could not be done.
async fn tell_known(devices: &Devices, client: &Client, store: &Store) -> bool {
    let mut after = None;
    loop {
        let page = match store.wakeable(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the store did not tell the devices");
                return false;
            }
        };
        let Some(last) = page.last().map(|(place, _)| place.clone()) else { return true };
        devices.put_back(page.into_iter().filter_map(|(_, binding)| {
            let device = DeviceId::of(&binding);
            Some((device, Change::Put { courier: binding.courier, target: binding.push? }))
        }));
        if !tell_waiting(devices, client).await {
            return false;
        }
        after = Some(last);
    }
}

#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn next_pause(&mut self) -> Duration {
        let longest = MIN_PAUSE.saturating_mul(1 << self.failures.min(10)).min(MAX_PAUSE);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(rand::rng().random_range(0.1..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use doorstep_sip::Sensitive;

    use super::*;

    fn put(token: &str) -> (CourierId, PushTarget) {
        let target = PushTarget {
            provider: "fcm".into(),
            param: "project".into(),
            prid: Sensitive::new(token.to_owned()),
        };
        (CourierId::new("anna"), target)
    }

    #[test]
    fn the_last_that_is_known_of_a_device_counts() {
        let devices = Devices::default();
        let (phone, tablet) = (DeviceId("phone".into()), DeviceId("tablet".into()));
        let (courier, target) = put("one");
        devices.put(phone.clone(), courier.clone(), target.clone());
        devices.put(tablet.clone(), courier.clone(), target);
        let taken = devices.take();
        assert_eq!(taken.len(), 2);
        // Meanwhile the phone got another token, and then neither could be told.
        let (_, newer) = put("two");
        devices.put(phone.clone(), courier.clone(), newer.clone());
        devices.put_back(taken);
        devices.delete(tablet.clone());
        let expected = [(phone, Change::Put { courier, target: newer }), (tablet, Change::Delete)];
        assert_eq!(devices.take(), expected);
        assert!(devices.take().is_empty());
    }
}
