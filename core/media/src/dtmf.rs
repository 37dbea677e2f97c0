//! DTMF digits as RTP events (RFC 4733), sent and received.
//!
//! No clock: the sender is asked once per frame of audio that would otherwise go out, and time passes by these frames.

use std::{collections::VecDeque, fmt, time::Duration};

/// Digits that may wait to be sent.
pub const MAX_QUEUED: usize = 32;
/// Shortest digit sent: what every receiver recognises (ITU-T Q.24).
pub const MIN_DURATION: Duration = Duration::from_millis(40);
/// Longest digit sent; fits the 16-bit duration at 48 kHz, so that no event has to be split (RFC 4733 section 2.5.1.3).
pub const MAX_DURATION: Duration = Duration::from_secs(1);
/// Silence between two digits.
pub const GAP: Duration = Duration::from_millis(60);
/// The last packet is sent this often in all (RFC 4733 section 2.5.1.4).
const END_PACKETS: u8 = 3;
/// −10 dBm0, as telephones send it (RFC 4733 section 2.3.3).
const VOLUME: u8 = 10;

/// One of the sixteen digits `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The digit of an event code (RFC 4733 section 3.2); `None` for other events.
    #[must_use]
    pub const fn from_event(event: u8) -> Option<Self> {
        if event < 16 { Some(Self(event)) } else { None }
    }

    /// The digit that a key shows; lower case letters are taken, too.
    #[must_use]
    pub fn from_char(key: char) -> Option<Self> {
        let event = SHOWN.iter().position(|shown| *shown == key.to_ascii_uppercase())?;
        u8::try_from(event).ok().map(Self)
    }

    /// Its event code, 0–15.
    #[must_use]
    pub const fn event(self) -> u8 {
        self.0
    }

    /// What its key shows.
    #[must_use]
    pub const fn to_char(self) -> char {
        SHOWN[self.0 as usize % SHOWN.len()]
    }
}

const SHOWN: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Digits may be a card number or a PIN: they do not show.
impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit([redacted])")
    }
}

/// [`MAX_QUEUED`] digits wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many digits are waiting to be sent")]
pub struct QueueFull;

/// One event packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// First packet of the digit.
    pub marker: bool,
    /// When the digit began: the same in all its packets.
    pub timestamp: u32,
    /// RFC 4733 section 2.3.
    pub payload: [u8; 4],
}

/// Sends digits one after the other.
#[derive(Debug)]
pub struct DtmfSender {
    clock_rate: u32,
    queue: VecDeque<(Digit, u32)>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    /// The digit, its start, its length and how much of it has been sent; RTP clock units.
    Sounding {
        digit: Digit,
        start: u32,
        length: u32,
        sent: u32,
    },
    /// The end is being repeated.
    Ending {
        digit: Digit,
        start: u32,
        length: u32,
        left: u8,
    },
    /// Silence after a digit, for so many units.
    Gap(u32),
}

impl DtmfSender {
    /// A sender at the RTP clock of the voice codec, Hz.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate, queue: VecDeque::with_capacity(MAX_QUEUED), state: State::Idle }
    }

    /// Queues a digit to sound for `duration`, held between [`MIN_DURATION`] and [`MAX_DURATION`].
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn send(&mut self, digit: Digit, duration: Duration) -> Result<(), QueueFull> {
        if self.queue.len() >= MAX_QUEUED {
            return Err(QueueFull);
        }
        self.queue.push_back((digit, self.units(duration.clamp(MIN_DURATION, MAX_DURATION))));
        Ok(())
    }

    /// Whether a digit is sounding or waiting.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.queue.is_empty() || !matches!(self.state, State::Idle | State::Gap(_))
    }

    /// The packet that goes out in place of the audio frame of `frame` clock units that begins at `timestamp`; `None` if
    /// the audio goes out. To be asked for each frame, 20 ms usually.
    pub fn frame(&mut self, timestamp: u32, frame: u32) -> Option<EventPacket> {
        match self.state {
            State::Gap(left @ 1..) => {
                self.state = State::Gap(left.saturating_sub(frame));
                return None;
            }
            State::Gap(0) => self.state = State::Idle,
            State::Idle | State::Sounding { .. } | State::Ending { .. } => {}
        }
        if let State::Idle = self.state {
            let (digit, length) = self.queue.pop_front()?;
            self.state = State::Sounding { digit, start: timestamp, length, sent: 0 };
        }
        match self.state {
            State::Sounding { digit, start, length, sent } => {
                let now = sent + frame;
                let ends = now >= length;
                self.state = if ends {
                    State::Ending { digit, start, length, left: END_PACKETS - 1 }
                } else {
                    State::Sounding { digit, start, length, sent: now }
                };
                Some(packet(digit, start, now.min(length), sent == 0, ends))
            }
            State::Ending { digit, start, length, left } => {
                self.state = match left - 1 {
                    0 => State::Gap(self.units(GAP)),
                    left => State::Ending { digit, start, length, left },
                };
                Some(packet(digit, start, length, false, true))
            }
            State::Idle | State::Gap(_) => None,
        }
    }

    fn units(&self, duration: Duration) -> u32 {
        (duration.as_millis() as u64 * u64::from(self.clock_rate) / 1000) as u32
    }
}

fn packet(digit: Digit, timestamp: u32, duration: u32, marker: bool, end: bool) -> EventPacket {
    let [high, low] = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
    let end = if end { 0x80 } else { 0 };
    EventPacket { marker, timestamp, payload: [digit.event(), end | VOLUME, high, low] }
}

/// Reads digits from the event packets of one stream. Each digit is told once, as soon as its first packet comes, whichever
/// of its packets get lost.
#[derive(Debug, Default)]
pub struct DtmfReceiver {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    timestamp: u32,
    event: u8,
    duration: u16,
    ended: bool,
}

