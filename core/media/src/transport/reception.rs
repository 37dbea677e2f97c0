//! What is known of the stream that comes in: loss, jitter, and the report block about it (RFC 3550 appendix A).

use std::time::Duration;

use super::rtcp::Block;

/// A jump forward by more than this is a restarted sender (appendix A.1).
const MAX_DROPOUT: u16 = 3_000;
/// So is a step back by more than this.
const MAX_MISORDER: u16 = 100;

/// Counters about everything received, over all sources the far side ever used.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    source: Option<Source>,
    /// Lost under sources that are gone.
    lost_before: u64,
}

/// One synchronisation source (appendix A.1).
#[derive(Debug)]
struct Source {
    ssrc: u32,
    clock_rate: u32,
    base: u32,
    highest: u16,
    /// Completed rounds of the sequence number, times 65536.
    cycles: u32,
    received: u32,
    /// Where a restarted sender is expected to go on.
    restart_at: Option<u16>,
    /// In 1/16 RTP units, as the appendix' integer code keeps it.
    jitter: u32,
    last_transit: Option<u32>,
    expected_before: u32,
    received_before: u32,
    last_sender_report: Option<(u32, Duration)>,
}

impl Reception {
    /// Counts one packet.
    pub(crate) fn packet(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        clock_rate: u32,
        arrival: Duration,
    ) {
        if self.source.as_ref().is_none_or(|source| source.ssrc != ssrc) {
            self.lost_before += self.source.as_ref().map_or(0, Source::lost_total);
            self.source = Some(Source::new(ssrc, sequence, clock_rate));
        }
        let Some(source) = &mut self.source else { return };
        let lost = source.lost_total();
        if source.count(sequence) == Order::Restarted {
            self.lost_before += lost;
        }
        if source.clock_rate != clock_rate {
            source.clock_rate = clock_rate;
            source.last_transit = None;
            source.jitter = 0;
        }
        source.measure_jitter(timestamp, arrival);
    }

    /// Notes a sender report of the current source.
    pub(crate) fn sender_report(&mut self, ssrc: u32, ntp: u64, arrival: Duration) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            source.last_sender_report = Some(((ntp >> 16) as u32, arrival));
        }
    }

    /// The block for the next report; starts a new interval.
    pub(crate) fn report(&mut self, now: Duration) -> Option<Block> {
        self.source.as_mut().map(|source| source.report(now))
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, Source::lost_total)
    }

    pub(crate) fn jitter_ms(&self) -> f64 {
        self.source.as_ref().map_or(0.0, |source| {
            f64::from(source.jitter) / 16.0 * 1_000.0 / f64::from(source.clock_rate.max(1))
        })
    }
}

#[derive(PartialEq, Eq)]
enum Order {
    Counted,
    Restarted,
    Strange,
}

