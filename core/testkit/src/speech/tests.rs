use super::{INTELLIGIBLE, Lcg, first_audible_ms, similarity, synthetic_speech};

const RATE: u32 = 8_000;

fn silence(ms: u32) -> Vec<i16> {
    vec![0; (ms * RATE / 1000) as usize]
}

/// µ-law and back, by its formula (G.711's continuous curve): enough to stand for the codec here.
fn companded(signal: &[i16]) -> Vec<i16> {
    let through = |s: &i16| {
        let x = f64::from(*s) / 32_768.0;
        let squeezed = (x.signum() * (1.0 + 255.0 * x.abs()).ln() / 256.0_f64.ln() * 127.0).round() / 127.0;
        (squeezed.signum() * (256.0_f64.powf(squeezed.abs()) - 1.0) / 255.0 * 32_767.0) as i16
    };
    signal.iter().map(through).collect()
}

fn noisy(signal: &[i16], amplitude: f64) -> Vec<i16> {
    let mut rng = Lcg::new(99);
    signal.iter().map(|s| s.saturating_add(rng.between(-amplitude, amplitude) as i16)).collect()
}

#[test]
fn a_copy_scores_one_wherever_it_lies() {
    let source = synthetic_speech(1, RATE, 4_000);
    for start in [0, 730, 12_345] {
        let recording = [silence(start), source.clone(), silence(900)].concat();
        let found = similarity(&source, &recording, RATE);
        assert!(found.score > 0.99, "{found:?}");
        assert_eq!(found.lag_ms, i64::from(start));
        let first = found.first_speech_ms.unwrap();
        let expected = u64::from(start) + first_audible_ms(&source, RATE, 0).unwrap();
        assert!(first.abs_diff(expected) <= 20, "{first} for {expected}");
    }
}

#[test]
fn mu_law_noise_and_a_lower_level_still_score_high() {
    let source = synthetic_speech(2, RATE, 4_000);
    let quiet: Vec<i16> = companded(&source).iter().map(|s| s / 4).collect();
    let recording = [silence(2_000), noisy(&quiet, 40.0)].concat();
    let found = similarity(&source, &recording, RATE);
    assert!(found.score > 0.95, "{found:?}");
}

#[test]
fn a_wandering_delay_is_tolerated() {
    let source = synthetic_speech(3, RATE, 6_000);
    let mut recording = silence(1_000);
    for (i, part) in source.chunks(RATE as usize).enumerate() {
        recording.extend(part);
        // A jitter buffer that grows by 60 ms in a second, each time by repeating what it has.
        recording.extend(&part[part.len() - 480..]);
        assert!(i < 6);
    }
    let found = similarity(&source, &recording, RATE);
    assert!(found.score > 0.8, "{found:?}");
}

#[test]
fn gaps_cost_what_they_take() {
    let source = synthetic_speech(4, RATE, 6_000);
    let mut recording = [silence(500), source.clone()].concat();
    for second in recording.chunks_mut(RATE as usize) {
        second[..RATE as usize / 8].fill(0);
    }
    let light = similarity(&source, &recording, RATE).score;
    assert!(light > INTELLIGIBLE, "{light}");
    let half = recording.len() / 2;
    recording[half..].fill(0);
    let heavy = similarity(&source, &recording, RATE).score;
    assert!(heavy < light - 0.2 && heavy < INTELLIGIBLE, "{heavy}");
}

#[test]
fn other_speech_noise_and_silence_score_low() {
    let source = synthetic_speech(5, RATE, 5_000);
    for other in 10..16 {
        let foreign = similarity(&source, &synthetic_speech(other, RATE, 9_000), RATE);
        assert!(foreign.score < 0.35, "seed {other}: {foreign:?}");
    }
    let noise = similarity(&source, &noisy(&silence(9_000), 8_000.0), RATE);
    assert!(noise.score < 0.2, "{noise:?}");
    assert_eq!(similarity(&source, &silence(9_000), RATE).score, 0.0);
    assert_eq!(similarity(&source, &[], RATE).score, 0.0);
    assert_eq!(similarity(&silence(5_000), &source, RATE).score, 0.0);
}

#[test]
fn a_cut_beginning_gives_a_negative_lag_and_speech_at_once() {
    let source = synthetic_speech(6, RATE, 6_000);
    let found = similarity(&source, &source[RATE as usize..], RATE);
    assert_eq!(found.lag_ms, -1_000);
    assert!(found.score > 0.75, "{found:?}");
    assert!(found.first_speech_ms.unwrap() < 400, "{found:?}");
}

#[test]
fn a_ringing_tone_before_the_speech_is_not_the_speech() {
    let source = synthetic_speech(7, RATE, 4_000);
    let tone: Vec<i16> = (0..RATE)
        .map(|n| ((f64::from(n) * 425.0 / f64::from(RATE) * std::f64::consts::TAU).sin() * 6_000.0) as i16)
        .collect();
    let recording = [tone, silence(3_000), source.clone()].concat();
    let found = similarity(&source, &recording, RATE);
    assert_eq!(first_audible_ms(&recording, RATE, 0), Some(0));
    assert!(found.first_speech_ms.unwrap() >= 4_000, "{found:?}");
}

#[test]
fn wideband_rates_work_as_well() {
    let source = synthetic_speech(8, 48_000, 3_000);
    let recording = [vec![0; 48_000], source.clone()].concat();
    let found = similarity(&source, &recording, 48_000);
    assert!(found.score > 0.99, "{found:?}");
    assert_eq!(found.lag_ms, 1_000);
}
