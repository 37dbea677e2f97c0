//! Where sound comes from and goes to: the port that a platform implements, and devices that need no hardware.
//!
//! A device states its sampling rates and speaks mono 16-bit PCM. While it runs it pushes what the microphone hears into a
//! [`CaptureSink`] and pulls what the speaker shall play from a [`PlayoutSource`], from threads of its own, in frames of
//! 10 or 20 ms (other lengths work, too). Rates are whole numbers of samples in 10 ms
//! ([`crate::resample`]); the voice path resamples.

mod pace;
#[cfg(feature = "cpal")]
mod sound_card;
mod virtual_device;
mod wav;

#[cfg(feature = "cpal")]
pub use sound_card::SoundCard;
pub use virtual_device::VirtualDevice;
pub use wav::Recording;

/// Why a device does not work, or has ceased to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// There is no microphone.
    #[error("no microphone found")]
    NoMicrophone,
    /// There is no speaker.
    #[error("no speaker found")]
    NoSpeaker,
    /// Another application has it, or the user has not allowed it.
    #[error("the sound device is busy or not allowed")]
    Denied,
    /// It was unplugged, or its driver failed.
    #[error("the sound device has failed")]
    Failed,
    /// It speaks no format that can be used.
    #[error("the sound device's format or sampling rate is not supported")]
    Format,
    /// It is running already.
    #[error("the sound device is running already")]
    Running,
    /// A sound file could not be read or written.
    #[error("sound file: {0}")]
    File(std::io::ErrorKind),
    /// No thread could be had for it.
    #[error("no thread for the sound device")]
    NoThread,
}

/// Takes what the microphone hears. Called from the device's own thread.
pub trait CaptureSink: Send {
    /// The next audio, mono at the device's capture rate. Does not block.
    fn captured(&mut self, frame: &[i16]);

    /// Whether what is captured now is used. A device that plays a recording waits for it; a microphone does not care.
    fn is_listening(&self) -> bool;

    /// Nothing more will come.
    fn failed(&mut self, error: DeviceError);
}

/// Hands out what the speaker shall play. Called from the device's own thread.
pub trait PlayoutSource: Send {
    /// Fills `frame` with the next audio, mono at the device's playout rate. Does not block.
    fn fill(&mut self, frame: &mut [i16]);

    /// Nothing more will be asked for.
    fn failed(&mut self, error: DeviceError);
}

/// A microphone and a speaker.
pub trait AudioDevice: Send {
    /// Rate of what is captured, Hz. Does not change while the device exists.
    fn capture_rate(&self) -> u32;

    /// Rate of what is played, Hz. Does not change while the device exists.
    fn playout_rate(&self) -> u32;

    /// Starts both directions. Returns when they run, or why they do not.
    ///
    /// # Errors
    /// Any [`DeviceError`]; then neither direction runs and both parts are dropped.
    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError>;

    /// Stops both directions. Once it has returned, neither part is called any more and both are dropped. May be started
    /// again. Stopping what does not run does nothing.
    fn stop(&mut self);
}

#[cfg(test)]
mod tests;