impl Source {
    fn new(ssrc: u32, sequence: u16, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            base: u32::from(sequence),
            highest: sequence,
            cycles: 0,
            received: 0,
            restart_at: None,
            jitter: 0,
            last_transit: None,
            expected_before: 0,
            received_before: 0,
            last_sender_report: None,
        }
    }

    /// Appendix A.1, without probation: the transport has already checked where packets come from.
    fn count(&mut self, sequence: u16) -> Order {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
        } else if ahead <= 0u16.wrapping_sub(MAX_MISORDER) {
            if self.restart_at != Some(sequence) {
                self.restart_at = Some(sequence.wrapping_add(1));
                return Order::Strange;
            }
            // Two in a row from far away: the sender began anew.
            (self.base, self.highest, self.cycles) = (u32::from(sequence), sequence, 0);
            (self.received, self.received_before, self.expected_before) = (1, 0, 0);
            self.restart_at = None;
            return Order::Restarted;
        }
        self.restart_at = None;
        self.received = self.received.wrapping_add(1);
        Order::Counted
    }

    /// Appendix A.8.
    fn measure_jitter(&mut self, timestamp: u32, arrival: Duration) {
        let units = arrival.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        let transit = (units as u32).wrapping_sub(timestamp);
        if let Some(last) = self.last_transit {
            let change = (transit.wrapping_sub(last) as i32).unsigned_abs();
            // A new timestamp base is not jitter.
            if change < self.clock_rate * 2 {
                self.jitter = self.jitter.wrapping_add(change).wrapping_sub((self.jitter + 8) >> 4);
            }
        }
        self.last_transit = Some(transit);
    }

    fn expected(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest)).wrapping_sub(self.base).wrapping_add(1)
    }

    fn lost(&self) -> i64 {
        if self.received == 0 { 0 } else { i64::from(self.expected()) - i64::from(self.received) }
    }

    fn lost_total(&self) -> u64 {
        u64::try_from(self.lost()).unwrap_or(0)
    }

    /// Appendix A.3.
    fn report(&mut self, now: Duration) -> Block {
        let (expected, received) = (self.expected(), self.received);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let lost_now = i64::from(expected_now) - i64::from(received.wrapping_sub(self.received_before));
        (self.expected_before, self.received_before) = (expected, received);
        let fraction_lost = if expected_now == 0 || lost_now <= 0 {
            0
        } else {
            u8::try_from((lost_now << 8) / i64::from(expected_now)).unwrap_or(u8::MAX)
        };
        let (last_report, delay) = self.last_sender_report.map_or((0, 0), |(ntp, at)| {
            let delay = now.saturating_sub(at).as_micros() * 65_536 / 1_000_000;
            (ntp, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Block {
            ssrc: self.ssrc,
            fraction_lost,
            lost: self.lost().clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest: self.cycles.wrapping_add(u32::from(self.highest)),
            jitter: self.jitter >> 4,
            last_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Reception;

    const RATE: u32 = 8_000;

    fn feed(reception: &mut Reception, ssrc: u32, sequences: impl IntoIterator<Item = u16>) {
        for sequence in sequences {
            reception.packet(ssrc, sequence, 0, RATE, Duration::ZERO);
        }
    }

    #[test]
    fn loss_is_counted_across_the_wrap_and_a_late_packet_takes_it_back() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [65_533, 65_534, 1, 2]);
        assert_eq!(reception.lost(), 2);
        feed(&mut reception, 1, [65_535]);
        assert_eq!(reception.lost(), 1);
        let block = reception.report(Duration::ZERO).unwrap();
        assert_eq!((block.lost, block.highest, block.fraction_lost), (1, 0x1_0002, 42));
    }

    #[test]
    fn the_fraction_is_of_the_last_interval_only() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [1, 3, 5, 7]);
        assert!(reception.report(Duration::ZERO).unwrap().fraction_lost > 0);
        feed(&mut reception, 1, 8..20);
        assert_eq!(reception.report(Duration::ZERO).unwrap().fraction_lost, 0);
        assert_eq!(reception.lost(), 3);
    }

    #[test]
    fn a_restarted_or_changed_sender_is_not_thousands_of_lost_packets() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [1, 2, 4]);
        feed(&mut reception, 1, 30_000..30_010);
        assert_eq!(reception.lost(), 1);
        feed(&mut reception, 2, [500, 501, 503]);
        assert_eq!(reception.lost(), 2);
    }

    #[test]
    fn even_arrivals_have_no_jitter_and_uneven_ones_converge_to_their_spread() {
        let mut reception = Reception::default();
        for n in 0..100u16 {
            let at = Duration::from_millis(u64::from(n) * 20);
            reception.packet(1, n, u32::from(n) * 160, RATE, at);
        }
        assert!(reception.jitter_ms() < 0.2);
        for n in 100..400u16 {
            let at = Duration::from_millis(u64::from(n) * 20 + u64::from(n % 2) * 10);
            reception.packet(1, n, u32::from(n) * 160, RATE, at);
        }
        assert!((reception.jitter_ms() - 10.0).abs() < 1.0, "{}", reception.jitter_ms());
    }

    #[test]
    fn the_report_tells_when_the_last_sender_report_came() {
        let mut reception = Reception::default();
        feed(&mut reception, 9, [1]);
        reception.sender_report(9, 0x0000_1111_2222_0000, Duration::from_secs(1));
        let block = reception.report(Duration::from_millis(2_500)).unwrap();
        assert_eq!((block.last_report, block.delay), (0x1111_2222, 98_304));
    }
}
