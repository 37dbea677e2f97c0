//! Starts and stops the platform's audio, on a thread of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::mixer::Mixer;
use super::{AudioControl, AudioError};
use crate::DoorstepError;

/// Whether sound is wanted. A state and not a queue: however often it changes while the platform is busy, nothing piles up.
#[derive(Default)]
pub(super) struct Switch {
    position: Mutex<Position>,
    changed: Condvar,
}

#[derive(Default)]
struct Position {
    on: bool,
    /// What runs, or is about to, has failed.
    failed: bool,
    /// Nobody will turn it any more.
    gone: bool,
}

impl Switch {
    pub(super) fn turn(&self, on: bool) {
        self.position().on = on;
        self.changed.notify_one();
    }

    /// What runs is to be stopped, even if sound is wanted again by then.
    pub(super) fn fail(&self) {
        let mut position = self.position();
        (position.on, position.failed) = (false, true);
        self.changed.notify_one();
    }

    pub(super) fn close(&self) {
        let mut position = self.position();
        (position.on, position.gone) = (false, true);
        self.changed.notify_one();
    }

    /// Waits until sound is wanted (`true`) and does not run, or the other way round. `None` when there is no more to do.
    fn next(&self, running: bool) -> Option<bool> {
        let to_do = |position: &Position| position.on != running || (running && position.failed);
        let settled = |position: &mut Position| !to_do(position) && !position.gone;
        let position = self.changed.wait_while(self.position(), settled);
        let mut position = position.unwrap_or_else(PoisonError::into_inner);
        to_do(&position).then(|| {
            position.failed = false;
            !running
        })
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has `control` follow the switch until that is closed.
pub(super) fn watch(
    switch: Arc<Switch>,
    control: Arc<dyn AudioControl>,
    mixer: Weak<Mixer>,
) -> Result<(), DoorstepError> {
    let follow = move || {
        let mut running = false;
        while let Some(on) = switch.next(running) {
            running = on && started(control.as_ref(), &mixer);
            if !on && let Err(error) = control.stop() {
                tracing::warn!(%error, "the platform's audio could not be stopped");
            }
        }
    };
    let thread = thread::Builder::new().name("doorstep-audio".to_owned()).spawn(follow);
    thread.map(drop).map_err(|_| DoorstepError::Platform)
}

fn started(control: &dyn AudioControl, mixer: &Weak<Mixer>) -> bool {
    let fail = |error: AudioError| mixer.upgrade().map(|mixer| mixer.fail(error, false));
    control.start().map_err(fail).is_ok()
}
