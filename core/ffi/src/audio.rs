//! Microphone and speaker of the platform.
//!
//! Sound does not cross UniFFI: a record for each 10 ms would cost more than the codec. The platform's audio thread calls two C
//! functions with its own buffers, mono 16-bit samples in the machine's byte order:
//!
//! ```c
//! // What the microphone heard. 0, or -1 when the port is gone.
//! int32_t doorstep_audio_capture(uint64_t port, const int16_t *samples, uint32_t count);
//! // Fills in what the speaker is to play: silence when nobody speaks. 0, or -1 when the port is gone (then all is silence).
//! int32_t doorstep_audio_playout(uint64_t port, int16_t *samples, uint32_t count);
//! ```
//!
//! `port` is [`AudioPort::handle`]. Both are safe to call at any time, from any thread, also when no call needs sound; they take
//! microseconds and allocate nothing. Frames of 10 or 20 ms are best.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::thread;

use doorstep::audio::{AudioDevice, AudioFactory, CaptureSink, DeviceError, PlayoutSource};

use crate::{CallbackError, DoorstepError};

/// Samples that are mixed at once; longer frames are mixed in pieces.
const PIECE: usize = 960;
/// Hz; what platforms have is within.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=96_000;

/// Why the platform's audio does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AudioError {
    /// There is no microphone.
    #[error("no microphone")]
    NoMicrophone,
    /// There is no speaker.
    #[error("no speaker")]
    NoSpeaker,
    /// The user has not allowed the microphone, or another app has it.
    #[error("the microphone is not allowed, or in use")]
    Denied,
    /// It failed in another way.
    #[error("the sound device has failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for AudioError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<AudioError> for DeviceError {
    fn from(error: AudioError) -> Self {
        match error {
            AudioError::NoMicrophone => Self::NoMicrophone,
            AudioError::NoSpeaker => Self::NoSpeaker,
            AudioError::Denied => Self::Denied,
            AudioError::Failed => Self::Failed,
        }
    }
}

/// Starts and stops the platform's audio. Written by the platform's layer, called on a thread of the port's own, one thing after
/// the other; it may be slow.
#[uniffi::export(with_foreign)]
pub trait AudioControl: Send + Sync {
    /// A call needs sound: from now on capture and playout are to be called.
    ///
    /// # Errors
    /// Why there is no sound; the calls that wait for it end.
    fn start(&self) -> Result<(), AudioError>;

    /// No call needs sound any more, or the platform has told that its audio failed. It may come after a start that failed, too.
    ///
    /// # Errors
    /// Anything; it is logged.
    fn stop(&self) -> Result<(), CallbackError>;
}

/// The platform's microphone and speaker, for all calls of a client: all hear the microphone, and are heard mixed.
#[derive(uniffi::Object)]
pub struct AudioPort {
    handle: u64,
    shared: Arc<Shared>,
}

struct Shared {
    capture_rate: u32,
    playout_rate: u32,
    legs: Mutex<Vec<Leg>>,
    next_leg: AtomicU64,
    orders: Mutex<Sender<Order>>,
}

struct Leg {
    id: u64,
    capture: Box<dyn CaptureSink>,
    playout: Box<dyn PlayoutSource>,
}

enum Order {
    Start,
    Stop,
}

/// Ports by their handles: a handle of a port that is gone finds nothing.
static PORTS: RwLock<Option<HashMap<u64, Weak<Shared>>>> = RwLock::new(None);
static NEXT_PORT: AtomicU64 = AtomicU64::new(1);

#[uniffi::export]
impl AudioPort {
    /// Rates in Hz, which stay: whole numbers of samples in 10 ms. What the hardware does may change; the platform converts.
    ///
    /// # Errors
    /// `InvalidRate`, `Platform` without a thread for `control`.
    #[uniffi::constructor]
    pub fn new(
        capture_rate: u32,
        playout_rate: u32,
        control: Arc<dyn AudioControl>,
    ) -> Result<Arc<Self>, DoorstepError> {
        for rate in [capture_rate, playout_rate] {
            if !RATES.contains(&rate) || !rate.is_multiple_of(100) {
                return Err(DoorstepError::InvalidRate);
            }
        }
        let (orders, queue) = channel();
        let shared = Arc::new(Shared {
            capture_rate,
            playout_rate,
            legs: Mutex::default(),
            next_leg: AtomicU64::new(1),
            orders: Mutex::new(orders),
        });
        let port = Arc::downgrade(&shared);
        let obey = move || {
            while let Ok(order) = queue.recv() {
                obey(&order, control.as_ref(), &port);
            }
        };
        thread::Builder::new()
            .name("doorstep-audio".to_owned())
            .spawn(obey)
            .map_err(|_| DoorstepError::Platform)?;
        let handle = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let mut ports = PORTS.write().unwrap_or_else(PoisonError::into_inner);
        ports.get_or_insert_default().insert(handle, Arc::downgrade(&shared));
        Ok(Arc::new(Self { handle, shared }))
    }

