//! A thread that does something at even intervals for as long as it is wanted.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Behind by more than this (the machine slept), what was missed is dropped and not caught up with.
const HOPELESS: Duration = Duration::from_millis(500);

/// Works until it is stopped, then hands its state back.
#[derive(Debug)]
pub(super) struct Pacer<T> {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Pacer<T> {
    /// Calls `work` each `period`. The n-th call is due n periods after the start, however long each call takes, so that the
    /// pace does not drift.
    pub(super) fn start(
        name: &str,
        period: Duration,
        mut state: T,
        mut work: impl FnMut(&mut T) + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = stop.clone();
        let run = move || {
            let mut due = Instant::now();
            while wait_until(due, &stopped) {
                work(&mut state);
                due += period;
                let now = Instant::now();
                if now.saturating_duration_since(due) > HOPELESS {
                    due = now;
                }
            }
            state
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the thread and returns its state; `None` if it panicked, or if it is the one that asks.
    pub(super) fn stop(mut self) -> Option<T> {
        self.tell();
        let thread = self.thread.take()?;
        if thread.thread().id() == thread::current().id() {
            return None;
        }
        thread.join().ok()
    }
}

impl<T> Pacer<T> {
    fn tell(&self) {
        let (stop, changed) = &*self.stop;
        *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}

impl<T> Drop for Pacer<T> {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Waits, and says whether to go on.
fn wait_until(due: Instant, stop: &(Mutex<bool>, Condvar)) -> bool {
    let (stop, changed) = stop;
    let mut stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
    while !*stopped {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        stopped = changed.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    false
}
