//! An adaptive jitter buffer: RTP packets go in as they arrive, an unbroken stream of audio comes out.
//!
//! Sans-IO: it reads no clock. Arrival times are handed in with the packets, and playout time passes by what is pulled.
//! Nothing is allocated after construction.
//!
//! It keeps as much audio waiting as the 95th percentile of the packets' lateness asks for, and decides for each stretch of
//! audio as WebRTC's NetEQ does:
//! - **normal**: the packet whose turn it is, is decoded;
//! - **accelerate, expand**: with too much or too little waiting, one pitch period is taken out or put in;
//! - **redundancy**: a lost packet is decoded from the copy in the next one (Opus in-band FEC), if that is there;
//! - **conceal**: else the decoder makes audio up; what comes after is merged smoothly by the decoder. Made-up audio does
//!   not use up the timeline: a packet that comes late is still played, later; one that never comes has been made up for;
//! - **comfort noise**: after a long loss, in pauses the sender announced, and before the first packet.
//!
//! Time runs on RTP timestamps, so that pauses (discontinuous transmission, digits) are told from losses, which sequence
//! numbers show. A new SSRC, timestamps or sequence numbers that jump start a new timeline without a stop in playout.

mod delay;
mod fifo;
mod noise;
mod packets;
mod playout;
mod stats;
mod stretch;

pub use stats::JitterStats;

use std::time::Duration;

use delay::DelayEstimator;
use packets::{PacketStore, Stored};
use playout::Playout;

use crate::{codec::Decoder, sdp::Codec, transport::IncomingPacket};

/// Packets of the SSRC that was replaced are ignored until this many of the new one have come.
const SSRC_GRACE: u32 = 50;

/// Bounds of a jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// Audio that waits at most before the first is played.
    pub start_delay: Duration,
    /// Audio that waits at most; what exceeds it is thrown away. At most 1 s.
    pub max_delay: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self { start_delay: Duration::from_millis(40), max_delay: Duration::from_secs(1) }
    }
}

/// What the audio just pulled consists of, the best of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Comfort noise: nothing has come yet, or the sender pauses, or has been lost for long.
    Noise,
    /// Audio made up for what is late or lost.
    Concealment,
    /// Audio that was received.
    Audio,
}

impl Heard {
    const fn better(self, other: Self) -> Self {
        match (self, other) {
            (Self::Audio, _) | (_, Self::Audio) => Self::Audio,
            (Self::Concealment, _) | (_, Self::Concealment) => Self::Concealment,
            (Self::Noise, Self::Noise) => Self::Noise,
        }
    }
}

/// One stream's jitter buffer with its decoder.
#[derive(Debug)]
pub struct JitterBuffer {
    decoder: Decoder,
    store: PacketStore,
    delay: DelayEstimator,
    playout: Playout,
    stats: JitterStats,
    ssrc: Option<u32>,
    /// The SSRC that was replaced, and for how many packets it is still ignored.
    former: Option<(u32, u32)>,
}

impl JitterBuffer {
    /// A buffer for what `decoder` decodes.
    #[must_use]
    pub fn new(decoder: Decoder, config: JitterConfig) -> Self {
        Self {
            delay: DelayEstimator::new(decoder.codec().clock_rate()),
            playout: Playout::new(&decoder, config),
            store: PacketStore::new(),
            decoder,
            stats: JitterStats::default(),
            ssrc: None,
            former: None,
        }
    }

    /// Rate of the audio it hands out, Hz.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.decoder.sample_rate()
    }

    /// The codec it takes.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Takes a packet of this buffer's codec; `arrival` is from the same clock for all packets. What cannot be used is
    /// counted and dropped.
    pub fn insert(&mut self, packet: &IncomingPacket<'_>, arrival: Duration) {
        let Ok(samples) = self.decoder.duration(packet.payload) else {
            self.stats.malformed += 1;
            return;
        };
        if !self.of_this_stream(packet.ssrc) {
            return;
        }
        self.stats.received += 1;
        let duration = self.playout.to_units(samples);
        let timestamp = self.store.unwrap_timestamp(packet.timestamp);
        let mut fate = self.store.put(packet.sequence, timestamp, duration, packet.marker, packet.payload);
        let mut timestamp = timestamp;
        if fate == Stored::Restart {
            self.restart();
            timestamp = self.store.unwrap_timestamp(packet.timestamp);
            fate = self.store.put(packet.sequence, timestamp, duration, packet.marker, packet.payload);
        }
        match fate {
            Stored::Kept => self.delay.packet(timestamp, arrival),
            Stored::Late => {
                self.stats.late += 1;
                self.stats.lost = self.stats.lost.saturating_sub(1);
                self.delay.packet(timestamp, arrival);
            }
            Stored::Duplicate => self.stats.duplicates += 1,
            // Cannot be: the store is empty.
            Stored::Restart => self.stats.discarded += 1,
        }
        self.playout.bound(&mut self.store, &self.delay, &mut self.stats);
    }

    /// Takes note of a packet of the same stream that is no audio (a digit): its sequence number is not missing.
    pub fn skip(&mut self, packet: &IncomingPacket<'_>) {
        if self.ssrc == Some(packet.ssrc) && self.store.put_other(packet.sequence) == Stored::Restart {
            self.restart();
        }
    }

    /// Fills `out` with the next audio, whatever its length; 10 or 20 ms are usual. Time passes by this call alone.
    pub fn pull(&mut self, out: &mut [i16]) -> Heard {
        let mut heard = Heard::Noise;
        for part in out.chunks_mut(self.playout.longest_pull()) {
            let this =
                self.playout.pull(part, &mut self.decoder, &mut self.store, &self.delay, &mut self.stats);
            heard = heard.better(this);
        }
        heard
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        JitterStats {
            delay_ms: self.playout.delay_ms(),
            target_ms: f64::from(self.delay.quantile_ms()),
            jitter_ms: self.delay.jitter_ms(),
            ..self.stats
        }
    }

    /// Whether the packet's stream is the one to play; a new SSRC takes over at once.
    fn of_this_stream(&mut self, ssrc: u32) -> bool {
        if self.ssrc == Some(ssrc) {
            if let Some((_, grace)) = &mut self.former {
                *grace = grace.saturating_sub(1);
                if *grace == 0 {
                    self.former = None;
                }
            }
            return true;
        }
        if self.former.is_some_and(|(former, _)| former == ssrc) {
            self.stats.late += 1;
            return false;
        }
        if let Some(former) = self.ssrc.replace(ssrc) {
            self.former = Some((former, SSRC_GRACE));
            self.restart();
            self.decoder.reset();
        }
        true
    }

    /// A new timeline begins. What has been decoded is still played.
    fn restart(&mut self) {
        self.stats.discarded += self.store.count();
        self.store.clear();
        self.delay.new_timeline();
        self.playout.restart();
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
