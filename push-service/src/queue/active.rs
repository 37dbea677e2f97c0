//! What this instance has in hand: how many deliveries, by call so that they can be called off, and who waits for their end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Active {
    count: AtomicUsize,
    idle: Notify,
    calls: Mutex<HashMap<String, (Arc<CallOff>, usize)>>,
    waiting: Mutex<HashMap<String, (Arc<Notify>, usize)>>,
}

/// Whether a call was called off.
#[derive(Debug, Default)]
pub(super) struct CallOff {
    done: AtomicBool,
    news: Notify,
}

impl CallOff {
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    pub(super) async fn wait(&self) {
        let news = self.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        if !self.is_done() {
            news.await;
        }
    }
}

/// A delivery in hand; given back when dropped.
#[derive(Debug)]
pub(super) struct Hold {
    active: Arc<Active>,
    call: String,
    pub(super) off: Arc<CallOff>,
}

/// Waits for news of a call.
#[derive(Debug)]
pub(super) struct Waiting {
    active: Arc<Active>,
    call: String,
    pub(super) news: Arc<Notify>,
}

impl Active {
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn hold(self: &Arc<Self>, call: &str) -> Hold {
        let mut calls = lock(&self.calls);
        let (off, number) = calls.entry(call.to_owned()).or_default();
        *number += 1;
        self.count.fetch_add(1, Ordering::Relaxed);
        Hold { active: Arc::clone(self), call: call.to_owned(), off: Arc::clone(off) }
    }

    pub(super) fn has(&self, call: &str) -> bool {
        lock(&self.calls).contains_key(call)
    }

    pub(super) fn call_off(&self, call: &str) {
        if let Some((off, _)) = lock(&self.calls).get(call) {
            off.done.store(true, Ordering::Release);
            off.news.notify_waiters();
        }
    }

    pub(super) fn wait_for(self: &Arc<Self>, call: &str) -> Waiting {
        let mut waiting = lock(&self.waiting);
        let (news, number) = waiting.entry(call.to_owned()).or_default();
        *number += 1;
        Waiting { active: Arc::clone(self), call: call.to_owned(), news: Arc::clone(news) }
    }

    pub(super) fn tell(&self, call: &str) {
        if let Some((news, _)) = lock(&self.waiting).get(call) {
            news.notify_waiters();
        }
    }

    /// Waits until nothing is in hand.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut calls = lock(&self.active.calls);
        release(&mut calls, &self.call);
        if self.active.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.active.idle.notify_waiters();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        release(&mut lock(&self.active.waiting), &self.call);
    }
}

fn release<T>(map: &mut HashMap<String, (Arc<T>, usize)>, call: &str) {
    if let Some((_, number)) = map.get_mut(call) {
        *number -= 1;
        if *number == 0 {
            map.remove(call);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_hand_is_counted_called_off_and_given_back() {
        let active = Arc::new(Active::default());
        let (a, b) = (active.hold("call"), active.hold("call"));
        active.call_off("other");
        assert!(!a.off.is_done() && active.count() == 2);
        active.call_off("call");
        a.off.wait().await;
        assert!(b.off.is_done());
        drop((a, b));
        active.idle().await;
        assert!(!active.hold("call").off.is_done(), "another call of that name is another call");
        let waiting = active.wait_for("call");
        let news = waiting.news.notified();
        active.tell("call");
        news.await;
        drop(waiting);
        assert!(lock(&active.waiting).is_empty() && lock(&active.calls).is_empty());
    }
}
