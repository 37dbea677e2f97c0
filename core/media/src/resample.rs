//! Changing the sampling rate of mono voice, 10 ms at a time, by `rubato`'s FFT resampler.
//!
//! The delay is 5 ms, nothing where both rates are equal. Processing does not allocate.

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::SequentialSlice};

/// Audio goes through in blocks of this length, milliseconds.
pub const BLOCK_MS: u32 = 10;
const BLOCKS_PER_SECOND: u32 = 1000 / BLOCK_MS;

/// Highest rate of a sound device taken, Hz.
pub const MAX_RATE: u32 = 192_000;

/// Why audio could not be resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// A rate is zero, above [`MAX_RATE`], or not a whole number of samples in 10 ms.
    #[error("sampling rate not supported")]
    Rate,
    /// The frames are not a whole number of blocks of 10 ms, or the output does not last as long as the input.
    #[error("frame length does not fit the sampling rates")]
    Length,
}

/// A resampler between two fixed rates.
pub struct Resampler {
    from: u32,
    to: u32,
    /// `None` where both rates are equal.
    engine: Option<Engine>,
}

struct Engine {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// From `from` Hz to `to` Hz.
    ///
    /// # Errors
    /// [`ResampleError::Rate`].
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        let (input, output) = (block(from)?, block(to)?);
        let engine = if from == to {
            None
        } else {
            let fft = Fft::new_custom(
                from as usize,
                to as usize,
                input,
                1,
                1,
                rubato::WindowFunction::BlackmanHarris2,
                FixedSync::Both,
            )
            .map_err(|_| ResampleError::Rate)?;
            if fft.input_frames_next() != input || fft.output_frames_next() != output {
                return Err(ResampleError::Rate);
            }
            Some(Engine { fft, input: vec![0.0; input], output: vec![0.0; output] })
        };
        Ok(Self { from, to, engine })
    }

    /// Rate of what goes in, Hz.
    #[must_use]
    pub const fn from_rate(&self) -> u32 {
        self.from
    }

    /// Rate of what comes out, Hz.
    #[must_use]
    pub const fn to_rate(&self) -> u32 {
        self.to
    }

    /// Resamples a frame of one or more blocks of 10 ms into `output`, which lasts exactly as long.
    ///
    /// # Errors
    /// [`ResampleError::Length`]; nothing is processed then.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> Result<(), ResampleError> {
        let (from, to) = (block(self.from)?, block(self.to)?);
        if !input.len().is_multiple_of(from) || input.len() / from * to != output.len() {
            return Err(ResampleError::Length);
        }
        let Some(engine) = &mut self.engine else {
            output.copy_from_slice(input);
            return Ok(());
        };
        for (input, output) in input.chunks_exact(from).zip(output.chunks_exact_mut(to)) {
            engine.process(input, output)?;
        }
        Ok(())
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.fft.reset();
        }
    }
}

impl Engine {
    fn process(&mut self, input: &[i16], output: &mut [i16]) -> Result<(), ResampleError> {
        for (float, sample) in self.input.iter_mut().zip(input) {
            *float = f32::from(*sample);
        }
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let from = SequentialSlice::new(&self.input, 1, frames_in).map_err(|_| ResampleError::Length)?;
        let mut to =
            SequentialSlice::new_mut(&mut self.output, 1, frames_out).map_err(|_| ResampleError::Length)?;
        self.fft.process_into_buffer(&from, &mut to, None).map_err(|_| ResampleError::Length)?;
        for (sample, float) in output.iter_mut().zip(&self.output) {
            // `as` saturates: what overshoots is clipped.
            *sample = float.round() as i16;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

/// Samples in a block.
const fn block(rate: u32) -> Result<usize, ResampleError> {
    if rate == 0 || rate > MAX_RATE || !rate.is_multiple_of(BLOCKS_PER_SECOND) {
        return Err(ResampleError::Rate);
    }
    Ok((rate / BLOCKS_PER_SECOND) as usize)
}

#[cfg(test)]
mod tests {
    use doorstep_testkit::speech::{similarity, synthetic_speech};

    use super::{ResampleError, Resampler};

    fn tone(rate: u32, hz: f64, ms: u32) -> Vec<i16> {
        (0..rate * ms / 1000)
            .map(|n| ((f64::from(n) * hz / f64::from(rate) * std::f64::consts::TAU).sin() * 10_000.0) as i16)
            .collect()
    }

    fn resampled(input: &[i16], from: u32, to: u32, frame_ms: u32) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut frame = vec![0; (to * frame_ms / 1000) as usize];
        let mut output = Vec::new();
        for input in input.chunks_exact((from * frame_ms / 1000) as usize) {
            resampler.process(input, &mut frame).unwrap();
            output.extend(&frame);
        }
        output
    }

    fn rms(pcm: &[i16]) -> f64 {
        (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
    }

    #[test]
    fn a_voice_stays_itself_between_all_rates_and_frame_lengths() {
        for (from, to) in [
            (48_000, 8_000),
            (8_000, 48_000),
            (48_000, 16_000),
            (44_100, 48_000),
            (48_000, 44_100),
            (8_000, 16_000),
            (48_000, 48_000),
        ] {
            for frame_ms in [10, 20] {
                let speech = synthetic_speech(1, from, 3_000);
                // There and back, so that it can be compared with itself.
                let back = resampled(&resampled(&speech, from, to, frame_ms), to, from, frame_ms);
                let found = similarity(&speech, &back, from);
                assert!(found.score > 0.95, "{from} {to}: {found:?}");
                assert!((0..=11).contains(&found.lag_ms), "{from} {to}: {found:?}");
            }
        }
    }

    #[test]
    fn a_tone_keeps_its_level_and_what_the_lower_rate_cannot_hold_is_gone() {
        let low = resampled(&tone(48_000, 1_000.0, 500), 48_000, 8_000, 10);
        assert!((rms(&low[800..]) - 7_071.0).abs() < 100.0, "{}", rms(&low[800..]));
        let high = resampled(&tone(48_000, 6_000.0, 500), 48_000, 8_000, 10);
        assert!(rms(&high[800..]) < 30.0, "{}", rms(&high[800..]));
    }

    #[test]
    fn loud_audio_is_clipped_and_not_wrapped() {
        let square: Vec<i16> =
            (0..4_800).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let output = resampled(&square, 48_000, 44_100, 10);
        // Overshoot that wrapped around would change the sign within a half wave of 36.75 samples.
        let changes: Vec<usize> =
            (1_001..output.len()).filter(|i| (output[*i] < 0) != (output[i - 1] < 0)).collect();
        assert!(changes.windows(2).all(|w| (36..=38).contains(&(w[1] - w[0]))), "{changes:?}");
    }

    #[test]
    fn wrong_rates_and_lengths_are_told() {
        for rate in [0, 11_025, 22_050, 400_000] {
            assert_eq!(Resampler::new(rate, 48_000).err(), Some(ResampleError::Rate));
        }
        let mut resampler = Resampler::new(48_000, 8_000).unwrap();
        assert_eq!(resampler.process(&[0; 480], &mut [0; 81]), Err(ResampleError::Length));
        assert_eq!(resampler.process(&[0; 100], &mut [0; 0]), Err(ResampleError::Length));
        assert_eq!(resampler.process(&[0; 960], &mut [0; 160]), Ok(()));
    }
}
