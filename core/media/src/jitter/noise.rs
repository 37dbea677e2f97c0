//! Comfort noise: what is heard when the far side has sent nothing for long, as loud as the background before.

/// Never louder than −46 dBFS.
const LOUDEST: f32 = 160.0;
/// Until something was heard: −66 dBFS, just enough to show that the line is alive.
const AT_FIRST: f32 = 16.0;
/// How fast the background estimate rises per frame of speech: doubled in about 3 s.
const RISE: f32 = 1.005;

#[derive(Debug)]
pub(super) struct ComfortNoise {
    /// Level of the background, as RMS of 16-bit samples.
    level: f32,
    state: u32,
    smoothed: f32,
}

impl ComfortNoise {
    pub(super) const fn new() -> Self {
        Self { level: AT_FIRST, state: 0x2545_F491, smoothed: 0.0 }
    }

    /// Learns the background from a frame of received audio: the quietest frames tell it.
    pub(super) fn listen(&mut self, pcm: &[i16]) {
        let power = pcm.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / pcm.len().max(1) as f32;
        self.level = power.sqrt().min(self.level * RISE + 0.01).min(LOUDEST);
    }

    /// Makes one sample.
    pub(super) fn sample(&mut self) -> f32 {
        // Xorshift: noise needs no better chance, and the same input must give the same output.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let white = (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        // A gentle low-pass: white noise hisses more than rooms do. 3 makes up for what it and the distribution take.
        self.smoothed += 0.5 * (white - self.smoothed);
        self.smoothed * self.level * 3.0
    }
}
