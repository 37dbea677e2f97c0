//! One microphone and one speaker for all calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorstep::audio::{AudioDevice, CaptureSink, DeviceError, PlayoutSource};

use super::AudioError;
use super::switch::Switch;

/// Samples that are mixed at once; longer frames are mixed in pieces.
pub(super) const PIECE: usize = 960;

/// What the calls of a port share.
pub(super) struct Mixer {
    capture_rate: u32,
    playout_rate: u32,
    next: AtomicU64,
    switch: Arc<Switch>,
    /// Two locks, so that the speaker does not wait while what the microphone heard is encoded. Whoever takes both takes this
    /// one first.
    ears: Mutex<Vec<(u64, Box<dyn CaptureSink>)>>,
    mouths: Mutex<Vec<(u64, Box<dyn PlayoutSource>)>>,
}

impl Mixer {
    pub(super) fn new(capture_rate: u32, playout_rate: u32, switch: Arc<Switch>) -> Self {
        let (ears, mouths) = Default::default();
        Self { capture_rate, playout_rate, next: AtomicU64::new(1), switch, ears, mouths }
    }

    /// Ends the calls that are there; `runs` says that what failed runs and is to be stopped.
    pub(super) fn fail(&self, error: AudioError, runs: bool) {
        let (ears, mouths) = {
            let mut ears = lock(&self.ears);
            if runs {
                self.switch.fail();
            } else {
                self.switch.turn(false);
            }
            (std::mem::take(&mut *ears), std::mem::take(&mut *lock(&self.mouths)))
        };
        for (_, mut ear) in ears {
            ear.failed(error.into());
        }
        for (_, mut mouth) in mouths {
            mouth.failed(error.into());
        }
    }

    /// What the microphone heard, to all.
    pub(super) fn capture(&self, samples: &[i16]) {
        for (_, ear) in lock(&self.ears).iter_mut() {
            ear.captured(samples);
        }
    }

    /// What all say, for the speaker.
    pub(super) fn playout(&self, samples: &mut [i16]) {
        let mut mouths = lock(&self.mouths);
        let Some(((_, first), others)) = mouths.split_first_mut() else { return samples.fill(0) };
        first.fill(samples);
        let mut piece = [0; PIECE];
        for (_, mouth) in others {
            for part in samples.chunks_mut(PIECE) {
                let Some(heard) = piece.get_mut(..part.len()) else { continue };
                mouth.fill(heard);
                for (sum, sample) in part.iter_mut().zip(heard) {
                    *sum = sum.saturating_add(*sample);
                }
            }
        }
    }

    fn add(&self, capture: Box<dyn CaptureSink>, playout: Box<dyn PlayoutSource>) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut ears = lock(&self.ears);
        ears.push((id, capture));
        lock(&self.mouths).push((id, playout));
        self.switch.turn(true);
        id
    }

    fn remove(&self, id: u64) {
        let (ear, mouth) = {
            let mut ears = lock(&self.ears);
            let ear = take(&mut ears, id);
            let mouth = take(&mut lock(&self.mouths), id);
            if ear.is_some() && ears.is_empty() {
                self.switch.turn(false);
            }
            (ear, mouth)
        };
        drop((ear, mouth));
    }
}

impl Drop for Mixer {
    fn drop(&mut self) {
        self.switch.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(from: &mut Vec<(u64, T)>, id: u64) -> Option<T> {
    let place = from.iter().position(|(of, _)| *of == id)?;
    Some(from.swap_remove(place).1)
}

/// One call's share of the port.
pub(super) struct PortDevice {
    mixer: Arc<Mixer>,
    id: Option<u64>,
}

impl PortDevice {
    pub(super) const fn new(mixer: Arc<Mixer>) -> Self {
        Self { mixer, id: None }
    }
}

impl AudioDevice for PortDevice {
    fn capture_rate(&self) -> u32 {
        self.mixer.capture_rate
    }

    fn playout_rate(&self) -> u32 {
        self.mixer.playout_rate
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        if self.id.is_some() {
            return Err(DeviceError::Running);
        }
        self.id = Some(self.mixer.add(capture, playout));
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(id) = self.id.take() {
            self.mixer.remove(id);
        }
    }
}

impl Drop for PortDevice {
    fn drop(&mut self) {
        self.stop();
    }
}
