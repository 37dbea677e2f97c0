//! Decoded audio on its way out.

/// A queue of samples in one piece of memory, so that it can be worked on in place.
#[derive(Debug)]
pub(super) struct Fifo {
    samples: Box<[i16]>,
    start: usize,
    end: usize,
}

impl Fifo {
    pub(super) fn new(capacity: usize) -> Self {
        Self { samples: vec![0; capacity].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// All that waits, followed by what room there is, and the length of that room.
    pub(super) fn with_room(&mut self) -> (&mut [i16], usize) {
        self.compact();
        let room = self.samples.len() - self.end;
        (&mut self.samples[self.start..], room)
    }

    /// The room behind what waits, at most `wanted` samples of it.
    pub(super) fn room(&mut self, wanted: usize) -> &mut [i16] {
        if self.end + wanted > self.samples.len() {
            self.compact();
        }
        let until = (self.end + wanted).min(self.samples.len());
        &mut self.samples[self.end..until]
    }

    /// All that waits.
    pub(super) fn waiting(&mut self) -> &mut [i16] {
        &mut self.samples[self.start..self.end]
    }

    /// As many samples of the room have been filled.
    pub(super) fn grow(&mut self, samples: usize) {
        self.end = (self.end + samples).min(self.samples.len());
    }

    /// As many samples at the end are void.
    pub(super) fn shrink(&mut self, samples: usize) {
        self.end = self.end.saturating_sub(samples).max(self.start);
    }

    /// Moves samples to `out` and returns how many there were.
    pub(super) fn take(&mut self, out: &mut [i16]) -> usize {
        let taken = out.len().min(self.len());
        out[..taken].copy_from_slice(&self.samples[self.start..self.start + taken]);
        self.start += taken;
        taken
    }

    fn compact(&mut self) {
        self.samples.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }
}
