//! All that waits to be written, in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::json;

use super::database::Transaction;
use super::model::{DeadToken, Delivery, DeliveryState, Device, Job, Outcome, StoredWake, Wake};
use super::{PAGE, Store, StoreError, sql};
use crate::provider::{ProviderKind, Target};

/// A user's devices beyond these, the longest not registered, are not woken.
const DEVICES_PER_WAKE: usize = 20;

/// What is written together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Devices that are registered.
    pub put: Vec<Device>,
    /// Devices that are removed.
    pub delete: Vec<String>,
    /// Wakes that are asked for.
    pub accept: Vec<Wake>,
    /// Calls whose wakes are called off, with the time.
    pub cancel: Vec<(String, i64)>,
    /// What became of attempts.
    pub record: Vec<Outcome>,
    /// Tokens that were found dead.
    pub dead: Vec<DeadToken>,
    /// Forget wakes that expired before this.
    pub sweep: Option<i64>,
}

/// What came of it, in the order of the batch.
#[derive(Debug, Default)]
pub struct Done {
    /// Whether each device is new.
    pub put: Vec<bool>,
    /// Whether each device was there.
    pub delete: Vec<bool>,
    /// What became of each wake.
    pub accept: Vec<Accepted>,
    /// What became of each.
    pub cancel: Vec<Cancelled>,
    /// For each attempt, whether the delivery was still the instance's; then also whether its wake is called off by now.
    pub record: Vec<Option<bool>>,
    /// Rows that were swept.
    pub swept: usize,
}

/// What became of a wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is new: these are to be sent.
    New(Vec<Job>),
    /// The same was asked for before.
    Known(StoredWake),
    /// Something else was asked for under that call.
    Other,
}

/// What became of a call-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// There is no such wake.
    Unknown,
    /// It is called off. The devices that have it already and can be told, when this was the first time.
    Done(Vec<(String, Target)>),
}

impl Store {
    /// Writes a batch as the owner. All of it is on the disk when this returns, or nothing.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn apply(&self, owner: &str, batch: &Batch) -> Result<Done, StoreError> {
        let mut tx = self.database.begin().await?;
        let done = Done {
            put: put(&mut tx, &batch.put).await?,
            delete: delete(&mut tx, &batch.delete).await?,
            accept: accept(&mut tx, owner, &batch.accept).await?,
            record: record(&mut tx, &batch.record).await?,
            cancel: cancel(&mut tx, &batch.cancel).await?,
            swept: sweep(&mut tx, batch.sweep).await?,
        };
        if !batch.dead.is_empty() {
            let _: Vec<String> = tx.run(sql::DELETE_GONE, &batch.dead).await?;
        }
        tx.commit().await?;
        Ok(done)
    }
}

async fn put(tx: &mut Transaction, devices: &[Device]) -> Result<Vec<bool>, StoreError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    // The last of each id, and of each token, counts.
    let (mut by_id, mut tokens): (BTreeMap<&str, &Device>, HashSet<&str>) = Default::default();
    for device in devices.iter().rev() {
        if !by_id.contains_key(device.id.as_str()) && tokens.insert(device.token.expose()) {
            by_id.insert(&device.id, device);
        }
    }
    let rows: Vec<&Device> = by_id.into_values().collect();
    let mut known: HashSet<String> = tx.run(sql::KNOWN_DEVICES, &rows).await?.into_iter().collect();
    let _: Vec<String> = tx.run(sql::FORGET_TOKENS, &rows).await?;
    let _: Vec<String> = tx.run(sql::PUT_DEVICES, &rows).await?;
    Ok(devices.iter().map(|device| known.insert(device.id.clone())).collect())
}

async fn delete(tx: &mut Transaction, devices: &[String]) -> Result<Vec<bool>, StoreError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let deleted: HashSet<String> = tx.run(sql::DELETE_DEVICES, &devices).await?.into_iter().collect();
    Ok(devices.iter().map(|id| deleted.contains(id)).collect())
}

async fn accept(tx: &mut Transaction, owner: &str, wakes: &[Wake]) -> Result<Vec<Accepted>, StoreError> {
    if wakes.is_empty() {
        return Ok(Vec::new());
    }
    let mut new: HashSet<String> = tx.run(sql::INSERT_WAKES, &wakes).await?.into_iter().collect();
    let first: Vec<bool> = wakes.iter().map(|wake| new.remove(&wake.call)).collect();
    let fresh = || wakes.iter().zip(&first).filter_map(|(wake, first)| first.then_some(wake));
    let devices = devices_by_user(tx, fresh().map(|wake| wake.user.as_str()).collect()).await?;
    let mut jobs: HashMap<&str, Vec<Job>> = HashMap::new();
    for wake in fresh() {
        let own = devices.get(&wake.user).map(Vec::as_slice).unwrap_or_default();
        let own = own.iter().take(DEVICES_PER_WAKE).map(|device| Job::new(wake, device)).collect();
        jobs.insert(&wake.call, own);
    }
    let rows: Vec<_> = jobs
        .values()
        .flatten()
        .map(|job| {
            json!({ "call": job.call, "device": job.device, "provider": job.provider, "owner": owner, "next_at": job.next_at })
        })
        .collect();
    if !rows.is_empty() {
        let _: Vec<u8> = tx.run(sql::INSERT_DELIVERIES, &rows).await?;
    }
    let mut known = known_wakes(tx, wakes, &first).await?;
    Ok(wakes
        .iter()
        .zip(&first)
        .map(|(wake, first)| {
            if *first {
                return Accepted::New(jobs.remove(wake.call.as_str()).unwrap_or_default());
            }
            match known.get_mut(&wake.call) {
                Some(known) if is_same(&known.wake, wake) => Accepted::Known(known.clone()),
                Some(_) | None => Accepted::Other,
            }
        })
        .collect())
}

