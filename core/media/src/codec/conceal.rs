//! Covering for lost G.711: the last pitch periods are repeated and faded, in the spirit of ITU-T G.711 Appendix I.
//!
//! Unlike the appendix this adds no delay: instead of holding back the last samples to overlap them with what is made up,
//! the step at the seam is measured and faded away.

/// Shortest pitch period looked for: 5 ms (200 Hz) at 8 kHz.
const SHORTEST: usize = 40;
/// Longest pitch period looked for: 15 ms (66 Hz).
const LONGEST: usize = 120;
/// Length of audio that is compared in the search: 20 ms.
const COMPARED: usize = 160;
/// Three of the longest periods and what an overlap at their start needs.
const HISTORY: usize = 3 * LONGEST + LONGEST / 4;
/// Audio made up at full level: 10 ms. Then it fades to nothing within another 50 ms.
const FULL: usize = 80;
const FADE: usize = 400;
/// The step at the seam is faded over 2 ms.
const SEAM: usize = 16;
/// Overlap with the first audio received again: 5 ms, and more after a longer loss, up to 10 ms.
const SHORT_OVERLAP: usize = 40;
const LONG_OVERLAP: usize = 80;

/// Remembers the last audio received and continues it when nothing comes.
#[derive(Debug, Clone)]
pub struct Concealer {
    /// The latest audio that was really received, oldest first.
    history: [i16; HISTORY],
    /// One to three pitch periods that are being repeated, from the history's end.
    cycle: [f32; 3 * LONGEST],
    pitch: usize,
    periods: usize,
    /// Place in the cycle.
    place: usize,
    /// The step at the seam, to be faded away.
    step: f32,
    /// Samples made up since audio was last received; 0 while it comes.
    made: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self {
            history: [0; HISTORY],
            cycle: [0.0; 3 * LONGEST],
            pitch: SHORTEST,
            periods: 1,
            place: 0,
            step: 0.0,
            made: 0,
        }
    }
}

impl Concealer {
    /// Takes note of received audio; the first after a loss is joined to what was made up.
    pub(super) fn received(&mut self, pcm: &mut [i16]) {
        if self.made > 0 {
            let overlap = if self.made > FULL { LONG_OVERLAP } else { SHORT_OVERLAP }.min(pcm.len());
            for (i, sample) in pcm.iter_mut().take(overlap).enumerate() {
                let weight = (i + 1) as f32 / (overlap + 1) as f32;
                *sample = (f32::from(*sample) * weight + self.next() * (1.0 - weight)) as i16;
            }
            self.made = 0;
        }
        let kept = pcm.len().min(HISTORY);
        self.history.copy_within(kept.., 0);
        self.history[HISTORY - kept..].copy_from_slice(&pcm[pcm.len() - kept..]);
    }

    /// Makes up audio.
    pub(super) fn conceal(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            *sample = self.next() as i16;
        }
    }

    fn next(&mut self) -> f32 {
        if self.made == 0 {
            self.begin();
        } else if self.made.is_multiple_of(FULL) && self.periods < 3 {
            // Repeating one period for long sounds like a buzzer: take in one more every 10 ms.
            self.repeat(self.periods + 1);
        }
        let seam = self.step * (1.0 - self.made as f32 / SEAM as f32).max(0.0);
        let gain = 1.0 - (self.made.saturating_sub(FULL) as f32 / FADE as f32).min(1.0);
        let sample = (self.cycle[self.place] + seam) * gain;
        self.place = (self.place + 1) % (self.periods * self.pitch);
        self.made += 1;
        sample
    }

    fn begin(&mut self) {
        self.pitch = self.find_pitch();
        self.place = 0;
        self.repeat(1);
        // What came before the first repeated sample in its own time, against what comes before it now.
        let before = self.history[HISTORY - self.pitch - 1];
        self.step = f32::from(self.history[HISTORY - 1]) - f32::from(before);
    }

    /// Fills the cycle with the last `periods` periods, its end bent towards what came before its beginning. The place
    /// in the pitch period stays.
    fn repeat(&mut self, periods: usize) {
        self.periods = periods;
        let length = periods * self.pitch;
        self.place = if self.made == 0 { 0 } else { length - self.pitch + self.place % self.pitch };
        let start = HISTORY - length;
        let bend = self.pitch / 4;
        for i in 0..length {
            let mut value = f32::from(self.history[start + i]);
            if let Some(into) = (i + bend).checked_sub(length) {
                let weight = (into + 1) as f32 / (bend + 1) as f32;
                value = value * (1.0 - weight) + f32::from(self.history[start + i - length]) * weight;
            }
            self.cycle[i] = value;
        }
    }

    /// The lag at which the last 20 ms resemble what came before.
    fn find_pitch(&self) -> usize {
        let recent = &self.history[HISTORY - COMPARED..];
        let mut best = (SHORTEST, f32::MIN);
        for lag in SHORTEST..=LONGEST {
            let earlier = &self.history[HISTORY - COMPARED - lag..HISTORY - lag];
            let (mut product, mut energy) = (0.0, 1.0);
            for (a, b) in recent.iter().zip(earlier) {
                product += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            let likeness = product / f32::sqrt(energy);
            if likeness > best.1 {
                best = (lag, likeness);
            }
        }
        best.0
    }
}
