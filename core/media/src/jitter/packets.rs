//! The received packets that wait to be played, in the order of their sequence numbers.

use crate::transport::MAX_PAYLOAD;

/// More than a second of packets of 10 ms. A power of two, so that sequence numbers wrap evenly.
const SLOTS: usize = 128;
/// A packet further back than this is no latecomer but a sender that has started anew (RFC 3550 appendix A.1).
const MAX_MISORDER: u64 = 100;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// It waits to be played.
    Kept,
    /// It is here already, or was.
    Duplicate,
    /// Its turn is over.
    Late,
    /// It starts a new count of sequence numbers: whoever calls empties the store and puts it in again.
    Restart,
}

/// A packet that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Unwrapped.
    pub(super) sequence: u64,
    /// Unwrapped, in units of the RTP clock.
    pub(super) timestamp: i64,
    /// Length of its audio in units of the RTP clock.
    pub(super) duration: u32,
    /// It begins a talk spurt.
    pub(super) marker: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Never,
    /// Audio that waits: timestamp, duration, payload length, marker.
    Audio(i64, u32, u16, bool),
    /// Something else than audio (a digit) had this sequence number.
    Other,
    /// Audio that was played or thrown away.
    Done,
}

#[derive(Debug)]
pub(super) struct PacketStore {
    slots: Box<[(u64, State); SLOTS]>,
    payloads: Box<[u8]>,
    /// Sequence number and timestamp last received with a higher sequence number than all before, both unwrapped.
    newest: Option<(u64, i64)>,
    /// The sequence number whose turn it is.
    next: u64,
    /// Length of all that waits, in units of the RTP clock.
    waiting: u64,
    /// The sequence number that would prove that the sender has started anew.
    suspect: Option<u16>,
}

impl PacketStore {
    pub(super) fn new() -> Self {
        Self {
            slots: Box::new([(0, State::Never); SLOTS]),
            payloads: vec![0; SLOTS * MAX_PAYLOAD].into_boxed_slice(),
            newest: None,
            next: 0,
            waiting: 0,
            suspect: None,
        }
    }

    /// Length of all that waits, in units of the RTP clock.
    pub(super) const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// How many packets wait.
    pub(super) fn count(&self) -> u64 {
        self.slots.iter().filter(|(_, state)| matches!(state, State::Audio(..))).count() as u64
    }

    /// The timestamp unwrapped against those before it. A new count starts far from zero, so that what is a little
    /// earlier than its first does not fall below.
    pub(super) fn unwrap_timestamp(&self, timestamp: u32) -> i64 {
        match self.newest {
            None => i64::from(timestamp) + (1 << 32),
            Some((_, newest)) => newest + i64::from(timestamp.wrapping_sub(newest as u32).cast_signed()),
        }
    }

    /// Takes a packet of audio in. `timestamp` is unwrapped.
    pub(super) fn put(
        &mut self,
        sequence: u16,
        timestamp: i64,
        duration: u32,
        marker: bool,
        payload: &[u8],
    ) -> Stored {
        let state = State::Audio(timestamp, duration, payload.len().min(MAX_PAYLOAD) as u16, marker);
        let unwrapped = match self.place(sequence, timestamp, state) {
            Ok(unwrapped) => unwrapped,
            Err(fate) => return fate,
        };
        self.waiting += u64::from(duration);
        let start = index(unwrapped) * MAX_PAYLOAD;
        for (kept, byte) in self.payloads[start..start + MAX_PAYLOAD].iter_mut().zip(payload) {
            *kept = *byte;
        }
        Stored::Kept
    }

    /// Takes note that a sequence number was used for something else than audio.
    pub(super) fn put_other(&mut self, sequence: u16) -> Stored {
        let Some((_, newest)) = self.newest else { return Stored::Late };
        match self.place(sequence, newest, State::Other) {
            Ok(_) => Stored::Kept,
            Err(fate) => fate,
        }
    }

    /// The packet whose turn it is, or the first one after it; and how many are missing before that one.
    pub(super) fn first(&mut self) -> Option<(Waiting, u64)> {
        let (newest, _) = self.newest?;
        let mut missing = 0;
        while self.next <= newest && self.slot(self.next) == State::Other {
            self.next += 1;
        }
        for sequence in self.next..=newest {
            match self.slot(sequence) {
                State::Audio(timestamp, duration, _, marker) => {
                    return Some((Waiting { sequence, timestamp, duration, marker }, missing));
                }
                State::Other => {}
                State::Never | State::Done => missing += 1,
            }
        }
        None
    }

    /// The payload of a waiting packet.
    pub(super) fn payload(&self, sequence: u64) -> &[u8] {
        match self.slot(sequence) {
            State::Audio(_, _, length, _) => {
                let start = index(sequence) * MAX_PAYLOAD;
                &self.payloads[start..start + usize::from(length)]
            }
            State::Never | State::Other | State::Done => &[],
        }
    }

    /// The packet is done with, and the turn of all before it is over.
    pub(super) fn finish(&mut self, sequence: u64) {
        for passed in self.next..=sequence {
            if let State::Audio(_, duration, _, _) = self.slot(passed) {
                self.waiting -= u64::from(duration);
                self.slots[index(passed)].1 = State::Done;
            }
        }
        self.next = sequence + 1;
    }

    /// Forgets everything: what comes next starts a new count.
    pub(super) fn clear(&mut self) {
        self.slots.fill((0, State::Never));
        self.newest = None;
        self.next = 0;
        self.waiting = 0;
        self.suspect = None;
    }

    fn place(&mut self, sequence: u16, timestamp: i64, state: State) -> Result<u64, Stored> {
        let Some((newest, _)) = self.newest else {
            let first = u64::from(sequence) + (1 << 16);
            self.newest = Some((first, timestamp));
            self.next = first;
            self.slots[index(first)] = (first, state);
            return Ok(first);
        };
        let ahead = i64::from(sequence.wrapping_sub(newest as u16).cast_signed());
        let unwrapped = newest.saturating_add_signed(ahead);
        if unwrapped < self.next {
            if newest - unwrapped > MAX_MISORDER {
                return Err(self.suspect(sequence));
            }
            let known = self.slots[index(unwrapped)];
            let seen = known.0 == unwrapped && known.1 != State::Never;
            return Err(if seen { Stored::Duplicate } else { Stored::Late });
        }
        if unwrapped >= self.next + SLOTS as u64 {
            // More is missing than the store holds.
            return Err(if unwrapped - newest > SLOTS as u64 {
                self.suspect(sequence)
            } else {
                Stored::Restart
            });
        }
        if self.slot(unwrapped) != State::Never {
            return Err(Stored::Duplicate);
        }
        self.slots[index(unwrapped)] = (unwrapped, state);
        self.suspect = None;
        if unwrapped > newest {
            self.newest = Some((unwrapped, timestamp));
        }
        Ok(unwrapped)
    }

    /// One packet far off may be a stray; two in a row are a sender that has started anew or an outage.
    fn suspect(&mut self, sequence: u16) -> Stored {
        if self.suspect == Some(sequence) {
            return Stored::Restart;
        }
        self.suspect = Some(sequence.wrapping_add(1));
        Stored::Late
    }

    fn slot(&self, sequence: u64) -> State {
        let (held, state) = self.slots[index(sequence)];
        if held == sequence { state } else { State::Never }
    }
}

const fn index(sequence: u64) -> usize {
    sequence as usize % SLOTS
}
