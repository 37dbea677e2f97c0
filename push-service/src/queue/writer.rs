//! The one who writes: takes all that waits into one transaction, so that the disk is asked once for many. Nothing is answered before it
//! is on the disk.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Queue;
use crate::store::{Accepted, Batch, Cancelled, DeadToken, Device, Outcome, Wake};

/// Writes that wait, and the most that are taken into one transaction.
pub(super) const WAITING: usize = 8192;
const TOGETHER: usize = 2048;

/// The store did not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store did not take it")]
pub struct NotWritten;

pub(super) type Reply<T> = oneshot::Sender<Result<T, NotWritten>>;

#[derive(Debug)]
pub(super) enum Write {
    Put(Device, Reply<bool>),
    Delete(String, Reply<bool>),
    Accept(Wake, Reply<Accepted>),
    Cancel(String, i64, Reply<Cancelled>),
    Record(Outcome, Reply<Option<bool>>),
    Dead(DeadToken, Reply<()>),
    Sweep(i64, Reply<usize>),
}

#[derive(Default)]
struct Replies {
    put: Vec<Reply<bool>>,
    delete: Vec<Reply<bool>>,
    accept: Vec<Reply<Accepted>>,
    cancel: Vec<Reply<Cancelled>>,
    record: Vec<Reply<Option<bool>>>,
    dead: Vec<Reply<()>>,
    sweep: Vec<Reply<usize>>,
}

/// Ends when all who could write are gone.
pub(super) async fn run(queue: Arc<Queue>, mut writes: mpsc::Receiver<Write>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while writes.recv_many(&mut waiting, TOGETHER).await > 0 {
        let (batch, replies) = sort(waiting.drain(..));
        let launching = queue.launching.lock().await;
        let instance = queue.instance();
        let result = queue.store.apply(instance.name(), &batch).await;
        queue.store_answered(result.as_ref().err());
        match result {
            Ok(done) => {
                metrics::histogram!("doorstep_push_batch_writes").record(size(&batch));
                for accepted in &done.accept {
                    // Should the lease have run out meanwhile, somebody takes over what was written.
                    if let Accepted::New(jobs) = accepted {
                        queue.launch(&instance, jobs.clone());
                    }
                }
                drop(launching);
                for ((call, _), cancelled) in batch.cancel.iter().zip(&done.cancel) {
                    queue.called_off(call, cancelled);
                }
                for (outcome, own) in batch.record.iter().zip(&done.record) {
                    if own.is_some() && outcome.state.is_final() {
                        queue.active.tell(&outcome.call);
                    }
                }
                answer(replies.put, done.put);
                answer(replies.delete, done.delete);
                answer(replies.accept, done.accept);
                answer(replies.cancel, done.cancel);
                answer(replies.record, done.record);
                answer(replies.dead, batch.dead.iter().map(|_| ()));
                answer(replies.sweep, std::iter::once(done.swept));
            }
            Err(_) => replies.refuse(),
        }
    }
}

fn sort(writes: impl Iterator<Item = Write>) -> (Batch, Replies) {
    let (mut batch, mut replies) = (Batch::default(), Replies::default());
    for write in writes {
        match write {
            Write::Put(device, reply) => {
                batch.put.push(device);
                replies.put.push(reply);
            }
            Write::Delete(device, reply) => {
                batch.delete.push(device);
                replies.delete.push(reply);
            }
            Write::Accept(wake, reply) => {
                batch.accept.push(wake);
                replies.accept.push(reply);
            }
            Write::Cancel(call, at, reply) => {
                batch.cancel.push((call, at));
                replies.cancel.push(reply);
            }
            Write::Record(outcome, reply) => {
                batch.record.push(outcome);
                replies.record.push(reply);
            }
            Write::Dead(token, reply) => {
                batch.dead.push(token);
                replies.dead.push(reply);
            }
            Write::Sweep(before, reply) => {
                batch.sweep = Some(before);
                replies.sweep.push(reply);
            }
        }
    }
    (batch, replies)
}

fn answer<T>(replies: Vec<Reply<T>>, answers: impl IntoIterator<Item = T>) {
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Who asked may have gone.
        let _ = reply.send(Ok(answer));
    }
}

#[allow(clippy::cast_precision_loss, reason = "a batch is small")]
fn size(batch: &Batch) -> f64 {
    (batch.put.len() + batch.delete.len() + batch.accept.len() + batch.cancel.len() + batch.record.len())
        as f64
}

impl Replies {
    fn refuse(self) {
        fn all<T>(replies: Vec<Reply<T>>) {
            for reply in replies {
                // Who asked may have gone.
                let _ = reply.send(Err(NotWritten));
            }
        }
        all(self.put);
        all(self.delete);
        all(self.accept);
        all(self.cancel);
        all(self.record);
        all(self.dead);
        all(self.sweep);
    }
}
