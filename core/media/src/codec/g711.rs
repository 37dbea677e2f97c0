//! ITU-T G.711: 8-bit companding of 8 kHz speech, µ-law and A-law.
//!
//! The tables 1a–2b of the recommendation are straight lines of eight segments, each twice as steep as the one before, so
//! a code is a sign, a segment and four bits of mantissa. 16-bit samples are the recommendation's uniform values times 4
//! (µ-law, 14 bits) or times 8 (A-law, 13 bits).

use crate::sdp::Codec;

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// µ-law (North America, Japan): PCMU.
    Mu,
    /// A-law (elsewhere): PCMA.
    A,
}

impl Law {
    /// The codec that uses it.
    #[must_use]
    pub const fn codec(self) -> Codec {
        match self {
            Self::Mu => Codec::Pcmu,
            Self::A => Codec::Pcma,
        }
    }

    /// The code of digital silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => mu_encode(0),
            Self::A => a_encode(0),
        }
    }

    /// Encodes sample by sample; both slices are equally long, or the shorter one counts.
    pub fn encode(self, pcm: &[i16], codes: &mut [u8]) {
        let one = match self {
            Self::Mu => mu_encode,
            Self::A => a_encode,
        };
        for (code, sample) in codes.iter_mut().zip(pcm) {
            *code = one(*sample);
        }
    }

    /// Decodes sample by sample; both slices are equally long, or the shorter one counts.
    pub fn decode(self, codes: &[u8], pcm: &mut [i16]) {
        let one = match self {
            Self::Mu => mu_decode,
            Self::A => a_decode,
        };
        for (sample, code) in pcm.iter_mut().zip(codes) {
            *sample = one(*code);
        }
    }
}

/// Shifts the segments' edges onto powers of two (33 in the recommendation's 14-bit values).
const MU_BIAS: u16 = 33 << 2;
/// Beyond this a sample with bias would not fit the highest segment.
const MU_CLIP: u16 = 0x7FFF - MU_BIAS;

const fn mu_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let biased = if magnitude > MU_CLIP { 0x7FFF } else { magnitude + MU_BIAS };
    let segment = 8 - biased.leading_zeros() as u8;
    let mantissa = (biased >> (segment + 3)) as u8 & 0x0F;
    // All bits inverted, so that silence is rich in ones on the line.
    !(sign | segment << 4 | mantissa)
}

const fn mu_decode(code: u8) -> i16 {
    let code = !code;
    let mantissa = (code & 0x0F) as i16;
    let segment = code >> 4 & 0x07;
    let magnitude = (((mantissa << 3) + MU_BIAS as i16) << segment) - MU_BIAS as i16;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

const fn a_encode(sample: i16) -> u8 {
    // One's complement: the law has no zero, −1 mirrors +0.
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let value = (magnitude >> 3) as u16;
    let code = if value < 32 {
        (value >> 1) as u8
    } else {
        let segment = 11 - value.leading_zeros() as u8;
        segment << 4 | ((value >> segment) as u8 & 0x0F)
    };
    // Every second bit inverted, for the line again.
    (sign | code) ^ 0x55
}

const fn a_decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = (code & 0x0F) as i16;
    let segment = code >> 4 & 0x07;
    let value = if segment == 0 { 2 * mantissa + 1 } else { (2 * mantissa + 33) << (segment - 1) };
    if code & 0x80 != 0 { value << 3 } else { -(value << 3) }
}

#[cfg(test)]
mod tests {
    use super::{Law, a_decode, a_encode, mu_decode, mu_encode};

    /// Table 2a: decision values that end a segment, the code of the interval below, and its output value, 14 bits.
    const MU_LAW: [(i16, u8, i16); 8] = [
        (31, 0b1111_0000, 30),
        (95, 0b1110_0000, 93),
        (223, 0b1101_0000, 219),
        (479, 0b1100_0000, 471),
        (991, 0b1011_0000, 975),
        (2015, 0b1010_0000, 1983),
        (4063, 0b1001_0000, 3999),
        (8159, 0b1000_0000, 8031),
    ];

