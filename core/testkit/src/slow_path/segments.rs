//! Which TCP segments set out on the path when, and how many round trips they show.
//!
//! Only what one side may wait for counts: the segments that open a connection and those that carry something. Bare
//! acknowledgements, other protocols and IPv6 are passed over.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Most segments that are remembered; the oldest go.
const MOST: usize = 8_192;

/// The segments that were seen last.
#[derive(Debug, Default)]
pub(super) struct Segments(VecDeque<Segment>);

/// One that opens a connection or carries something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    from_left: bool,
    /// The right end's.
    port: u16,
    sent: SystemTime,
    /// At the earliest.
    arrives: SystemTime,
}

impl Segments {
    /// Remembers a frame, if it is one that counts.
    pub(super) fn see(&mut self, frame: &[u8], from_left: bool, sent: SystemTime, delay: Duration) {
        let Some((source, destination)) = ports(frame) else { return };
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        let port = if from_left { destination } else { source };
        self.0.push_back(Segment { from_left, port, sent, arrives: sent + delay });
    }

    /// The longest chain of segments there and back in which each set out after the one before had arrived: no more
    /// round trips than these can have been waited for.
    pub(super) fn round_trips(&self, port: u16, since: SystemTime, until: SystemTime) -> u32 {
        let of_port = || self.0.iter().filter(|segment| segment.port == port);
        let (mut trips, mut free) = (0, since);
        loop {
            let asked =
                of_port().filter(|one| one.from_left && one.sent >= free).map(|one| one.arrives).min();
            let Some(asked) = asked else { return trips };
            let answers = of_port().filter(|one| !one.from_left && one.sent >= asked);
            match answers.map(|one| one.arrives).min() {
                Some(answered) if answered <= until => (trips, free) = (trips + 1, answered),
                Some(_) | None => return trips,
            }
        }
    }
}

/// Source and destination port of a TCP segment that counts.
fn ports(frame: &[u8]) -> Option<(u16, u16)> {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const TCP: u8 = 6;
    const SYN: u8 = 0x02;
    if frame.get(12..14)? != IPV4 {
        return None;
    }
    let packet = frame.get(14..)?;
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let length = usize::from(number(packet, 2)?);
    if *packet.get(9)? != TCP {
        return None;
    }
    // An Ethernet frame may be longer than its packet.
    let segment = packet.get(header..length)?;
    let payload = segment.get(usize::from(segment.get(12)? >> 4) * 4..)?;
    let opens = segment.get(13)? & SYN != 0;
    (opens || !payload.is_empty()).then_some((number(segment, 0)?, number(segment, 2)?))
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const DELAY: Duration = Duration::from_millis(50);

    fn frame(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 14 + 20 + 20];
        frame[12] = 0x08;
        frame[14] = 0x45;
        let length = u16::try_from(40 + payload.len()).unwrap();
        frame[16..18].copy_from_slice(&length.to_be_bytes());
        frame[23] = 6;
        frame[34..36].copy_from_slice(&source.to_be_bytes());
        frame[36..38].copy_from_slice(&destination.to_be_bytes());
        frame[46] = 5 << 4;
        frame[47] = flags;
        frame.extend(payload);
        frame
    }

    struct Talk {
        segments: Segments,
        start: SystemTime,
    }

    impl Talk {
        fn new() -> Self {
            Self { segments: Segments::default(), start: SystemTime::UNIX_EPOCH }
        }

        fn at(&self, ms: u64) -> SystemTime {
            self.start + Duration::from_millis(ms)
        }

        fn left(&mut self, ms: u64, flags: u8, payload: &[u8]) {
            let at = self.at(ms);
            self.segments.see(&frame(40_000, 443, flags, payload), true, at, DELAY);
        }

        fn right(&mut self, ms: u64, flags: u8, payload: &[u8]) {
            let at = self.at(ms);
            self.segments.see(&frame(443, 40_000, flags, payload), false, at, DELAY);
        }

        fn round_trips(&self, since: u64, until: u64) -> u32 {
            self.segments.round_trips(443, self.at(since), self.at(until))
        }
    }

    #[test]
    fn opening_and_one_question_are_two_round_trips() {
        let mut talk = Talk::new();
        talk.left(0, SYN, &[]);
        talk.right(50, SYN | ACK, &[]);
        talk.left(100, ACK, &[]);
        talk.left(101, ACK, b"question");
        talk.right(151, ACK, &[]);
        talk.right(152, ACK, b"answer");
        assert_eq!(talk.round_trips(0, 300), 2);
        assert_eq!(talk.round_trips(0, 201), 1, "the answer was not there yet");
        assert_eq!(talk.round_trips(1, 300), 1, "what set out before does not count");
        assert_eq!(talk.segments.round_trips(444, talk.at(0), talk.at(300)), 0, "another port's");
    }

    #[test]
    fn what_did_not_wait_for_an_answer_is_no_round_trip() {
        let mut talk = Talk::new();
        talk.left(0, ACK, b"one");
        talk.left(20, ACK, b"two");
        talk.right(50, ACK, b"answer to one");
        talk.right(70, ACK, b"answer to two");
        talk.right(90, ACK, b"of its own accord");
        assert_eq!(talk.round_trips(0, 300), 1);
    }

    #[test]
    fn padding_is_no_payload_and_half_a_frame_is_none() {
        let mut talk = Talk::new();
        let mut padded = frame(40_000, 443, ACK, &[]);
        padded.extend([0; 6]);
        talk.segments.see(&padded, true, talk.start, DELAY);
        let whole = frame(40_000, 443, ACK, b"x");
        for length in 0..whole.len() {
            talk.segments.see(&whole[..length], true, talk.start, DELAY);
        }
        assert!(talk.segments.0.is_empty());
        talk.segments.see(&whole, true, talk.start, DELAY);
        assert_eq!(talk.segments.0.len(), 1);
    }
}
