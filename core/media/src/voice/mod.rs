//! One call's voice: a sound device joined with a far side.
//!
//! ```text
//! microphone → gate, mute → resampler → encoder → packets → PacketSink
//! speaker ← resampler ← jitter buffer with decoder ← ring ← PacketReceiver
//! ```
//!
//! The path runs on the device's thread (both directions may have threads of their own) and on whatever thread delivers
//! packets; the two meet in a bounded ring whose lock is held for the copy of one packet. Controls only set flags or leave
//! a new set-up to be picked up before the next frame; nothing is locked while a sink or the application is called. Per
//! packet and per frame nothing is allocated.
//!
//! Nothing leaves before [`VoicePath::start_sending`], and then nothing that was heard earlier.

mod capture;
mod events;
mod playout;
mod ring;
mod shared;
mod watch;

pub use events::{VoiceEvent, VoiceStats};

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::sync::mpsc;

use self::{
    capture::{CaptureHalf, SenderSetup},
    playout::{PlayoutHalf, ReceiverSetup},
    ring::VoiceReceiver,
    shared::Shared,
    watch::Watch,
};
use crate::{
    codec::{CodecError, OpusSettings},
    device::{AudioDevice, DeviceError},
    dtmf::{Digit, MAX_QUEUED},
    jitter::JitterConfig,
    resample::ResampleError,
    transport::{Negotiated, PacketReceiver, PacketSink},
};

/// Events that may wait for a slow reader; what exceeds them is counted in [`VoiceStats::events_lost`].
const EVENT_QUEUE: usize = 64;

/// How a path is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceConfig {
    /// How Opus encodes.
    pub opus: OpusSettings,
    /// Bounds of the jitter buffer.
    pub jitter: JitterConfig,
    /// Without a packet for this long, [`VoiceEvent::NoAudio`] is told.
    pub silence_limit: Duration,
    /// Without a frame from the microphone, or a question from the speaker, for this long, [`VoiceEvent::NoMicrophone`] or
    /// [`VoiceEvent::NoSpeaker`] is told.
    pub device_limit: Duration,
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self {
            opus: OpusSettings::default(),
            jitter: JitterConfig::default(),
            silence_limit: Duration::from_secs(5),
            device_limit: Duration::from_secs(2),
        }
    }
}

/// Why a voice path does not do what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoiceError {
    /// The sound device does not work.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The codec cannot be used.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The device's sampling rate cannot be used.
    #[error(transparent)]
    Rate(#[from] ResampleError),
    /// The far side takes no digits, or nothing is agreed yet.
    #[error("the far side takes no digits")]
    NoDigits,
    /// Too many digits wait to be sent.
    #[error("too many digits are waiting to be sent")]
    DigitsFull,
    /// No thread could be had.
    #[error("no thread for the voice path")]
    NoThread,
}

/// The voice of one call. Dropping it stops the device.
pub struct VoicePath {
    config: VoiceConfig,
    shared: Arc<Shared>,
    device: Mutex<Device>,
    sink: Mutex<Option<Arc<dyn PacketSink>>>,
}

struct Device {
    port: Box<dyn AudioDevice>,
    watch: Option<Watch>,
}

impl VoicePath {
    /// A path for this device, which is not started yet. The second part hears what happens.
    #[must_use]
    pub fn new(device: Box<dyn AudioDevice>, config: VoiceConfig) -> (Self, mpsc::Receiver<VoiceEvent>) {
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let shared = Arc::new(Shared::new(device.capture_rate(), device.playout_rate(), events));
        let device = Mutex::new(Device { port: device, watch: None });
        (Self { config, shared, device, sink: Mutex::new(None) }, receiver)
    }

    /// What the transport hands received packets to.
    #[must_use]
    pub fn receiver(&self) -> Box<dyn PacketReceiver> {
        Box::new(VoiceReceiver::new(self.shared.clone()))
    }

    /// Sends to `sink` from now on, as agreed. Sending starts with [`Self::start_sending`].
    ///
    /// # Errors
    /// [`VoiceError::Codec`] or [`VoiceError::Rate`]; then everything is as before.
    pub fn connect(&self, sink: Arc<dyn PacketSink>, negotiated: &Negotiated) -> Result<(), VoiceError> {
        let former = lock(&self.sink).replace(sink);
        let result = self.set_negotiated(negotiated);
        if result.is_err() {
            *lock(&self.sink) = former;
        }
        result
    }