    /// What the C functions know the port by.
    pub fn handle(&self) -> u64 {
        self.handle
    }

    /// The platform's audio has failed while it ran: the calls that need it end, and it is stopped.
    pub fn failed(&self, error: AudioError) {
        self.shared.fail(error, true);
    }
}

impl Drop for AudioPort {
    fn drop(&mut self) {
        let mut ports = PORTS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ports) = ports.as_mut() {
            ports.remove(&self.handle);
        }
    }
}

impl fmt::Debug for AudioPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioPort").field("handle", &self.handle).finish_non_exhaustive()
    }
}

fn obey(order: &Order, control: &dyn AudioControl, port: &Weak<Shared>) {
    match order {
        Order::Start => {
            if let Err(error) = control.start()
                && let Some(port) = port.upgrade()
            {
                port.fail(error, false);
            }
        }
        Order::Stop => {
            if let Err(error) = control.stop() {
                tracing::warn!(%error, "the platform's audio could not be stopped");
            }
        }
    }
}

impl AudioFactory for AudioPort {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(PortDevice { shared: Arc::clone(&self.shared), leg: None }))
    }
}

impl Shared {
    fn legs(&self) -> MutexGuard<'_, Vec<Leg>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        // The thread lives as long as this does.
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
    }

    fn fail(&self, error: AudioError, runs: bool) {
        let mut legs = self.legs();
        let gone = std::mem::take(&mut *legs);
        if runs && !gone.is_empty() {
            // Before another call can ask for a start.
            self.order(Order::Stop);
        }
        drop(legs);
        for mut leg in gone {
            leg.capture.failed(error.into());
            leg.playout.failed(error.into());
        }
    }

    fn capture(&self, samples: &[i16]) {
        for leg in self.legs().iter_mut() {
            leg.capture.captured(samples);
        }
    }

    fn playout(&self, samples: &mut [i16]) {
        let mut legs = self.legs();
        let Some((first, others)) = legs.split_first_mut() else { return samples.fill(0) };
        first.playout.fill(samples);
        let mut piece = [0; PIECE];
        for leg in others {
            for part in samples.chunks_mut(PIECE) {
                let Some(heard) = piece.get_mut(..part.len()) else { continue };
                leg.playout.fill(heard);
                for (sum, sample) in part.iter_mut().zip(heard) {
                    *sum = sum.saturating_add(*sample);
                }
            }
        }
    }
}

/// One call's share of the port.
struct PortDevice {
    shared: Arc<Shared>,
    leg: Option<u64>,
}

impl AudioDevice for PortDevice {
    fn capture_rate(&self) -> u32 {
        self.shared.capture_rate
    }

    fn playout_rate(&self) -> u32 {
        self.shared.playout_rate
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        if self.leg.is_some() {
            return Err(DeviceError::Running);
        }
        let id = self.shared.next_leg.fetch_add(1, Ordering::Relaxed);
        self.leg = Some(id);
        let mut legs = self.shared.legs();
        legs.push(Leg { id, capture, playout });
        if legs.len() == 1 {
            self.shared.order(Order::Start);
        }
        Ok(())
    }

    fn stop(&mut self) {
        let Some(id) = self.leg.take() else { return };
        let mut legs = self.shared.legs();
        let Some(place) = legs.iter().position(|leg| leg.id == id) else { return };
        let leg = legs.swap_remove(place);
        if legs.is_empty() {
            self.shared.order(Order::Stop);
        }
        drop(legs);
        drop(leg);
    }
}

impl Drop for PortDevice {
    fn drop(&mut self) {
        self.stop();
    }
}

fn port(handle: u64) -> Option<Arc<Shared>> {
    let ports = PORTS.read().unwrap_or_else(PoisonError::into_inner);
    ports.as_ref()?.get(&handle)?.upgrade()
}

/// See the [module](self).
///
/// # Safety
/// `samples` points to `count` readable samples, or `count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn doorstep_audio_capture(handle: u64, samples: *const i16, count: u32) -> i32 {
    let Some(port) = port(handle) else { return -1 };
    if !samples.is_null() && count > 0 {
        // SAFETY: the caller's promise.
        port.capture(unsafe { std::slice::from_raw_parts(samples, count as usize) });
    }
    0
}

/// See the [module](self).
///
/// # Safety
/// `samples` points to `count` writable samples, or `count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn doorstep_audio_playout(handle: u64, samples: *mut i16, count: u32) -> i32 {
    if samples.is_null() || count == 0 {
        return if port(handle).is_some() { 0 } else { -1 };
    }
    // SAFETY: the caller's promise.
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, count as usize) };
    match port(handle) {
        Some(port) => {
            port.playout(samples);
            0
        }
        None => {
            samples.fill(0);
            -1
        }
    }
}

#[cfg(test)]
mod tests;
