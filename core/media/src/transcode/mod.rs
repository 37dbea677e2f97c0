//! One direction of a joined call: packets of one leg in, packets for the other leg out.
//!
//! Packet-driven and without a clock: what comes in is put in order (at most one packet waits for an overtaken one),
//! decoded, and sent on at once in packets of 20 ms. Short losses are covered (Opus in-band FEC, else concealment), so
//! that the outgoing stream goes on; longer gaps and pauses become gaps in the outgoing timestamps, which whoever paces the
//! leg may fill with [`Transcoder::silence`]. Where both sides speak the same codec, payloads pass untouched.
//!
//! Nothing of the source but the audio shows: timestamps are the outgoing leg's own and never go backwards, whatever
//! the source's timestamps, sequence numbers and SSRC do. Opus is transcoded at 8 kHz (the other side is G.711), so no
//! resampler is needed. Nothing is allocated per packet; a decoder is made when the far side changes its codec.

mod order;

use order::{Held, Next, Order};

use crate::{
    codec::{CodecError, Decoder, Encoder, G711_RATE, Law, MAX_PACKET_MS, OpusSettings},
    sdp::{Codec, CodecMapping},
    transport::{IncomingPacket, MAX_PAYLOAD, OutgoingPacket},
};

/// Length of the packets it makes, milliseconds.
pub const FRAME_MS: u32 = 20;
/// Rate of the audio that [`Transcoder::sound`] takes, Hz.
pub const SOUND_RATE: u32 = G711_RATE;
/// Audio made up for lost packets at most; what is missing beyond becomes a gap.
const MAX_COVERED_MS: i64 = 60;
/// A gap longer than this is a new count of timestamps and not a pause.
const MAX_PAUSE_MS: i64 = 60_000;
const FRAME: usize = (G711_RATE / 1000 * FRAME_MS) as usize;
const MAX_PACKET: usize = (G711_RATE / 1000 * MAX_PACKET_MS) as usize;
/// 20 ms of digital silence in Opus: one CELT frame that says "silence" (RFC 6716 section 4.3).
const OPUS_SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// What a transcoder has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TranscodeStats {
    /// Packets of audio taken in.
    pub packets_in: u64,
    /// Packets of audio and silence handed out.
    pub packets_out: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came twice or too late.
    pub dropped: u64,
    /// Payloads that were no packets of their codec.
    pub malformed: u64,
    /// Milliseconds of audio made up, or recovered from redundancy.
    pub covered_ms: u64,
}

/// Turns one leg's audio into another's.
#[derive(Debug)]
pub struct Transcoder {
    to: CodecMapping,
    encoder: Encoder,
    decoder: Option<Decoder>,
    order: Order,
    out: Out,
    /// Timestamp that the source's next packet should have.
    expected: Option<u32>,
    /// Decoded audio that does not fill a frame yet.
    pending: Box<[i16; MAX_PACKET + FRAME]>,
    pending_len: usize,
    stats: TranscodeStats,
}

/// The outgoing timeline.
#[derive(Debug)]
struct Out {
    clock: i64,
    timestamp: u32,
    /// How far silence has gone ahead of the audio, in clock units.
    ahead: i64,
    marker: bool,
}

impl Transcoder {
    /// From a leg that is expected to send `from` to one that is sent `to`.
    ///
    /// # Errors
    /// [`CodecError::NotVoice`] or [`CodecError::NoMemory`].
    pub fn new(from: CodecMapping, to: CodecMapping) -> Result<Self, CodecError> {
        let mut transcoder = Self {
            encoder: Encoder::new(to.codec, G711_RATE, &OpusSettings::default())?,
            to,
            decoder: None,
            order: Order::new(),
            out: Out { clock: i64::from(to.codec.clock_rate()), timestamp: 0, ahead: 0, marker: true },
            expected: None,
            pending: Box::new([0; MAX_PACKET + FRAME]),
            pending_len: 0,
            stats: TranscodeStats::default(),
        };
        transcoder.decode_from(from.codec)?;
        Ok(transcoder)
    }

