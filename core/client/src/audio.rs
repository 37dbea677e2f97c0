//! Microphone and speaker of a client's calls.

use std::path::PathBuf;

use doorstep_media::device::VirtualDevice;
pub use doorstep_media::device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource};

/// Makes the device of a call; an app on a phone gives its platform's. It may take its time: it is asked on a thread that
/// may block.
pub trait AudioFactory: Send + Sync + 'static {
    /// A device for one call, not started yet.
    ///
    /// # Errors
    /// Any [`DeviceError`]; the call then ends for want of audio.
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError>;
}

/// Rate of devices that are no hardware: that of Opus, Hz.
const RATE: u32 = 48_000;

/// Says nothing and hears nothing: for servers, and for clients that only signal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silence;

impl AudioFactory for Silence {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(VirtualDevice::new(RATE)?))
    }
}

/// Says a tone: for trials.
#[derive(Debug, Clone, Copy)]
pub struct Tone {
    /// Its frequency.
    pub hz: f64,
}

impl AudioFactory for Tone {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(VirtualDevice::new(RATE)?.tone(self.hz)))
    }
}

/// Says what a WAV file holds, from the answer on, then silence; and keeps what is heard in another.
#[derive(Debug, Clone, Default)]
pub struct WavAudio {
    /// What is said; nothing if `None`.
    pub play: Option<PathBuf>,
    /// Where to keep what is heard (mono, 16 bits, 48 kHz). The next call writes it anew.
    pub record: Option<PathBuf>,
}

impl AudioFactory for WavAudio {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        let mut device = VirtualDevice::new(RATE)?;
        if let Some(play) = &self.play {
            device = device.playing(play, false)?;
        }
        if let Some(record) = &self.record {
            device = device.recording(record)?.0;
        }
        Ok(Box::new(device))
    }
}

/// This computer's own microphone and speaker. Needs the feature `cpal`.
#[cfg(feature = "cpal")]
#[derive(Debug, Clone, Copy, Default)]
pub struct LiveAudio;

#[cfg(feature = "cpal")]
impl AudioFactory for LiveAudio {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(doorstep_media::device::SoundCard::open()?))
    }
}
