//! Devices without hardware: a file, a tone or silence as the microphone, a file or nothing as the speaker.

use std::{path::Path, time::Duration};

use super::{
    AudioDevice, CaptureSink, DeviceError, PlayoutSource, Recording,
    pace::Pacer,
    wav::{self, Recorder},
};
use crate::resample::{BLOCK_MS, MAX_RATE};

/// Length of its frames: what a telephone's packet holds.
const FRAME_MS: u32 = 20;

/// Keeps the pace of real time by itself. Silent and deaf unless told otherwise:
///
/// ```no_run
/// # use doorstep_media::device::{DeviceError, VirtualDevice};
/// # fn main() -> Result<(), DeviceError> {
/// let (device, recording) = VirtualDevice::new(48_000)?
///     .playing("hello.wav".as_ref(), false)?
///     .recording("heard.wav".as_ref())?;
/// # let _ = (device, recording);
/// # Ok(())
/// # }
/// ```
pub struct VirtualDevice {
    rate: u32,
    /// `None` while it runs: the thread has it.
    engine: Option<Engine>,
    running: Option<Pacer<(Engine, Ends)>>,
}

type Ends = (Box<dyn CaptureSink>, Box<dyn PlayoutSource>);

struct Engine {
    microphone: Microphone,
    speaker: Option<Recorder>,
    frame: Vec<i16>,
}

enum Microphone {
    Silence,
    /// Turns per sample, and the phase in turns.
    Tone {
        step: f64,
        phase: f64,
    },
    File {
        samples: Vec<i16>,
        next: usize,
        looped: bool,
    },
}

impl VirtualDevice {
    /// A silent microphone and a speaker that nobody hears, at `rate` Hz.
    ///
    /// # Errors
    /// [`DeviceError::Format`] if the rate is no whole number of samples in 10 ms.
    pub fn new(rate: u32) -> Result<Self, DeviceError> {
        if rate == 0 || rate > MAX_RATE || !rate.is_multiple_of(1000 / BLOCK_MS) {
            return Err(DeviceError::Format);
        }
        let frame = vec![0; (rate * FRAME_MS / 1000) as usize];
        let engine = Engine { microphone: Microphone::Silence, speaker: None, frame };
        Ok(Self { rate, engine: Some(engine), running: None })
    }

    /// With a tone of `hz` at −12 dBFS as the microphone.
    #[must_use]
    pub fn tone(mut self, hz: f64) -> Self {
        if let Some(engine) = &mut self.engine {
            engine.microphone = Microphone::Tone { step: hz / f64::from(self.rate), phase: 0.0 };
        }
        self
    }

    /// With a WAV file as the microphone, of any rate that is a whole number of samples in 10 ms. It begins once somebody
    /// listens ([`CaptureSink::is_listening`]), waits while nobody does, and is followed by silence, or by itself if
    /// `looped`.
    ///
    /// # Errors
    /// [`DeviceError::File`] or [`DeviceError::Format`].
    pub fn playing(mut self, path: &Path, looped: bool) -> Result<Self, DeviceError> {
        let samples = wav::read(path, self.rate)?;
        if let Some(engine) = &mut self.engine {
            engine.microphone = Microphone::File { samples, next: 0, looped };
        }
        Ok(self)
    }

    /// With a WAV file (mono, 16 bits) of all that is played, from the start of the device on. The file can be read while
    /// it grows.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn recording(mut self, path: &Path) -> Result<(Self, Recording), DeviceError> {
        let recorder = Recorder::create(path, self.rate)?;
        let recording = recorder.recording();
        if let Some(engine) = &mut self.engine {
            engine.speaker = Some(recorder);
        }
        Ok((self, recording))
    }
}

impl AudioDevice for VirtualDevice {
    fn capture_rate(&self) -> u32 {
        self.rate
    }

    fn playout_rate(&self) -> u32 {
        self.rate
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        let engine = self.engine.take().ok_or(DeviceError::Running)?;
        let period = Duration::from_millis(FRAME_MS.into());
        let work =
            |(engine, (capture, playout)): &mut (Engine, Ends)| engine.frame(&mut **capture, &mut **playout);
        let pacer = Pacer::start("doorstep-audio", period, (engine, (capture, playout)), work)
            .map_err(|_| DeviceError::NoThread)?;
        self.running = Some(pacer);
        Ok(())
    }

    fn stop(&mut self) {
        if let Some((mut engine, _)) = self.running.take().and_then(Pacer::stop) {
            if let Some(recorder) = &mut engine.speaker {
                recorder.flush();
            }
            self.engine = Some(engine);
        }
    }
}

impl Drop for VirtualDevice {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Engine {
    fn frame(&mut self, capture: &mut dyn CaptureSink, playout: &mut dyn PlayoutSource) {
        // The microphone first: what is heard at the same time cannot have answered it yet.
        self.microphone.hear(&mut self.frame, capture.is_listening());
        capture.captured(&self.frame);
        playout.fill(&mut self.frame);
        if let Some(recorder) = &mut self.speaker {
            recorder.write(&self.frame);
        }
    }
}

impl Microphone {
    fn hear(&mut self, frame: &mut [i16], listened_to: bool) {
        match self {
            Self::Silence => frame.fill(0),
            Self::Tone { step, phase } => {
                for sample in frame {
                    *sample = ((*phase * std::f64::consts::TAU).sin() * 8_192.0) as i16;
                    *phase = (*phase + *step).fract();
                }
            }
            Self::File { .. } if !listened_to => frame.fill(0),
            Self::File { samples, next, looped } => {
                for sample in frame {
                    if *looped && *next == samples.len() {
                        *next = 0;
                    }
                    *sample = samples.get(*next).copied().unwrap_or(0);
                    *next = (*next + 1).min(samples.len());
                }
            }
        }
    }
}
