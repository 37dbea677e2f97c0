//! Putting packets in order with the least delay: one packet may wait for one that was overtaken.

use crate::{
    sdp::Codec,
    transport::{IncomingPacket, MAX_PAYLOAD},
};

/// A packet further back than this comes from a sender that has started anew (RFC 3550 appendix A.1).
const MAX_MISORDER: i16 = 100;
/// One further ahead than this, too.
const MAX_DROPOUT: i16 = 3_000;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing until the next packet arrives.
    Nothing,
    /// The packet that arrived is of no use.
    Dropped,
    /// The packet that arrived has its turn; so many before it are lost. `restart`: it begins a new stream.
    Arrived { missing: u16, restart: bool },
    /// The packet that waited has its turn; so many before it are lost.
    Held { missing: u16 },
}

/// A packet without its payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) codec: Codec,
    pub(super) marker: bool,
    sequence: u16,
    pub(super) timestamp: u32,
    pub(super) length: usize,
}

impl Held {
    pub(super) fn of(packet: &IncomingPacket<'_>) -> Self {
        Self {
            codec: packet.codec,
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            length: packet.payload.len().min(MAX_PAYLOAD),
        }
    }
}

#[derive(Debug)]
pub(super) struct Order {
    ssrc: Option<u32>,
    /// Sequence number whose turn it is.
    next: u16,
    held: Option<Held>,
    payload: Box<[u8; MAX_PAYLOAD]>,
    /// The packet that arrived last still has to be dealt with.
    arrived: bool,
    suspect: Option<u16>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            ssrc: None,
            next: 0,
            held: None,
            payload: Box::new([0; MAX_PAYLOAD]),
            arrived: false,
            suspect: None,
        }
    }

    /// A packet arrives.
    pub(super) fn put(&mut self, packet: &IncomingPacket<'_>) -> Next {
        self.arrived = false;
        if self.ssrc != Some(packet.ssrc) {
            self.ssrc = Some(packet.ssrc);
            return self.restart(packet);
        }
        let ahead = self.ahead(packet.sequence);
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&ahead) {
            if self.suspect == Some(packet.sequence) {
                return self.restart(packet);
            }
            self.suspect = Some(packet.sequence.wrapping_add(1));
            return Next::Dropped;
        }
        if ahead < 0 || self.held.is_some_and(|held| held.sequence == packet.sequence) {
            return Next::Dropped;
        }
        self.suspect = None;
        self.arrived = true;
        self.more(packet)
    }

    /// What is to be done after the last thing was done.
    pub(super) fn more(&mut self, packet: &IncomingPacket<'_>) -> Next {
        let arrived = self.arrived.then(|| self.ahead(packet.sequence));
        let held = self.held.map(|held| self.ahead(held.sequence));
        match (arrived, held) {
            (None, None) => Next::Nothing,
            (None, Some(0)) => self.release(0),
            (None, Some(_)) => Next::Nothing,
            (Some(0), _) => self.pass(packet, 0),
            (Some(_), None) => {
                self.hold(packet);
                Next::Nothing
            }
            // Two wait for what is missing: it is lost.
            (Some(arrived), Some(held)) if arrived < held => self.pass(packet, arrived.unsigned_abs()),
            (Some(_), Some(held)) => self.release(held.unsigned_abs()),
        }
    }

    /// The packet that waited, after [`Next::Held`].
    pub(super) fn take(&mut self) -> (Held, [u8; MAX_PAYLOAD]) {
        let nothing =
            Held { codec: Codec::TelephoneEvent(0), marker: false, sequence: 0, timestamp: 0, length: 0 };
        (self.held.take().unwrap_or(nothing), *self.payload)
    }

    fn restart(&mut self, packet: &IncomingPacket<'_>) -> Next {
        self.next = packet.sequence.wrapping_add(1);
        self.held = None;
        self.suspect = None;
        Next::Arrived { missing: 0, restart: true }
    }

    fn pass(&mut self, packet: &IncomingPacket<'_>, missing: u16) -> Next {
        self.arrived = false;
        self.next = packet.sequence.wrapping_add(1);
        Next::Arrived { missing, restart: false }
    }

    fn release(&mut self, missing: u16) -> Next {
        self.next = self.held.map_or(self.next, |held| held.sequence.wrapping_add(1));
        Next::Held { missing }
    }

    fn hold(&mut self, packet: &IncomingPacket<'_>) {
        self.arrived = false;
        let held = Held::of(packet);
        self.payload[..held.length].copy_from_slice(&packet.payload[..held.length]);
        self.held = Some(held);
    }

    fn ahead(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.next).cast_signed()
    }
}
