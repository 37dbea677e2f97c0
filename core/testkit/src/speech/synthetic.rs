//! Speech-like sound for tests that must not depend on recordings.

/// A linear congruential generator: the same sound everywhere from the same seed.
#[derive(Debug, Clone)]
pub struct Lcg(u64);

impl Lcg {
    /// A sequence of its own per `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}

/// `ms` milliseconds of mono sound at `rate` Hz with what matters in speech: a glottal pulse train of wandering pitch
/// through three moving formants, hissing consonants, syllables and pauses. Each `seed` speaks other "words". The level
/// peaks near −6 dBFS.
#[must_use]
pub fn synthetic_speech(seed: u64, rate: u32, ms: u32) -> Vec<i16> {
    let total = ms as usize * rate as usize / 1000;
    let mut rng = Lcg::new(seed);
    let mut voice = Voice::new(rate, rng.between(90.0, 210.0));
    let mut out = Vec::with_capacity(total);
    while out.len() < total {
        for _ in 0..2 + (rng.unit() * 4.0) as usize {
            voice.consonant(&mut rng, &mut out);
            voice.vowel(&mut rng, &mut out);
        }
        let pause = rng.between(0.12, 0.4) * f64::from(rate);
        out.extend(std::iter::repeat_n(0.0, pause as usize));
    }
    out.truncate(total);
    let peak = out.iter().fold(1e-9_f64, |peak, x| peak.max(x.abs()));
    out.iter().map(|x| (x / peak * 16_000.0) as i16).collect()
}

struct Voice {
    rate: f64,
    pitch: f64,
    phase: f64,
    formants: [Resonator; 3],
}

impl Voice {
    fn new(rate: u32, pitch: f64) -> Self {
        Self { rate: f64::from(rate), pitch, phase: 0.0, formants: [Resonator::default(); 3] }
    }

    fn vowel(&mut self, rng: &mut Lcg, out: &mut Vec<f64>) {
        let length = (rng.between(0.08, 0.22) * self.rate) as usize;
        let centres = [rng.between(280.0, 800.0), rng.between(900.0, 2_200.0), rng.between(2_300.0, 3_100.0)];
        let pitch = self.pitch * rng.between(0.85, 1.25);
        let glide = rng.between(-0.2, 0.2);
        let loudness = rng.between(0.5, 1.0);
        for n in 0..length {
            let place = n as f64 / length as f64;
            self.phase += pitch * (1.0 + glide * place) / self.rate;
            let pulse = if self.phase >= 1.0 {
                self.phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let breath = 0.01 * rng.between(-1.0, 1.0);
            let mut sum = 0.0;
            for (i, (formant, centre)) in self.formants.iter_mut().zip(centres).enumerate() {
                let width = 60.0 + 30.0 * i as f64;
                sum += formant.step(pulse + breath, centre, width, self.rate) / (1.0 + i as f64);
            }
            out.push(sum * loudness * envelope(place));
        }
    }

    fn consonant(&mut self, rng: &mut Lcg, out: &mut Vec<f64>) {
        let length = (rng.between(0.03, 0.09) * self.rate) as usize;
        let centre = rng.between(1_500.0, 3_500.0);
        let mut hiss = Resonator::default();
        for n in 0..length {
            let noise = rng.between(-1.0, 1.0);
            let place = n as f64 / length as f64;
            out.push(0.02 * hiss.step(noise, centre, 900.0, self.rate) * envelope(place));
        }
    }
}

fn envelope(place: f64) -> f64 {
    (std::f64::consts::PI * place).sin().sqrt()
}

/// A two-pole resonance.
#[derive(Debug, Clone, Copy, Default)]
struct Resonator {
    y1: f64,
    y2: f64,
}

impl Resonator {
    fn step(&mut self, x: f64, centre: f64, width: f64, rate: f64) -> f64 {
        let radius = (-std::f64::consts::PI * width / rate).exp();
        let turn = (std::f64::consts::TAU * centre / rate).cos();
        let y = x + 2.0 * radius * turn * self.y1 - radius * radius * self.y2;
        (self.y1, self.y2) = (y, self.y1);
        y
    }
}
