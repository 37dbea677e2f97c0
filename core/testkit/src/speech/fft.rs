//! A radix-2 fast Fourier transform: all that [`super::similarity`] needs, without a dependency.

/// A complex number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

/// Transforms of one length.
pub(super) struct Fft {
    size: usize,
    /// e^(−2πi k / size) for the first half turn.
    twiddles: Vec<Complex>,
}

impl Fft {
    /// For `size` points or the next power of two above.
    pub(super) fn new(size: usize) -> Self {
        let size = size.next_power_of_two().max(2);
        let twiddle = |k: usize| {
            let (im, re) = (-std::f64::consts::TAU * k as f64 / size as f64).sin_cos();
            Complex { re, im }
        };
        Self { size, twiddles: (0..size / 2).map(twiddle).collect() }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Transforms in place; `data` holds exactly [`Self::size`] points.
    pub(super) fn forward(&self, data: &mut [Complex]) {
        let bits = self.size.trailing_zeros();
        for i in 0..self.size {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                data.swap(i, j);
            }
        }
        let mut half = 1;
        while half < self.size {
            let step = self.size / (2 * half);
            for block in data.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let turned = b.times(self.twiddles[k * step]);
                    (*a, *b) = (
                        Complex { re: a.re + turned.re, im: a.im + turned.im },
                        Complex { re: a.re - turned.re, im: a.im - turned.im },
                    );
                }
            }
            half *= 2;
        }
    }

    /// The inverse of [`Self::forward`], scaled.
    pub(super) fn inverse(&self, data: &mut [Complex]) {
        for x in data.iter_mut() {
            x.im = -x.im;
        }
        self.forward(data);
        let scale = 1.0 / self.size as f64;
        for x in data.iter_mut() {
            *x = Complex { re: x.re * scale, im: -x.im * scale };
        }
    }
}