    /// A new agreement in mid-call: another codec, another direction. Without [`Self::connect`] it only prepares
    /// receiving.
    ///
    /// # Errors
    /// [`VoiceError::Codec`] or [`VoiceError::Rate`]; then everything is as before.
    pub fn set_negotiated(&self, negotiated: &Negotiated) -> Result<(), VoiceError> {
        let receiver =
            ReceiverSetup::new(negotiated.voice.codec, self.shared.playout_rate, self.config.jitter)?;
        let sender = match lock(&self.sink).clone() {
            Some(sink) => {
                Some(SenderSetup::new(sink, negotiated, self.shared.capture_rate, &self.config.opus)?)
            }
            None => None,
        };
        // What it replaces is dropped here and not on an audio thread.
        let _former = self.shared.next_receiver.put(receiver);
        let _former = sender.map(|sender| self.shared.next_sender.put(sender));
        self.shared.may_receive.store(negotiated.local_direction.receives(), Ordering::Release);
        self.shared.takes_digits.store(negotiated.telephone_event.is_some(), Ordering::Release);
        self.shared.agreed.store(true, Ordering::Release);
        Ok(())
    }

    /// Starts the device. Both directions run from now on, silent until there is something to send and to play.
    ///
    /// # Errors
    /// [`VoiceError::Device`] or [`VoiceError::NoThread`]; then it is stopped.
    pub fn start(&self) -> Result<(), VoiceError> {
        let mut device = lock(&self.device);
        if device.watch.is_some() {
            return Err(DeviceError::Running.into());
        }
        let capture = Box::new(CaptureHalf::new(self.shared.clone()));
        let playout = Box::new(PlayoutHalf::new(self.shared.clone(), self.config.jitter));
        device.port.start(capture, playout)?;
        match Watch::start(self.shared.clone(), &self.config) {
            Ok(watch) => {
                device.watch = Some(watch);
                Ok(())
            }
            Err(_) => {
                device.port.stop();
                Err(VoiceError::NoThread)
            }
        }
    }

    /// Stops the device: the microphone is free. May be started again.
    pub fn stop(&self) {
        let mut device = lock(&self.device);
        device.port.stop();
        // Ends its thread.
        device.watch = None;
    }

    /// Opens the microphone's gate: the call is answered. What was heard before stays here.
    pub fn start_sending(&self) {
        if !self.shared.sending.swap(true, Ordering::AcqRel) {
            self.shared.await_audible.store(true, Ordering::Release);
        }
    }

    /// Closes the gate: nothing leaves any more.
    pub fn stop_sending(&self) {
        self.shared.sending.store(false, Ordering::Release);
    }

    /// Mutes or unmutes the microphone. Muted, silence is sent, so that the far side and every address translator on the
    /// way know that the call lives.
    pub fn set_muted(&self, muted: bool) {
        self.shared.muted.store(muted, Ordering::Release);
    }

    /// Stops or resumes both directions without a new agreement: nothing is sent, nothing is heard.
    pub fn set_held(&self, held: bool) {
        self.shared.held.store(held, Ordering::Release);
    }

    /// Sends a digit in place of the microphone, after those that wait; `duration` is held within the bounds of
    /// [`crate::dtmf`]. It needs the gate open.
    ///
    /// # Errors
    /// [`VoiceError::NoDigits`] or [`VoiceError::DigitsFull`].
    pub fn send_dtmf(&self, digit: Digit, duration: Duration) -> Result<(), VoiceError> {
        if !self.shared.takes_digits.load(Ordering::Acquire) {
            return Err(VoiceError::NoDigits);
        }
        let mut digits = lock(&self.shared.digits);
        if digits.len() >= MAX_QUEUED {
            return Err(VoiceError::DigitsFull);
        }
        digits.push_back((digit, duration));
        Ok(())
    }

    /// Counters since the path was made.
    #[must_use]
    pub fn stats(&self) -> VoiceStats {
        self.shared.stats()
    }
}

impl Drop for VoicePath {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for VoicePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoicePath").field("config", &self.config).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
