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
//! microseconds (the one that completes a packet also encodes it) and allocate nothing. Microphone and speaker may have threads of
//! their own: neither waits for the other. Frames of 10 or 20 ms are best.

use std::fmt;
use std::sync::Arc;

use doorstep::audio::{AudioDevice, AudioFactory, DeviceError};

use crate::{CallbackError, DoorstepError};

mod c;
mod mixer;
mod switch;

use c::Registered;
use mixer::{Mixer, PortDevice};
use switch::Switch;

pub use c::{doorstep_audio_capture, doorstep_audio_playout};

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
/// the other, and never with a lock held. It may be slow: what is wanted by then counts, so that a call which came and went
/// meanwhile starts nothing.
#[uniffi::export(with_foreign)]
pub trait AudioControl: Send + Sync {
    /// A call needs sound: from now on capture and playout are to be called.
    ///
    /// # Errors
    /// Why there is no sound; the calls that wait for it end, and `stop` does not follow.
    fn start(&self) -> Result<(), AudioError>;

    /// No call needs sound any more. It follows every `start` that succeeded, also when the audio has failed since.
    ///
    /// # Errors
    /// Anything; it is logged.
    fn stop(&self) -> Result<(), CallbackError>;
}

/// The platform's microphone and speaker, for all calls of a client: all hear the microphone, and are heard mixed.
#[derive(uniffi::Object)]
pub struct AudioPort {
    registered: Registered,
    mixer: Arc<Mixer>,
}

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
        let switch = Arc::new(Switch::default());
        let mixer = Arc::new(Mixer::new(capture_rate, playout_rate, Arc::clone(&switch)));
        switch::watch(switch, control, Arc::downgrade(&mixer))?;
        Ok(Arc::new(Self { registered: Registered::new(&mixer), mixer }))
    }

    /// What the C functions know the port by.
    pub fn handle(&self) -> u64 {
        self.registered.handle()
    }

    /// The platform's audio has failed while it ran: the calls that need it end, and it is stopped.
    pub fn failed(&self, error: AudioError) {
        self.mixer.fail(error, true);
    }
}

impl fmt::Debug for AudioPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioPort").field("handle", &self.handle()).finish_non_exhaustive()
    }
}

impl AudioFactory for AudioPort {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(PortDevice::new(Arc::clone(&self.mixer))))
    }
}

#[cfg(test)]
mod tests;
