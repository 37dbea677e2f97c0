//! Sound files: read as what a microphone hears, written with what a speaker plays.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::DeviceError;
use crate::resample::Resampler;

/// Longest file read: half an hour.
const MAX_SECONDS: u32 = 1_800;

/// Reads a file (8 to 32 bits or float, any number of channels) as mono 16-bit audio at `rate` Hz.
pub(super) fn read(path: &Path, rate: u32) -> Result<Vec<i16>, DeviceError> {
    let mut reader = WavReader::open(path).map_err(|error| fault(&error))?;
    let spec = reader.spec();
    if reader.duration() / spec.sample_rate.max(1) > MAX_SECONDS {
        return Err(DeviceError::File(io::ErrorKind::FileTooLarge));
    }
    let channels = usize::from(spec.channels.max(1));
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let full = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full)).collect()
        }
    }
    .map_err(|error| fault(&error))?;
    let mono: Vec<i16> = samples
        .chunks_exact(channels)
        .map(|frame| (frame.iter().sum::<f32>() / channels as f32 * 32_768.0).round() as i16)
        .collect();
    resampled(&mono, spec.sample_rate, rate)
}

fn resampled(audio: &[i16], from: u32, to: u32) -> Result<Vec<i16>, DeviceError> {
    if from == to {
        return Ok(audio.to_vec());
    }
    let mut resampler = Resampler::new(from, to).map_err(|_| DeviceError::Format)?;
    let (block_in, block_out) = (from as usize / 100, to as usize / 100);
    let mut output = vec![0; audio.len().div_ceil(block_in) * block_out];
    let mut last = vec![0; block_in];
    for (input, output) in audio.chunks(block_in).zip(output.chunks_exact_mut(block_out)) {
        last[..input.len()].copy_from_slice(input);
        last[input.len()..].fill(0);
        resampler.process(&last, output).map_err(|_| DeviceError::Format)?;
    }
    Ok(output)
}

/// What is known of a recording while it is made.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    started: Arc<OnceLock<SystemTime>>,
}

impl Recording {
    /// When the first sample of the file was asked for; `None` before the device is started. What is heard later lies as
    /// much later in the file.
    #[must_use]
    pub fn started_at(&self) -> Option<SystemTime> {
        self.started.get().copied()
    }
}

/// Writes what is played. The header is right at least once a second, so that a file whose writer is killed can be read.
pub(super) struct Recorder {
    /// `None` once writing has failed.
    writer: Option<WavWriter<BufWriter<File>>>,
    recording: Recording,
    rate: u32,
    unflushed: u32,
}

impl Recorder {
    pub(super) fn create(path: &Path, rate: u32) -> Result<Self, DeviceError> {
        let spec =
            WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::create(path, spec).map_err(|error| fault(&error))?;
        writer.flush().map_err(|error| fault(&error))?;
        Ok(Self { writer: Some(writer), recording: Recording::default(), rate, unflushed: 0 })
    }

    pub(super) fn recording(&self) -> Recording {
        self.recording.clone()
    }

    pub(super) fn write(&mut self, frame: &[i16]) {
        self.recording.started.get_or_init(SystemTime::now);
        let Some(writer) = &mut self.writer else { return };
        self.unflushed += frame.len() as u32;
        let mut written = frame.iter().try_for_each(|sample| writer.write_sample(*sample));
        if self.unflushed >= self.rate {
            self.unflushed = 0;
            written = written.and_then(|()| writer.flush());
        }
        if let Err(error) = written {
            // The call goes on; the recording ends here.
            tracing::warn!(%error, "recording stopped");
            self.writer = None;
        }
    }

    pub(super) fn flush(&mut self) {
        if let Some(Err(error)) = self.writer.as_mut().map(WavWriter::flush) {
            tracing::warn!(%error, "recording not completed");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
    }
}

fn fault(error: &hound::Error) -> DeviceError {
    match error {
        hound::Error::IoError(error) => DeviceError::File(error.kind()),
        hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat => DeviceError::File(io::ErrorKind::InvalidData),
    }
}
