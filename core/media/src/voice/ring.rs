//! Received packets on their way from the transport's thread to the speaker's.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    events::VoiceEvent,
    lock,
    shared::{Shared, count},
};
use crate::{
    dtmf::DtmfReceiver,
    sdp::Codec,
    transport::{IncomingPacket, MAX_PAYLOAD, PacketReceiver},
};

/// More than a second of packets of 20 ms.
const SLOTS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    /// Only its sequence number matters.
    Digit,
}

/// A packet that is kept.
#[derive(Debug, Clone)]
pub(super) struct RingPacket {
    pub(super) kind: Kind,
    pub(super) codec: Codec,
    pub(super) arrival: Duration,
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    length: usize,
    payload: [u8; MAX_PAYLOAD],
}

impl Default for RingPacket {
    fn default() -> Self {
        Self {
            kind: Kind::Digit,
            codec: Codec::Pcmu,
            arrival: Duration::ZERO,
            payload_type: 0,
            marker: false,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
            length: 0,
            payload: [0; MAX_PAYLOAD],
        }
    }
}

impl RingPacket {
    pub(super) fn incoming(&self) -> IncomingPacket<'_> {
        IncomingPacket {
            codec: self.codec,
            payload_type: self.payload_type,
            marker: self.marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: &self.payload[..self.length],
        }
    }

    fn keep(&mut self, packet: &IncomingPacket<'_>, kind: Kind, arrival: Duration) {
        self.kind = kind;
        self.codec = packet.codec;
        self.arrival = arrival;
        self.payload_type = packet.payload_type;
        self.marker = packet.marker;
        self.sequence = packet.sequence;
        self.timestamp = packet.timestamp;
        self.ssrc = packet.ssrc;
        self.length = packet.payload.len().min(MAX_PAYLOAD);
        self.payload[..self.length].copy_from_slice(&packet.payload[..self.length]);
    }

    fn copy_from(&mut self, other: &Self) {
        self.keep(&other.incoming(), other.kind, other.arrival);
    }
}

/// A bounded queue; the oldest makes room.
pub(super) struct PacketRing(Mutex<Slots>);

struct Slots {
    packets: Box<[RingPacket]>,
    first: usize,
    count: usize,
}

impl PacketRing {
    pub(super) fn new() -> Self {
        let packets = vec![RingPacket::default(); SLOTS].into_boxed_slice();
        Self(Mutex::new(Slots { packets, first: 0, count: 0 }))
    }

    /// Says whether there was room; if not, the oldest packet is gone.
    fn push(&self, packet: &IncomingPacket<'_>, kind: Kind, arrival: Duration) -> bool {
        let mut slots = lock(&self.0);
        let had_room = slots.count < SLOTS;
        if !had_room {
            slots.first = (slots.first + 1) % SLOTS;
            slots.count -= 1;
        }
        let place = (slots.first + slots.count) % SLOTS;
        slots.packets[place].keep(packet, kind, arrival);
        slots.count += 1;
        had_room
    }

    /// Copies the oldest packet to `packet` and removes it.
    pub(super) fn pop(&self, packet: &mut RingPacket) -> bool {
        let mut slots = lock(&self.0);
        if slots.count == 0 {
            return false;
        }
        packet.copy_from(&slots.packets[slots.first]);
        slots.first = (slots.first + 1) % SLOTS;
        slots.count -= 1;
        true
    }

    pub(super) fn clear(&self) {
        lock(&self.0).count = 0;
    }
}

/// Lives on the transport's side.
pub(super) struct VoiceReceiver {
    shared: Arc<Shared>,
    digits: DtmfReceiver,
}

impl VoiceReceiver {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, digits: DtmfReceiver::new() }
    }
}

impl PacketReceiver for VoiceReceiver {
    fn receive(&mut self, packet: IncomingPacket<'_>, arrival: Duration) {
        let kind = match packet.codec {
            Codec::Opus | Codec::Pcmu | Codec::Pcma => {
                count(&self.shared.counters.received);
                Kind::Audio
            }
            Codec::TelephoneEvent(_) => {
                if let Some(digit) = self.digits.receive(packet.ssrc, packet.timestamp, packet.payload) {
                    count(&self.shared.counters.digits);
                    self.shared.tell(VoiceEvent::Digit(digit));
                }
                Kind::Digit
            }
        };
        if !self.shared.ring.push(&packet, kind, arrival) {
            count(&self.shared.counters.dropped);
        }
    }
}
