//! The core's questions to the store. Reading is done side by side, writing one after the other in the order it was asked for, so that a
//! call's last record is its last. What cannot be taken is answered `Unavailable` at once: the core never waits for a queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::lookups::{Policy, may_call, route_incoming};
use crate::clock::Clock;
use crate::core::{Binding, CallId, CallRecord, CourierId, Hidden, Lookup, LookupResult, OpId};
use crate::store::{Store, StoreError};

/// Reads at once; the pool has fewer connections, the rest waits for one.
const READS: usize = 256;
/// Writes that wait.
const WRITES: usize = 1024;
/// Records kept in memory while the store cannot take them.
const KEPT_RECORDS: usize = 10_000;
/// Between attempts to write those.
const RETRY: Duration = Duration::from_secs(2);

/// An answer, under the question's id.
pub(super) type Answer = (OpId, LookupResult);

/// Puts questions to the store.
#[derive(Debug)]
pub(super) struct Questions {
    store: Store,
    clock: Clock,
    policy: Arc<Policy>,
    reads: Arc<Semaphore>,
    writes: mpsc::Sender<(OpId, Write)>,
    answers: mpsc::Sender<Answer>,
    writer: JoinHandle<()>,
}

impl Questions {
    /// Answers come out of the second.
    pub(super) fn new(store: Store, clock: Clock, policy: Policy) -> (Self, mpsc::Receiver<Answer>) {
        let (answers, received) = mpsc::channel(READS + WRITES);
        let (writes, to_write) = mpsc::channel(WRITES);
        let writer = tokio::spawn(write_all(store.clone(), to_write, answers.clone()));
        let reads = Arc::new(Semaphore::new(READS));
        let policy = Arc::new(policy);
        (Self { store, clock, policy, reads, writes, answers, writer }, received)
    }

    /// Puts a question. An answer that is here at once is returned; any other comes out of the channel.
    pub(super) fn ask(&self, op: OpId, lookup: Lookup) -> Option<LookupResult> {
        let taken = match lookup {
            Lookup::MayCall { courier, order } => {
                let (store, now) = (self.store.clone(), self.clock.unix_ms());
                self.read(op, async move { may_call(&store, courier.as_ref(), &order, now).await })
            }
            Lookup::RouteIncoming { caller, called } => {
                let (store, now) = (self.store.clone(), self.clock.unix_ms());
                let policy = Arc::clone(&self.policy);
                self.read(
                    op,
                    async move { route_incoming(&store, caller.as_ref(), &called, &policy, now).await },
                )
            }
            Lookup::LoadBindings { courier } => {
                let store = self.store.clone();
                self.read(op, async move { bindings(store.bindings(&courier).await) })
            }
            Lookup::SaveBinding(binding) => self.write(op, Write::Save(binding)),
            Lookup::RemoveBinding { courier, contact } => self.write(op, Write::Remove(courier, contact)),
            Lookup::ForgetPush { courier, contact, prid } => {
                self.write(op, Write::ForgetPush { courier, contact, prid })
            }
            Lookup::RecordCall(record) => self.write(op, Write::Record(record)),
        };
        (!taken).then(|| {
            metrics::counter!("doorstep_store_refused_total").increment(1);
            LookupResult::Unavailable
        })
    }

    /// Waits until what was asked to be written is written, as far as the store takes it.
    pub(super) async fn finish(self) {
        drop(self.writes);
        if self.writer.await.is_err() {
            tracing::error!("the store's writer failed");
        }
    }

    fn read(&self, op: OpId, question: impl Future<Output = LookupResult> + Send + 'static) -> bool {
        let Ok(permit) = Arc::clone(&self.reads).try_acquire_owned() else { return false };
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let result = question.await;
            // The driver that asked is gone when this fails.
            let _ = answers.send((op, result)).await;
            drop(permit);
        });
        true
    }

    fn write(&self, op: OpId, write: Write) -> bool {
        self.writes.try_send((op, write)).is_ok()
    }
}

#[derive(Debug)]
enum Write {
    Save(Binding),
    Remove(CourierId, Option<Hidden>),
    ForgetPush { courier: CourierId, contact: Hidden, prid: Hidden },
    Record(CallRecord),
}

async fn write_all(store: Store, mut writes: mpsc::Receiver<(OpId, Write)>, answers: mpsc::Sender<Answer>) {
    // The last state of each call whose record the store could not take.
    let mut kept: BTreeMap<CallId, CallRecord> = BTreeMap::new();
    let mut retry_at = Instant::now();
    loop {
        let next = tokio::select! {
            next = writes.recv() => next,
            () = sleep_until(retry_at), if !kept.is_empty() => {
                write_kept(&store, &mut kept).await;
                retry_at = Instant::now() + RETRY;
                continue;
            }
        };
        let Some((op, write)) = next else { break };
        let result = match write {
            Write::Save(binding) => bindings(store.save_binding(&binding).await),
            Write::Remove(courier, contact) => {
                let contact = contact.as_ref().map(|contact| contact.expose().as_str());
                bindings(store.remove_binding(&courier, contact).await)
            }
            Write::ForgetPush { courier, contact, prid } => {
                bindings(store.forget_push(&courier, contact.expose(), prid.expose()).await)
            }
            Write::Record(record) => {
                kept.remove(&record.id);
                match store.record_call(&record).await {
                    Ok(()) => LookupResult::Recorded,
                    Err(error) => {
                        report(&error);
                        keep(&mut kept, record);
                        retry_at = Instant::now() + RETRY;
                        LookupResult::Unavailable
                    }
                }
            }
        };
        // When the driver does not listen any more the gateway stops; what is to be written is written all the same.
        let _ = answers.send((op, result)).await;
    }
    write_kept(&store, &mut kept).await;
    if !kept.is_empty() {
        tracing::error!(records = kept.len(), "call records were lost: the store could not take them");
    }
}

/// Stops at the first that fails: the store is still not there.
async fn write_kept(store: &Store, kept: &mut BTreeMap<CallId, CallRecord>) {
    while let Some((id, record)) = kept.pop_first() {
        if store.record_call(&record).await.is_err() {
            kept.insert(id, record);
            return;
        }
    }
}

fn keep(kept: &mut BTreeMap<CallId, CallRecord>, record: CallRecord) {
    if kept.len() < KEPT_RECORDS {
        kept.insert(record.id.clone(), record);
    } else {
        tracing::error!(call = %record.id, "a call record was lost: the store cannot take it");
    }
}

fn bindings(found: Result<Vec<Binding>, StoreError>) -> LookupResult {
    match found {
        Ok(bindings) => LookupResult::Bindings(bindings),
        Err(error) => {
            report(&error);
            LookupResult::Unavailable
        }
    }
}

/// The database's own words may hold a row's content: only the kind is told.
fn report(error: &StoreError) {
    metrics::counter!("doorstep_store_errors_total").increment(1);
    tracing::warn!(%error, "the store did not answer");
}
