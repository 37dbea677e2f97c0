//! Finding pieces of one signal in another by normalised cross-correlation.

use super::fft::{Complex, Fft};

/// Pieces quieter than this share of the loudest are pauses and say nothing.
const PAUSE: f64 = 0.003;

/// Brings 16-bit samples down by `factor` in rate, without the lows (hum, offset) that correlate by chance.
pub(super) fn band(input: &[i16], factor: u32) -> Vec<f64> {
    let decimated = decimate(input, factor as usize);
    // y[n] = x[n] − 0.7 x[n−1]: flattens speech's falling spectrum so that the formants decide and not the pitch.
    let mut last = 0.0;
    decimated
        .into_iter()
        .map(|x| {
            let y = x - 0.7 * last;
            last = x;
            y
        })
        .collect()
}

fn decimate(input: &[i16], factor: usize) -> Vec<f64> {
    if factor == 1 {
        return input.iter().map(|s| f64::from(*s)).collect();
    }
    // A Hann-windowed sinc with its edge at 0.45 of the new rate.
    let half = 8 * factor as i64;
    let taps: Vec<f64> = (-half..=half)
        .map(|n| {
            let x = 0.9 * n as f64 / factor as f64;
            let sinc =
                if n == 0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            let window = 0.5 + 0.5 * (std::f64::consts::PI * n as f64 / (half + 1) as f64).cos();
            0.9 / factor as f64 * sinc * window
        })
        .collect();
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| input.get(i)).map_or(0.0, |s| f64::from(*s));
    (0..input.len() / factor)
        .map(|n| {
            let centre = (n * factor) as i64;
            taps.iter().zip(centre - half..).map(|(tap, i)| tap * at(i)).sum()
        })
        .collect()
}

/// The source in pieces of equal length.
pub(super) struct Pieces {
    signal: Vec<f64>,
    length: usize,
    /// Start and energy of each piece that is not a pause.
    spoken: Vec<(usize, f64)>,
}

impl Pieces {
    pub(super) fn cut(signal: Vec<f64>, length: usize) -> Self {
        let energies: Vec<(usize, f64)> = signal
            .chunks_exact(length)
            .enumerate()
            .map(|(i, piece)| (i * length, piece.iter().map(|x| x * x).sum()))
            .collect();
        let loudest = energies.iter().map(|(_, e)| *e).fold(0.0, f64::max);
        let spoken: Vec<_> =
            energies.into_iter().filter(|(_, e)| *e > 0.0 && *e >= PAUSE * loudest).collect();
        Self { signal, length, spoken }
    }

    /// Fewer than two pieces cannot be told from chance.
    pub(super) fn is_empty(&self) -> bool {
        self.spoken.len() < 2
    }

    fn piece(&self, start: usize) -> &[f64] {
        &self.signal[start..start + self.length]
    }
}

/// Where one piece was found in the whole recording.
pub(super) struct Hit {
    /// Best place, as a sample index of the recording.
    place: usize,
    /// Normalised correlation there, 0–1.
    correlation: f64,
    /// First place that is as good as certain, if any.
    pub(super) earliest: Option<usize>,
}

