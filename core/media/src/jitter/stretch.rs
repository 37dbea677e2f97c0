//! Making voice shorter or longer without changing its pitch: one pitch period is taken out or put in, with a crossfade as
//! long as the period (pitch-synchronous overlap-add).

/// Pitch periods looked for, in ms·2: 2.5 ms (400 Hz) to 15 ms (66 Hz).
const SHORTEST_HALF_MS: usize = 5;
const LONGEST_HALF_MS: usize = 30;
/// The coarse search runs near this rate.
const COARSE_RATE: usize = 8_000;
/// Quieter than −50 dBFS there is no pitch to disturb.
const SILENT_POWER: f32 = 104.0 * 104.0;

/// How alike neighbouring periods have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Only where nobody can hear it.
    Gentle,
    /// Where the delay has become a nuisance itself.
    Fast,
}

impl Care {
    const fn likeness(self) -> f32 {
        match self {
            Self::Gentle => 0.85,
            Self::Fast => 0.4,
        }
    }
}

/// Takes one pitch period out of the beginning of `voice` (`rate` Hz) and returns its length in samples; the rest has moved
/// up, and as many samples at the end are to be ignored. `None` if it would be heard: nothing is changed then.
pub(super) fn shorten(voice: &mut [i16], rate: u32, care: Care) -> Option<usize> {
    let period = period(voice, rate, care)?;
    for i in 0..period {
        let weight = (i + 1) as f32 / (period + 1) as f32;
        voice[i] = mix(voice[i], voice[period + i], weight);
    }
    voice.copy_within(2 * period.., period);
    Some(period)
}

/// Repeats the first pitch period of `voice` (`rate` Hz), whose last `room` samples are free to be overwritten, and returns
/// how many samples it has grown by. `None` if there is no room or it would be heard: nothing is changed then.
pub(super) fn lengthen(voice: &mut [i16], room: usize, rate: u32) -> Option<usize> {
    let length = voice.len() - room;
    let period = period(&voice[..length], rate, Care::Gentle).filter(|period| *period <= room)?;
    // Everything from the second period on moves back by one; the gap fades from that period into the first one.
    voice.copy_within(period..length, 2 * period);
    for i in 0..period {
        let weight = (i + 1) as f32 / (period + 1) as f32;
        voice[period + i] = mix(voice[2 * period + i], voice[i], weight);
    }
    Some(period)
}

fn mix(from: i16, to: i16, weight: f32) -> i16 {
    (f32::from(from) * (1.0 - weight) + f32::from(to) * weight) as i16
}

/// The pitch period at the beginning of `voice`, if two neighbouring ones are alike enough.
fn period(voice: &[i16], rate: u32, care: Care) -> Option<usize> {
    let half_ms = rate as usize / 2_000;
    let longest = (LONGEST_HALF_MS * half_ms).min(voice.len() / 2);
    let shortest = SHORTEST_HALF_MS * half_ms;
    if shortest == 0 || longest < shortest {
        return None;
    }
    let power =
        voice[..2 * longest].iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / (2 * longest) as f32;
    if power < SILENT_POWER {
        return Some(longest);
    }
    // Every `step`-th sample gives the neighbourhood, all of them the exact place.
    let step = (rate as usize / COARSE_RATE).max(1);
    let coarse = best((shortest..=longest).step_by(step), voice, longest, step)?.0;
    let near = coarse.saturating_sub(step).max(shortest)..=(coarse + step).min(longest);
    best(near, voice, longest, step.div_ceil(2))
        .filter(|(_, likeness)| *likeness >= care.likeness())
        .map(|(lag, _)| lag)
}

/// The lag at which `voice` resembles itself most, by normalised correlation over `window` samples.
fn best(
    lags: impl Iterator<Item = usize>,
    voice: &[i16],
    window: usize,
    step: usize,
) -> Option<(usize, f32)> {
    lags.map(|lag| {
        let (mut product, mut here, mut there) = (0.0_f32, 1.0_f32, 1.0_f32);
        for (a, b) in voice[..window].iter().step_by(step).zip(voice[lag..lag + window].iter().step_by(step))
        {
            let (a, b) = (f32::from(*a), f32::from(*b));
            product += a * b;
            here += a * a;
            there += b * b;
        }
        (lag, product / (here * there).sqrt())
    })
    .max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::{Care, lengthen, shorten};

    /// 125 Hz with harmonics: a period of 8 ms.
    fn vowel(rate: u32, ms: u32) -> Vec<i16> {
        (0..rate * ms / 1000)
            .map(|n| {
                let turn = f64::from(n) * 125.0 / f64::from(rate) * std::f64::consts::TAU;
                (1..=6).map(|k| (turn * f64::from(k)).sin() * 3_000.0 / f64::from(k)).sum::<f64>() as i16
            })
            .collect()
    }

    fn steepest(voice: &[i16]) -> i32 {
        voice.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap()
    }

    #[test]
    fn whole_periods_leave_and_enter_without_a_seam() {
        for rate in [8_000, 16_000, 48_000] {
            let original = vowel(rate, 40);
            let length = original.len();
            let mut shorter = original.clone();
            let removed = shorten(&mut shorter, rate, Care::Gentle).unwrap();
            assert_eq!(removed, rate as usize / 125);
            shorter.truncate(length - removed);
            assert!(steepest(&shorter) <= steepest(&original) + 2);
            assert_eq!(shorter[length - removed - 1], original[length - 1]);

            let mut longer = original.clone();
            longer.resize(2 * length, 0);
            let added = lengthen(&mut longer, length, rate).unwrap();
            assert_eq!(added, rate as usize / 125);
            longer.truncate(length + added);
            assert!(steepest(&longer) <= steepest(&original) + 2);
            assert_eq!((longer[0], longer[length + added - 1]), (original[0], original[length - 1]));
        }
    }

    #[test]
    fn what_has_no_pitch_stays_unless_it_is_silent() {
        let mut rng = doorstep_testkit::speech::Lcg::new(1);
        let mut noise: Vec<i16> = (0..320).map(|_| rng.between(-8_000.0, 8_000.0) as i16).collect();
        let before = noise.clone();
        assert_eq!(shorten(&mut noise, 8_000, Care::Gentle), None);
        assert_eq!(noise, before);
        assert_eq!(shorten(&mut vec![3; 320], 8_000, Care::Gentle), Some(120));
    }

    #[test]
    fn too_little_audio_or_room_is_no_crash() {
        for length in 0..50 {
            assert_eq!(shorten(&mut vec![1_000; length.min(39)], 8_000, Care::Fast), None);
            let mut voice = vowel(8_000, 40);
            assert!(lengthen(&mut voice, length.min(19), 8_000).is_none());
        }
    }
}