async fn devices_by_user(
    tx: &mut Transaction,
    users: HashSet<&str>,
) -> Result<HashMap<String, Vec<Device>>, StoreError> {
    let mut by_user: HashMap<String, Vec<Device>> = HashMap::new();
    if users.is_empty() {
        return Ok(by_user);
    }
    let devices: Vec<Device> = tx.run(sql::DEVICES_OF, &users.into_iter().collect::<Vec<_>>()).await?;
    for device in devices {
        by_user.entry(device.user.clone()).or_default().push(device);
    }
    Ok(by_user)
}

async fn known_wakes(
    tx: &mut Transaction,
    wakes: &[Wake],
    first: &[bool],
) -> Result<HashMap<String, StoredWake>, StoreError> {
    let calls: HashSet<&str> =
        wakes.iter().zip(first).filter(|(_, first)| !**first).map(|(wake, _)| wake.call.as_str()).collect();
    if calls.is_empty() {
        return Ok(HashMap::new());
    }
    let known: Vec<StoredWake> = tx.run(sql::WAKES, &calls.into_iter().collect::<Vec<_>>()).await?;
    Ok(known.into_iter().map(|known| (known.wake.call.clone(), known)).collect())
}

/// Whether the same was asked for; when does not matter.
fn is_same(a: &Wake, b: &Wake) -> bool {
    (&a.user, &a.order, &a.label, a.expires_at) == (&b.user, &b.order, &b.label, b.expires_at)
}

async fn record(tx: &mut Transaction, outcomes: &[Outcome]) -> Result<Vec<Option<bool>>, StoreError> {
    #[derive(Deserialize, PartialEq, Eq, Hash)]
    struct Key {
        call: String,
        device: String,
        owner: String,
    }
    if outcomes.is_empty() {
        return Ok(Vec::new());
    }
    let own: HashSet<Key> = tx.run(sql::RECORD, &outcomes).await?.into_iter().collect();
    let calls: HashSet<&str> = own.iter().map(|key| key.call.as_str()).collect();
    let cancelled: HashSet<String> = match calls.is_empty() {
        true => HashSet::new(),
        false => tx.run(sql::CANCELLED, &calls.into_iter().collect::<Vec<_>>()).await?.into_iter().collect(),
    };
    Ok(outcomes
        .iter()
        .map(|outcome| {
            let key = Key {
                call: outcome.call.clone(),
                device: outcome.device.clone(),
                owner: outcome.owner.clone(),
            };
            own.contains(&key).then(|| cancelled.contains(&key.call))
        })
        .collect())
}

async fn cancel(tx: &mut Transaction, calls: &[(String, i64)]) -> Result<Vec<Cancelled>, StoreError> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> =
        calls.iter().map(|(call, _)| call.as_str()).collect::<HashSet<_>>().into_iter().collect();
    let known: Vec<StoredWake> = tx.run(sql::WAKES, &names).await?;
    let known: HashMap<String, StoredWake> =
        known.into_iter().map(|wake| (wake.wake.call.clone(), wake)).collect();
    let input: BTreeMap<&str, i64> = calls.iter().map(|(call, at)| (call.as_str(), *at)).collect();
    let input: Vec<_> = input.into_iter().map(|(call, at)| json!({ "call": call, "at": at })).collect();
    let first: Vec<String> = tx.run(sql::CANCEL_WAKES, &input).await?;
    let _: Vec<String> = tx.run(sql::CANCEL_DELIVERIES, &input).await?;
    let mut told: HashMap<String, Vec<(String, Target)>> = HashMap::new();
    if !first.is_empty() {
        let deliveries: Vec<Delivery> = tx.run(sql::DELIVERIES, &first).await?;
        let users: HashSet<&str> =
            first.iter().filter_map(|call| known.get(call)).map(|known| known.wake.user.as_str()).collect();
        let devices = devices_by_user(tx, users).await?;
        for delivery in deliveries.into_iter().filter(can_be_told) {
            let own = known.get(&delivery.call).and_then(|known| devices.get(&known.wake.user));
            let device = own.into_iter().flatten().find(|device| device.id == delivery.device);
            if let Some(device) = device {
                told.entry(delivery.call).or_default().push((device.id.clone(), device.target()));
            }
        }
    }
    Ok(calls
        .iter()
        .map(|(call, _)| {
            if known.contains_key(call) {
                Cancelled::Done(told.remove(call).unwrap_or_default())
            } else {
                Cancelled::Unknown
            }
        })
        .collect())
}

/// iOS must show a call for each VoIP push, so that Apple's devices are never told that there is none.
fn can_be_told(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::Sent
        && match delivery.provider {
            ProviderKind::Fcm => true,
            ProviderKind::Apns => false,
        }
}

async fn sweep(tx: &mut Transaction, before: Option<i64>) -> Result<usize, StoreError> {
    let Some(before) = before else { return Ok(0) };
    let input = json!({ "before": before, "limit": PAGE });
    let _: Vec<u8> = tx.run(sql::SWEEP_DELIVERIES, &input).await?;
    let swept: Vec<u8> = tx.run(sql::SWEEP_WAKES, &input).await?;
    Ok(swept.len())
}
