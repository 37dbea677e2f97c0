//! Recordings that are played to callers, loaded whole when the gateway starts.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorstep_media::resample::Resampler;
use doorstep_media::transcode::{FRAME_MS, SOUND_RATE};
use hound::{SampleFormat, WavReader};

/// The longest recording: nobody listens longer.
const MAX_SECONDS: u32 = 300;
/// Samples of one frame.
const FRAME: usize = (SOUND_RATE / 1000 * FRAME_MS) as usize;
/// The resampler's block, and what the resampler holds back of the end.
const BLOCKS_PER_SECOND: u32 = 100;

/// A recording, ready for a leg's encoder. Clones share the audio.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[i16]>);

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It is not there, or no WAV file.
    #[error("{0}")]
    Unreadable(#[from] hound::Error),
    /// Another kind of WAV file.
    #[error("{bits} bits ({kind}), {channels} channels, {rate} Hz")]
    Format {
        /// Bits of a sample.
        bits: u16,
        /// Whole numbers or fractions.
        kind: &'static str,
        /// Channels.
        channels: u16,
        /// Samples per second.
        rate: u32,
    },
    /// There is nothing in it, or too much.
    #[error("{0} seconds")]
    Length(u32),
}

impl Clip {
    /// What may stand in the file, for a person.
    pub const ALLOWED: &str = "a WAV file, 16-bit PCM, mono, 8000 to 48000 Hz, up to 300 seconds";

    /// Reads a file and brings it to the rate of the telephone.
    ///
    /// # Errors
    /// When it cannot be read, or is not [`ALLOWED`](Self::ALLOWED).
    pub fn load(path: &Path) -> Result<Self, ClipError> {
        let mut reader = WavReader::open(path)?;
        let spec = reader.spec();
        let wrong = || ClipError::Format {
            bits: spec.bits_per_sample,
            kind: match spec.sample_format {
                SampleFormat::Int => "PCM",
                SampleFormat::Float => "float",
            },
            channels: spec.channels,
            rate: spec.sample_rate,
        };
        let is_pcm = spec.sample_format == SampleFormat::Int && spec.bits_per_sample == 16;
        if !is_pcm || spec.channels != 1 || !(8_000..=48_000).contains(&spec.sample_rate) {
            return Err(wrong());
        }
        let seconds = reader.duration() / spec.sample_rate;
        if reader.duration() == 0 || seconds > MAX_SECONDS {
            return Err(ClipError::Length(seconds));
        }
        let audio: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>()?;
        resampled(&audio, spec.sample_rate).map(|audio| Self(audio.into())).ok_or_else(wrong)
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.0.len() as u64 * 1000 / u64::from(SOUND_RATE))
    }

    /// The frame of that number, the last one perhaps shorter; `None` after the end.
    pub(super) fn frame(&self, number: usize) -> Option<&[i16]> {
        self.0.chunks(FRAME).nth(number)
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clip").field(&self.length()).finish()
    }
}

/// `None`: a rate that the resampler does not take.
fn resampled(audio: &[i16], rate: u32) -> Option<Vec<i16>> {
    if rate == SOUND_RATE {
        return Some(audio.to_vec());
    }
    let mut resampler = Resampler::new(rate, SOUND_RATE).ok()?;
    let (from, to) = ((rate / BLOCKS_PER_SECOND) as usize, (SOUND_RATE / BLOCKS_PER_SECOND) as usize);
    // One block more: the resampler is 5 ms late.
    let blocks = audio.len().div_ceil(from) + 1;
    let mut output = vec![0; blocks * to];
    let mut input = vec![0; from];
    let mut chunks = audio.chunks(from);
    for block in output.chunks_exact_mut(to) {
        input.fill(0);
        for (place, sample) in input.iter_mut().zip(chunks.next().unwrap_or_default()) {
            *place = *sample;
        }
        resampler.process(&input, block).ok()?;
    }
    Some(output)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of a tone of 440 Hz.
    pub(in crate::media) fn write(
        dir: &Path,
        name: &str,
        spec: hound::WavSpec,
        samples: u32,
    ) -> std::path::PathBuf {
        let path = dir.join(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for n in 0..samples * u32::from(spec.channels) {
            let at = f64::from(n) / f64::from(spec.channels) / f64::from(spec.sample_rate);
            let sample = (at * 440.0 * std::f64::consts::TAU).sin() * 10_000.0;
            match spec.sample_format {
                SampleFormat::Int if spec.bits_per_sample == 16 => {
                    writer.write_sample(sample as i16).unwrap()
                }
                SampleFormat::Int => writer.write_sample((sample / 256.0) as i8).unwrap(),
                SampleFormat::Float => writer.write_sample((sample / 32_768.0) as f32).unwrap(),
            }
        }
        writer.finalize().unwrap();
        path
    }

    pub(in crate::media) fn pcm(rate: u32) -> hound::WavSpec {
        hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        }
    }

    #[test]
    fn a_recording_of_any_usual_rate_is_brought_to_the_telephones() {
        let dir = tempfile::tempdir().unwrap();
        for rate in [8_000, 16_000, 44_100, 48_000] {
            let clip = Clip::load(&write(dir.path(), "tone.wav", pcm(rate), rate / 2)).unwrap();
            let length = clip.length().as_millis();
            assert!((500..=520).contains(&length), "{rate}: {length} ms");
            // Zero crossings of 440 Hz in the middle 400 ms.
            let middle = &clip.0[400..3600];
            let crossings = middle.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
            assert!((350..=354).contains(&crossings), "{rate}: {crossings}");
            assert_eq!(clip.frame(0).map(<[i16]>::len), Some(FRAME));
            assert_eq!(clip.frame(clip.0.len().div_ceil(FRAME)), None);
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let stereo = hound::WavSpec { channels: 2, ..pcm(8_000) };
        let eight = hound::WavSpec { bits_per_sample: 8, ..pcm(8_000) };
        let float = hound::WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..pcm(8_000) };
        for (spec, samples, words) in [
            (stereo, 100, "16 bits (PCM), 2 channels, 8000 Hz"),
            (eight, 100, "8 bits (PCM), 1 channels"),
            (float, 100, "32 bits (float)"),
            (pcm(96_000), 100, "96000 Hz"),
            (pcm(11_025), 100, "11025 Hz"),
            (pcm(8_000), 0, "0 seconds"),
            (pcm(8_000), 8_000 * 302, "302 seconds"),
        ] {
            let error = Clip::load(&write(dir.path(), "wrong.wav", spec, samples)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        std::fs::write(dir.path().join("junk.wav"), "RIFF junk").unwrap();
        assert!(matches!(Clip::load(&dir.path().join("junk.wav")), Err(ClipError::Unreadable(_))));
        assert!(matches!(Clip::load(&dir.path().join("missing.wav")), Err(ClipError::Unreadable(_))));
    }
}