impl DtmfReceiver {
    /// A receiver that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Takes an event packet and tells the digit that begins with it. Anything but four bytes, and events that are no
    /// digits, are ignored.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<Digit> {
        let [event, flags, high, low] = *payload else { return None };
        let digit = Digit::from_event(event)?;
        let now = Last {
            ssrc,
            timestamp,
            event,
            duration: u16::from_be_bytes([high, low]),
            ended: flags & 0x80 != 0,
        };
        let Some(last) = self.last.filter(|last| last.ssrc == ssrc) else {
            self.last = Some(now);
            return Some(digit);
        };
        let since = timestamp.wrapping_sub(last.timestamp).cast_signed();
        if since < 0 {
            // A packet of an earlier digit, overtaken.
            return None;
        }
        if since == 0 {
            let (duration, ended) = (now.duration.max(last.duration), now.ended || last.ended);
            self.last = Some(Last { duration, ended, ..last });
            return None;
        }
        // A key held for so long that its duration overflowed goes on under a new timestamp (RFC 4733 section 2.5.1.3).
        let goes_on =
            !last.ended && event == last.event && last.duration == u16::MAX && since == i32::from(u16::MAX);
        self.last = Some(now);
        (!goes_on).then_some(digit)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Digit, DtmfReceiver, DtmfSender, EventPacket, MAX_QUEUED, QueueFull};

    fn digit(key: char) -> Digit {
        Digit::from_char(key).unwrap()
    }

    fn sent(keys: &str, ms: u64) -> Vec<EventPacket> {
        let mut sender = DtmfSender::new(8_000);
        for key in keys.chars() {
            sender.send(digit(key), Duration::from_millis(ms)).unwrap();
        }
        let packets =
            (0..500_u32).filter_map(|i| sender.frame(0xFFFF_FF00_u32.wrapping_add(i * 160), 160)).collect();
        assert!(!sender.is_active());
        packets
    }

    fn received(packets: &[EventPacket]) -> String {
        let mut receiver = DtmfReceiver::new();
        packets
            .iter()
            .filter_map(|p| receiver.receive(9, p.timestamp, &p.payload))
            .map(Digit::to_char)
            .collect()
    }

    #[test]
    fn a_digit_starts_marked_rises_and_ends_three_times() {
        let packets = sent("5", 100);
        let seen: Vec<_> = packets
            .iter()
            .map(|p| (p.marker, p.payload[1] & 0x80 != 0, u16::from_be_bytes([p.payload[2], p.payload[3]])))
            .collect();
        let expected = [
            (true, false, 160),
            (false, false, 320),
            (false, false, 480),
            (false, false, 640),
            (false, true, 800),
            (false, true, 800),
            (false, true, 800),
        ];
        assert_eq!(seen, expected);
        assert!(packets.iter().all(|p| p.timestamp == packets[0].timestamp && p.payload[0] == 5));
    }

    #[test]
    fn digits_follow_each_other_with_a_gap() {
        let packets = sent("12", 60);
        let starts: Vec<_> = packets.iter().filter(|p| p.marker).map(|p| p.timestamp).collect();
        // 60 ms of tone, 40 ms of repeated ends, 60 ms of silence.
        assert_eq!(starts[1].wrapping_sub(starts[0]), 160 * 8);
    }

    #[test]
    fn each_digit_is_told_once_in_order() {
        assert_eq!(received(&sent("0123456789*#ABCD", 80)), "0123456789*#ABCD");
        assert_eq!(received(&sent("1111", 40)), "1111");
    }

    #[test]
    fn lost_ends_lost_starts_and_overtaken_packets_neither_hide_nor_repeat_a_digit() {
        let packets = sent("42", 100);
        for lost in 0..7 {
            let mut some = packets.clone();
            some.remove(lost);
            assert_eq!(received(&some), "42", "without packet {lost}");
        }
        let without_ends: Vec<_> = packets.iter().filter(|p| p.payload[1] & 0x80 == 0).copied().collect();
        assert_eq!(received(&without_ends), "42");
        let mut shuffled = packets.clone();
        shuffled.swap(6, 7);
        assert_eq!(received(&shuffled), "42");
    }

    #[test]
    fn a_key_held_for_long_is_one_digit() {
        let mut receiver = DtmfReceiver::new();
        assert!(receiver.receive(1, 1_000, &[3, 10, 0xFF, 0xFF]).is_some());
        assert!(receiver.receive(1, 1_000 + 0xFFFF, &[3, 10, 0, 160]).is_none());
        assert!(receiver.receive(1, 1_000 + 0xFFFF + 20_000, &[3, 10, 0, 160]).is_some());
    }

    #[test]
    fn junk_is_ignored() {
        let mut receiver = DtmfReceiver::new();
        for payload in [&[][..], &[1], &[1, 2, 3], &[1, 2, 3, 4, 5], &[16, 10, 0, 160], &[255; 4]] {
            assert!(receiver.receive(1, 1, payload).is_none());
        }
        assert!(Digit::from_char('x').is_none());
        assert_eq!(digit('a').to_char(), 'A');
        assert!(!format!("{:?}", digit('7')).contains('7'));
    }

    #[test]
    fn the_queue_is_bounded_and_durations_are_held_in_range() {
        let mut sender = DtmfSender::new(48_000);
        for _ in 0..MAX_QUEUED {
            sender.send(digit('1'), Duration::from_secs(3_600)).unwrap();
        }
        assert_eq!(sender.send(digit('1'), Duration::ZERO), Err(QueueFull));
        let packets: Vec<_> = (0..60).filter_map(|i| sender.frame(i * 960, 960)).collect();
        let longest = packets.iter().map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]])).max();
        assert_eq!(longest, Some(48_000));
    }
}
