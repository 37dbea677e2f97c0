//! The two C functions, and the ports by their handles.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::AudioError;
use super::mixer::Mixer;

/// A handle is a number that is looked up: an audio thread that is late finds nothing instead of freed memory.
static PORTS: RwLock<Option<HashMap<u64, Weak<Mixer>>>> = RwLock::new(None);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The C functions find the port while this exists.
pub(super) struct Registered(u64);

impl Registered {
    pub(super) fn new(mixer: &Arc<Mixer>) -> Self {
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut ports = PORTS.write().unwrap_or_else(PoisonError::into_inner);
        ports.get_or_insert_default().insert(handle, Arc::downgrade(mixer));
        Self(handle)
    }

    pub(super) const fn handle(&self) -> u64 {
        self.0
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut ports = PORTS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ports) = ports.as_mut() {
            ports.remove(&self.0);
        }
    }
}

/// See the [module](super).
///
/// # Safety
/// `samples` points to `count` readable samples, or `count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn doorstep_audio_capture(handle: u64, samples: *const i16, count: u32) -> i32 {
    let Some(mixer) = find(handle) else { return -1 };
    if !samples.is_null() && count > 0 {
        // SAFETY: the caller's promise.
        let samples = unsafe { std::slice::from_raw_parts(samples, count as usize) };
        contained(&mixer, || mixer.capture(samples));
    }
    0
}

/// See the [module](super).
///
/// # Safety
/// `samples` points to `count` writable samples, or `count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn doorstep_audio_playout(handle: u64, samples: *mut i16, count: u32) -> i32 {
    let mixer = find(handle);
    let found = if mixer.is_some() { 0 } else { -1 };
    if samples.is_null() || count == 0 {
        return found;
    }
    // SAFETY: the caller's promise.
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, count as usize) };
    let played = mixer.is_some_and(|mixer| contained(&mixer, || mixer.playout(samples)));
    if !played {
        samples.fill(0);
    }
    found
}

fn find(handle: u64) -> Option<Arc<Mixer>> {
    let ports = PORTS.read().unwrap_or_else(PoisonError::into_inner);
    ports.as_ref()?.get(&handle)?.upgrade()
}

/// Whether it came to its end. A panic must not reach the platform's audio thread, where it would end the app: it ends the calls.
fn contained(mixer: &Mixer, work: impl FnOnce()) -> bool {
    let done = catch_unwind(AssertUnwindSafe(work)).is_ok();
    if !done {
        let _panicked_again = catch_unwind(AssertUnwindSafe(|| mixer.fail(AudioError::Failed, true)));
    }
    done
}
