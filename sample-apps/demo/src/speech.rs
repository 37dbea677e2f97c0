use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use doorstep_testkit::speech::{self, Similarity};

/// Rate of the sound files and of every telephone line, in Hz.
const RATE: u32 = 8_000;
/// Between two sentences, in milliseconds.
const PAUSE_MS: u32 = 400;

/// Recorded human speech: the Debian package asterisk-core-sounds-en-wav.
#[derive(Debug, Clone)]
pub struct Sounds(PathBuf);

/// What somebody says in a call.
#[derive(Debug, Clone)]
pub struct Script {
    samples: Vec<i16>,
}

/// How well a recording holds what the other side said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Understanding {
    /// 0 to 1.
    pub score: f64,
    /// Whether a listener would have understood it.
    pub intelligible: bool,
}

impl Sounds {
    /// Looks where the package puts them.
    ///
    /// # Errors
    /// When they are not installed.
    pub fn find() -> anyhow::Result<Self> {
        const PLACES: [&str; 2] =
            ["/usr/share/asterisk/sounds/en_US_f_Allison", "/usr/share/asterisk/sounds/en"];
        let found = PLACES.iter().map(Path::new).find(|place| place.join("tt-allbusy.wav").is_file());
        let place = found.context(
            "the recorded speech is missing: `cargo xtask setup sounds` installs asterisk-core-sounds-en-wav",
        )?;
        Ok(Self(place.to_owned()))
    }

    /// Several prompts, one after the other. The silence before the first word is left out, so that the time to the
    /// first sound is the calls', not the speaker's.
    ///
    /// # Errors
    /// When one is not there, or is no 16-bit WAV file.
    pub fn script(&self, prompts: &[&str]) -> anyhow::Result<Script> {
        let mut samples = Vec::new();
        for prompt in prompts {
            let path = self.0.join(prompt).with_extension("wav");
            samples.extend(read_8k(&path)?);
            samples.extend(std::iter::repeat_n(0, (RATE * PAUSE_MS / 1000) as usize));
        }
        let first = speech::first_audible_ms(&samples, RATE, 0).unwrap_or(0);
        let silence = usize::try_from(first * u64::from(RATE) / 1000)?;
        Ok(Script { samples: samples.split_off(silence.min(samples.len())) })
    }
}

impl Script {
    /// How long it takes to say it.
    pub fn duration(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.samples.len() as u64 * 1000 / u64::from(RATE))
    }

    /// The same with silence behind it.
    #[must_use]
    pub fn then_silent_for(mut self, silence: std::time::Duration) -> Self {
        let samples = silence.as_millis() as usize * RATE as usize / 1000;
        self.samples.extend(std::iter::repeat_n(0, samples));
        self
    }

    /// The same with silence before it.
    #[must_use]
    pub fn after_silence(self, silence: std::time::Duration) -> Self {
        let before = silence.as_millis() as usize * RATE as usize / 1000;
        Self { samples: std::iter::repeat_n(0, before).chain(self.samples).collect() }
    }

    /// Writes it as a sound file, 8 kHz mono.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in &self.samples {
            writer.write_sample(*sample)?;
        }
        Ok(writer.finalize()?)
    }

    /// Looks for it in a recording.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn heard_in(&self, recording: &Path) -> anyhow::Result<Understanding> {
        let similarity: Similarity = speech::similarity(&self.samples, &read_8k(recording)?, RATE);
        Ok(Understanding { score: similarity.score, intelligible: similarity.is_intelligible() })
    }
}

/// A WAV file at 8 kHz or a multiple, brought down to 8 kHz, the first of its channels. What a telephone carries has nothing above 4 kHz, so
/// that taking means does as a filter.
fn read_8k(path: &Path) -> anyhow::Result<Vec<i16>> {
    let mut reader =
        hound::WavReader::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let spec = reader.spec();
    if spec.channels == 0 || spec.bits_per_sample != 16 || spec.sample_rate % RATE != 0 {
        bail!("{} is not 16-bit at a multiple of 8 kHz", path.display());
    }
    let first_channel = reader.samples::<i16>().step_by(spec.channels.into());
    let samples = first_channel.collect::<Result<Vec<_>, _>>()?;
    let factor = (spec.sample_rate / RATE) as usize;
    let mean = |chunk: &[i16]| {
        let sum: i64 = chunk.iter().map(|sample| i64::from(*sample)).sum();
        i16::try_from(sum / chunk.len() as i64).unwrap_or_default()
    };
    Ok(samples.chunks(factor).map(mean).collect())
}
