//! How well a recording holds a given piece of speech: the judge of "they could understand each other".
//!
//! The source is cut into pieces of a quarter second. A vote of all pieces finds where in the recording the source lies;
//! each piece is then looked for around that place, and the score is the mean of their normalised cross-correlations,
//! weighted by the pieces' energy. So the judge tolerates a late start, a change of level, codecs, and a delay that
//! wanders by up to [`WANDER_MS`] (a jitter buffer at work), but not noise, other speech, or missing words.
//!
//! It does not judge naturalness as PESQ or POLQA do, and it needs the waveform: a vocoder that resynthesises speech would
//! score low.

mod fft;
mod search;
mod synthetic;

pub use synthetic::{Lcg, synthetic_speech};

use search::{Hit, Pieces};

/// How far the delay may wander within one recording, in milliseconds to either side.
pub const WANDER_MS: u32 = 500;

/// Scores from here on mean that a listener understood what was said: transparent codecs score above 0.9, a narrowband
/// call with a few lost packets above 0.7, foreign speech below 0.35 (of the same speaker, too).
pub const INTELLIGIBLE: f64 = 0.6;

/// The work is done near this rate; voice has its energy below 4 kHz, and so has every codec that matters here.
const WORKING_RATE: u32 = 8_000;
/// Long enough that foreign speech does not match by chance, short enough to bear a stretched or cut pause.
const PIECE_MS: u32 = 250;
/// A piece found this well is the source and not chance.
const FOUND: f64 = 0.75;
/// Level under which a 20 ms frame is silence: −50 dBFS.
const AUDIBLE_RMS: f64 = 104.0;

/// What [`similarity`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// 0 (nothing of the source in the recording) to 1 (all of it, undistorted).
    pub score: f64,
    /// Where the source's first sample lies in the recording, in milliseconds; negative when its beginning was cut off.
    /// 0 when nothing was found.
    pub lag_ms: i64,
    /// Where the source is first heard in the recording, in milliseconds from the recording's start. `None` if no part of
    /// it is there for certain; chance when the score is low.
    pub first_speech_ms: Option<u64>,
}

impl Similarity {
    const NONE: Self = Self { score: 0.0, lag_ms: 0, first_speech_ms: None };

    /// Whether a listener would have understood the source: [`INTELLIGIBLE`] or better.
    #[must_use]
    pub fn is_intelligible(&self) -> bool {
        self.score >= INTELLIGIBLE
    }
}

/// Looks for `source` in `recording`, both mono at `rate` Hz.
///
/// The source must hold at least half a second of speech; a shorter or silent one scores 0. The search time grows with
/// the product of both lengths: a few seconds of source in a minute of recording take about a second.
#[must_use]
pub fn similarity(source: &[i16], recording: &[i16], rate: u32) -> Similarity {
    let factor = (rate / WORKING_RATE).max(1);
    let working_rate = rate / factor;
    let pieces = Pieces::cut(search::band(source, factor), samples(PIECE_MS, working_rate));
    let heard = search::band(recording, factor);
    if pieces.is_empty() || heard.is_empty() {
        return Similarity::NONE;
    }
    let hits = search::everywhere(&pieces, &heard, FOUND);
    let wander = samples(WANDER_MS, working_rate);
    let Some(lag) = search::vote(&pieces, &hits, wander) else { return Similarity::NONE };
    let score = search::around(&pieces, &heard, lag, wander);
    Similarity {
        score,
        lag_ms: milliseconds(lag, working_rate),
        first_speech_ms: first_speech(&hits, recording, rate, working_rate),
    }
}

/// The first audible sound in `recording` (mono, `rate` Hz) at or after `from_ms`, whatever it is: the start of the first
/// 20 ms frame above −50 dBFS that is followed by another one.
#[must_use]
pub fn first_audible_ms(recording: &[i16], rate: u32, from_ms: u64) -> Option<u64> {
    let frame = samples(20, rate).max(1);
    let first = (from_ms / 20) as usize;
    let audible = |frame: &[i16]| {
        let energy: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
        (energy / frame.len() as f64).sqrt() >= AUDIBLE_RMS
    };
    let loud: Vec<bool> = recording.chunks_exact(frame).skip(first).map(audible).collect();
    let onset = loud.windows(2).position(|pair| pair[0] && pair[1])?;
    Some((first + onset) as u64 * 20)
}

/// The earliest place where a piece of the source is, moved back to the onset of sound before it: the piece itself starts
/// a little after the source's own onset.
fn first_speech(hits: &[Hit], recording: &[i16], rate: u32, working_rate: u32) -> Option<u64> {
    let earliest = hits.iter().filter_map(|hit| hit.earliest).min()?;
    let found = earliest as u64 * 1000 / u64::from(working_rate);
    first_audible_ms(recording, rate, found.saturating_sub(u64::from(PIECE_MS)))
}

const fn samples(ms: u32, rate: u32) -> usize {
    (ms as usize * rate as usize) / 1000
}

fn milliseconds(samples: i64, rate: u32) -> i64 {
    samples * 1000 / i64::from(rate)
}

#[cfg(test)]
mod tests;