    /// Table 2a: output values of the first interval of each segment but the first.
    const MU_FIRST: [i16; 7] = [33, 99, 231, 495, 1023, 2079, 4191];

    /// Table 1a: decision values that end segments 2 to 8 (the first two are one straight line), 13 bits, with the
    /// code of the interval below before the even bits are inverted, and its output value.
    const A_LAW: [(i16, u8, i16); 7] = [
        (64, 0b1001_1111, 63),
        (128, 0b1010_1111, 126),
        (256, 0b1011_1111, 252),
        (512, 0b1100_1111, 504),
        (1024, 0b1101_1111, 1008),
        (2048, 0b1110_1111, 2016),
        (4096, 0b1111_1111, 4032),
    ];

    /// Table 1a: output values of the first interval of segments 2 to 8.
    const A_FIRST: [i16; 7] = [33, 66, 132, 264, 528, 1056, 2112];

    #[test]
    fn mu_law_has_the_recommendations_values() {
        for (end, code, output) in MU_LAW {
            let below = end.saturating_mul(4).saturating_sub(1);
            assert_eq!(mu_encode(below), code, "below {end}");
            assert_eq!(mu_encode(-below), code & 0x7F, "below -{end}");
            assert_eq!(mu_decode(code), output * 4);
            assert_eq!(mu_decode(code & 0x7F), -output * 4);
        }
        for (segment, output) in (1..).zip(MU_FIRST) {
            let code = !((segment as u8) << 4);
            assert_eq!(mu_decode(code), output * 4);
            assert_eq!(
                mu_encode(MU_LAW[segment - 1].0 * 4),
                code,
                "a decision value belongs to the interval above"
            );
        }
        assert_eq!((mu_encode(0), mu_decode(0xFF), mu_decode(0x7F)), (0xFF, 0, 0));
        assert_eq!((mu_encode(i16::MAX), mu_encode(i16::MIN)), (0x80, 0x00));
    }

    #[test]
    fn a_law_has_the_recommendations_values() {
        for (end, code, output) in A_LAW {
            let below = end.saturating_mul(8).saturating_sub(1);
            assert_eq!(a_encode(below) ^ 0x55, code, "below {end}");
            assert_eq!(a_encode(-below - 1) ^ 0x55, code & 0x7F, "below -{end}");
            assert_eq!(a_decode(code ^ 0x55), output * 8);
            assert_eq!(a_decode((code & 0x7F) ^ 0x55), -output * 8);
        }
        for (segment, output) in (1u8..).zip(A_FIRST) {
            assert_eq!(a_decode((0x80 | segment << 4) ^ 0x55), output * 8);
        }
        assert_eq!((a_encode(0), a_decode(0xD5), a_encode(-1), a_decode(0x55)), (0xD5, 8, 0x55, -8));
        assert_eq!((a_encode(i16::MAX), a_encode(i16::MIN)), (0xAA, 0x2A));
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for code in 0..=u8::MAX {
            // µ-law has a negative zero, which comes back as the positive one.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(mu_encode(mu_decode(code)), expected);
            assert_eq!(a_encode(a_decode(code)), code);
        }
    }

    #[test]
    fn every_sample_lands_on_the_nearest_side_of_its_interval() {
        for sample in i16::MIN..=i16::MAX {
            for (decoded, step) in [(mu_decode(mu_encode(sample)), 132), (a_decode(a_encode(sample)), 256)] {
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                // Half a step of the segment: magnitude/32 and a bit, at the top the clipped rest.
                let allowed = (i32::from(sample).abs() + step) / 31 + 8;
                assert!(error <= allowed, "{sample} came back as {decoded}");
            }
        }
    }

    #[test]
    fn silence_is_what_it_should_be_on_the_line() {
        assert_eq!((Law::Mu.silence(), Law::A.silence()), (0xFF, 0xD5));
    }
}