    /// Takes one packet of the source and hands out what is ready. A digit's packet counts for the order only.
    pub fn push(&mut self, packet: IncomingPacket<'_>, emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        if packet.codec.is_voice() {
            self.stats.packets_in += 1;
        }
        let mut next = self.order.put(&packet);
        loop {
            match next {
                Next::Nothing => return,
                Next::Dropped => {
                    self.stats.dropped += 1;
                    return;
                }
                Next::Arrived { missing, restart } => {
                    self.accept(&Held::of(&packet), packet.payload, missing, restart, emit)
                }
                Next::Held { missing } => {
                    // Copied out, 1.4 kB on the stack: the order keeps working while this is sent.
                    let (held, payload) = self.order.take();
                    self.accept(&held, &payload[..held.length], missing, false, emit);
                }
            }
            next = self.order.more(&packet);
        }
    }

    /// Hands out one frame of silence: the next of the outgoing timeline. For keeping a leg alive while its source is silent
    /// or may not be heard, at one call per [`FRAME_MS`].
    pub fn silence(&mut self, emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        self.flush(emit);
        let frame = self.out.units(i64::from(FRAME_MS));
        let law = match self.to.codec {
            Codec::Pcmu => Some(Law::Mu),
            Codec::Pcma => Some(Law::A),
            Codec::Opus | Codec::TelephoneEvent(_) => None,
        };
        match law {
            Some(law) => self.send(&[law.silence(); FRAME], frame, emit),
            None => self.send(&OPUS_SILENCE, frame, emit),
        }
        self.out.ahead += frame;
    }

    /// Hands out one frame of audio that no source sent, such as a recording: the next of the outgoing timeline. `audio` is mono at
    /// [`SOUND_RATE`]; what it lacks of [`FRAME_MS`] is silence, what it has beyond is left out. At one call per [`FRAME_MS`].
    pub fn sound(&mut self, audio: &[i16], emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        self.flush(emit);
        let mut frame = [0; FRAME];
        for (place, sample) in frame.iter_mut().zip(audio) {
            *place = *sample;
        }
        let mut payload = [0; MAX_PAYLOAD];
        let length = self.out.units(i64::from(FRAME_MS));
        match self.encoder.encode(&frame, &mut payload) {
            Ok(bytes) => self.send(&payload[..bytes], length, emit),
            Err(_) => self.out.advance(length),
        }
        self.out.ahead += length;
    }

    /// Forgets the source but not the outgoing timeline: another one follows, or the same after it could not be heard.
    pub fn new_source(&mut self) {
        self.order = Order::new();
        self.start_anew();
    }

    /// The outgoing timestamp of what comes next, for digits that are sent on the same leg.
    #[must_use]
    pub const fn timestamp(&self) -> u32 {
        self.out.timestamp
    }

    /// Time passes on the outgoing leg without audio: a frame was replaced by a digit's packet.
    pub fn skip_frame(&mut self) {
        let frame = self.out.units(i64::from(FRAME_MS));
        self.out.advance(frame);
        self.out.ahead += frame;
    }

    /// What is sent.
    #[must_use]
    pub const fn to(&self) -> CodecMapping {
        self.to
    }

    /// Counters since it was made.
    #[must_use]
    pub const fn stats(&self) -> TranscodeStats {
        self.stats
    }

    /// The next packet in order, before which `missing` are lost.
    fn accept(
        &mut self,
        held: &Held,
        payload: &[u8],
        missing: u16,
        restart: bool,
        emit: &mut impl FnMut(OutgoingPacket<'_>),
    ) {
        if restart {
            self.flush(emit);
            self.start_anew();
        }
        if !held.codec.is_voice() {
            return;
        }
        self.stats.lost += u64::from(missing);
        if self.decode_from(held.codec).is_err() {
            self.stats.malformed += 1;
            return;
        }
        let Some(samples) = self.decoder.as_ref().and_then(|decoder| decoder.duration(payload).ok()) else {
            self.stats.malformed += 1;
            return;
        };
        let rate = i64::from(held.codec.clock_rate());
        let gap = self
            .expected
            .map_or(0, |expected| i64::from(held.timestamp.wrapping_sub(expected).cast_signed()));
        let gap_ms = gap.max(0) * 1000 / rate;
        let units = samples as i64 * rate / i64::from(G711_RATE);
        self.expected = Some(held.timestamp.wrapping_add(units as u32));
        if held.codec == self.to.codec {
            self.flush(emit);
            self.leap(gap_ms);
            self.out.marker |= held.marker;
            self.send(payload, units, emit);
            return;
        }
        if missing > 0 && gap_ms <= MAX_COVERED_MS {
            self.cover(gap_ms, samples as i64 * 1000 / i64::from(G711_RATE), payload, emit);
        } else if gap_ms > 0 {
            self.flush(emit);
            self.leap(gap_ms);
        }
        let room = &mut self.pending[self.pending_len..];
        match self.decoder.as_mut().map(|decoder| decoder.decode(payload, room)) {
            Some(Ok(samples)) => self.pending_len += samples,
            Some(Err(_)) | None => self.stats.malformed += 1,
        }
        self.encode(emit);
    }

    /// Makes up `gap_ms` of lost audio before the packet with this payload.
    fn cover(
        &mut self,
        gap_ms: i64,
        length_ms: i64,
        payload: &[u8],
        emit: &mut impl FnMut(OutgoingPacket<'_>),
    ) {
        let mut left = gap_ms;
        while left > 0 {
            let Some(decoder) = &mut self.decoder else { return };
            let fec = left <= length_ms && decoder.has_fec(payload);
            let part = if fec { left } else { left.min(10) };
            let samples = part as usize * G711_RATE as usize / 1000;
            let room = &mut self.pending[self.pending_len..self.pending_len + samples];
            let made = if fec { decoder.decode_fec(payload, room) } else { decoder.conceal(room) };
            if made.is_err() {
                // A gap that is no multiple of what the decoder can make up: silence does for its end.
                room.fill(0);
            }
            self.pending_len += samples;
            self.stats.covered_ms += part as u64;
            left -= part;
            self.encode(emit);
        }
    }

    /// Sends whole frames of what is decoded.
    fn encode(&mut self, emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        let mut start = 0;
        while self.pending_len - start >= FRAME {
            let mut payload = [0; MAX_PAYLOAD];
            let frame = &self.pending[start..start + FRAME];
            start += FRAME;
            let length = self.out.units(i64::from(FRAME_MS));
            match self.encoder.encode(frame, &mut payload) {
                Ok(bytes) => self.send(&payload[..bytes], length, emit),
                Err(_) => self.out.advance(length),
            }
        }
        self.pending.copy_within(start..self.pending_len, 0);
        self.pending_len -= start;
    }

    /// Sends what does not fill a frame, with silence behind it.
    fn flush(&mut self, emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        if self.pending_len > 0 {
            self.pending[self.pending_len..FRAME].fill(0);
            self.pending_len = FRAME;
            self.encode(emit);
        }
    }

    /// The source has been silent for so long.
    fn leap(&mut self, gap_ms: i64) {
        if (1..=MAX_PAUSE_MS).contains(&gap_ms) {
            // Silence that was sent meanwhile has used up its part of the pause.
            let gap = self.out.units(gap_ms);
            let used = gap.min(self.out.ahead);
            self.out.ahead -= used;
            self.out.advance(gap - used);
            self.out.marker = true;
        }
    }

    fn send(&mut self, payload: &[u8], length: i64, emit: &mut impl FnMut(OutgoingPacket<'_>)) {
        emit(OutgoingPacket {
            payload_type: self.to.payload_type,
            marker: std::mem::take(&mut self.out.marker),
            timestamp: self.out.timestamp,
            payload,
        });
        self.stats.packets_out += 1;
        self.out.advance(length);
    }

    fn start_anew(&mut self) {
        self.expected = None;
        self.pending_len = 0;
        self.out.ahead = 0;
        self.out.marker = true;
        if let Some(decoder) = &mut self.decoder {
            decoder.reset();
        }
    }

    fn decode_from(&mut self, codec: Codec) -> Result<(), CodecError> {
        if self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec) {
            self.decoder = Some(Decoder::new(codec, G711_RATE)?);
            self.expected = None;
        }
        Ok(())
    }
}

impl Out {
    const fn units(&self, ms: i64) -> i64 {
        ms * self.clock / 1000
    }

    fn advance(&mut self, units: i64) {
        self.timestamp = self.timestamp.wrapping_add(units as u32);
    }
}

#[cfg(test)]
mod tests;