/// Looks for each piece in the whole of `heard`; a correlation of `found` counts as certain.
pub(super) fn everywhere(pieces: &Pieces, heard: &[f64], found: f64) -> Vec<Hit> {
    let fft = Fft::new(heard.len() + pieces.length);
    let mut spectrum = vec![Complex::default(); fft.size()];
    for (point, x) in spectrum.iter_mut().zip(heard) {
        point.re = *x;
    }
    fft.forward(&mut spectrum);
    let energy = Energy::new(heard);
    let mut work = vec![Complex::default(); fft.size()];
    let mut hits = Vec::with_capacity(pieces.spoken.len());
    // Two pieces per transform, one as the real part and one as the imaginary.
    for pair in pieces.spoken.chunks(2) {
        work.fill(Complex::default());
        for (i, x) in pieces.piece(pair[0].0).iter().enumerate() {
            work[reversed(i, fft.size())].re = *x;
        }
        if let Some((start, _)) = pair.get(1) {
            for (i, x) in pieces.piece(*start).iter().enumerate() {
                work[reversed(i, fft.size())].im = *x;
            }
        }
        fft.forward(&mut work);
        for (a, b) in work.iter_mut().zip(&spectrum) {
            *a = a.times(*b);
        }
        fft.inverse(&mut work);
        for (second, (_, piece_energy)) in pair.iter().enumerate() {
            let value = |point: &Complex| if second == 0 { point.re } else { point.im };
            let mut hit = Hit { place: 0, correlation: 0.0, earliest: None };
            for (place, point) in work.iter().take(heard.len()).enumerate() {
                let correlation = value(point) / energy.norm(place, pieces.length, *piece_energy);
                if correlation > hit.correlation {
                    hit.place = place;
                    hit.correlation = correlation;
                }
                if correlation >= found && hit.earliest.is_none() {
                    hit.earliest = Some(place);
                }
            }
            hits.push(hit);
        }
    }
    hits
}

/// Where the source as a whole starts in the recording (possibly before its first sample): the lag, within `wander` of
/// which lie most of the hits, weighed by how loud and how good they are.
pub(super) fn vote(pieces: &Pieces, hits: &[Hit], wander: usize) -> Option<i64> {
    let mut lags: Vec<(i64, f64)> = pieces
        .spoken
        .iter()
        .zip(hits)
        .map(|((start, energy), hit)| {
            (hit.place as i64 - *start as i64, energy.sqrt() * hit.correlation.powi(4))
        })
        .collect();
    lags.sort_by_key(|(lag, _)| *lag);
    let supporters = |centre: i64| lags.iter().filter(move |(lag, _)| (lag - centre).abs() <= wander as i64);
    let weight = |centre: i64| supporters(centre).map(|(_, weight)| weight).sum::<f64>();
    let (best, total) =
        lags.iter().map(|(lag, _)| (*lag, weight(*lag))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if total <= 0.0 {
        return None;
    }
    // The weighted median of those in the window: an outlier at its edge does not move it.
    let mut sum = 0.0;
    supporters(best)
        .find(|(_, weight)| {
            sum += weight;
            sum >= total / 2.0
        })
        .map(|(lag, _)| *lag)
}

/// The energy-weighted mean of each piece's best correlation within `wander` of where `lag` says it is.
pub(super) fn around(pieces: &Pieces, heard: &[f64], lag: i64, wander: usize) -> f64 {
    let energy = Energy::new(heard);
    let mut sum = 0.0;
    let mut weights = 0.0;
    for (start, piece_energy) in &pieces.spoken {
        let piece = pieces.piece(*start);
        let centre = *start as i64 + lag;
        let from = (centre - wander as i64).max(0) as usize;
        let until = (centre + wander as i64).clamp(0, heard.len() as i64) as usize;
        let best = (from..until)
            .map(|place| {
                let product: f64 = piece.iter().zip(&heard[place..]).map(|(a, b)| a * b).sum();
                product / energy.norm(place, pieces.length, *piece_energy)
            })
            .fold(0.0, f64::max);
        // The square root keeps a few loud vowels from deciding alone.
        let weight = piece_energy.sqrt();
        sum += weight * best.min(1.0);
        weights += weight;
    }
    sum / weights
}

/// Running sums, so that the energy of any stretch is one subtraction.
struct Energy(Vec<f64>);

impl Energy {
    fn new(signal: &[f64]) -> Self {
        let mut sum = 0.0;
        let sums = signal.iter().map(|x| {
            sum += x * x;
            sum
        });
        Self(std::iter::once(0.0).chain(sums).collect())
    }

    /// √(energy of the stretch × `other`), never so small that rounding noise in digital silence counts as a match.
    fn norm(&self, start: usize, length: usize, other: f64) -> f64 {
        let end = (start + length).min(self.0.len() - 1);
        let stretch = self.0[end] - self.0[start];
        (stretch.max(length as f64) * other).sqrt()
    }
}

/// Index −`i` of a circular array.
const fn reversed(i: usize, size: usize) -> usize {
    (size - i) % size
}
