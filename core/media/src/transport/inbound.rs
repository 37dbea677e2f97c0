//! The way in: reads packets, counts them, and hands them to whoever listens.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    IncomingPacket, MAX_PAYLOAD, PacketReceiver,
    outbound::ntp_middle_now,
    reception::Reception,
    rtcp::{self, Block, Item},
    rtp::{self, Kind},
};
use crate::sdp::{Codec, CodecMapping};

/// A round trip beyond this is a wrong clock, not a network.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(30);

/// The receiving half of a session; lives in its task.
pub(crate) struct Inbound {
    shared: Arc<InboundShared>,
    receiver: Option<Box<dyn PacketReceiver>>,
    codecs: [Option<Codec>; 128],
    /// This side lets audio in: it does not hold the far side.
    pub(crate) open: bool,
    reception: Reception,
    #[cfg(feature = "tap")]
    tap: Option<Box<dyn super::PacketTap>>,
}

/// What others see of it.
#[derive(Default)]
pub(crate) struct InboundShared {
    next_receiver: Mutex<Option<Box<dyn PacketReceiver>>>,
    has_next: AtomicBool,
    #[cfg(feature = "tap")]
    next_tap: Mutex<Option<Box<dyn super::PacketTap>>>,
    figures: Mutex<Figures>,
}

/// What was received so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) discarded: u64,
    pub(crate) lost: u64,
    pub(crate) jitter_ms: f64,
    pub(crate) remote_lost: Option<u64>,
    pub(crate) remote_jitter_ms: Option<f64>,
    pub(crate) round_trip_ms: Option<f64>,
}

/// What an RTCP packet told beyond figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Not RTCP.
    Bad,
    Report,
    Goodbye,
}

impl InboundShared {
    /// Takes effect before the next packet. The lock is never held while a receiver runs.
    pub(crate) fn set_receiver(&self, receiver: Box<dyn PacketReceiver>) {
        let before = self.next_receiver.lock().unwrap_or_else(PoisonError::into_inner).replace(receiver);
        self.has_next.store(true, Ordering::Release);
        drop(before);
    }

    /// Takes effect before the next datagram.
    #[cfg(feature = "tap")]
    pub(crate) fn set_tap(&self, tap: Box<dyn super::PacketTap>) {
        *self.next_tap.lock().unwrap_or_else(PoisonError::into_inner) = Some(tap);
    }

    pub(crate) fn figures(&self) -> Figures {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbound {
    pub(crate) fn new(shared: Arc<InboundShared>) -> Self {
        Self {
            shared,
            receiver: None,
            codecs: [None; 128],
            open: true,
            reception: Reception::default(),
            #[cfg(feature = "tap")]
            tap: None,
        }
    }

    /// Shows a datagram to whoever taps this session: in the clear, and before anything is judged.
    #[cfg(feature = "tap")]
    pub(crate) fn arrived(&mut self, kind: Kind, from: SocketAddr, bytes: &[u8]) {
        let next = self.shared.next_tap.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.tap = next.or(self.tap.take());
        if let Some(tap) = self.tap.as_mut() {
            super::tap::show(tap.as_mut(), kind, from, bytes);
        }
    }

    /// Nobody can tap.
    #[cfg(not(feature = "tap"))]
    pub(crate) fn arrived(&mut self, _: Kind, _: SocketAddr, _: &[u8]) {}

    /// What this side's payload types stand for.
    pub(crate) fn accept(&mut self, mappings: &[CodecMapping]) {
        self.codecs = [None; 128];
        for mapping in mappings {
            self.codecs[usize::from(mapping.payload_type & 0x7f)] = Some(mapping.codec);
        }
    }

    /// Whether this is RTP of a known payload type.
    pub(crate) fn knows(&self, packet: &[u8]) -> bool {
        rtp::parse(packet).is_some_and(|(header, _)| self.codecs[usize::from(header.payload_type)].is_some())
    }

    /// Takes one RTP packet in the clear; `false` if it was thrown away.
    pub(crate) fn media(&mut self, packet: &[u8], arrival: Duration) -> bool {
        let known = rtp::parse(packet).filter(|(_, payload)| payload.len() <= MAX_PAYLOAD).and_then(
            |(header, payload)| Some((header, payload, self.codecs[usize::from(header.payload_type)]?)),
        );
        let Some((header, payload, codec)) = known else {
            self.discard();
            return false;
        };
        self.reception.packet(header.ssrc, header.sequence, header.timestamp, codec.clock_rate(), arrival);
        {
            let mut figures = self.shared.lock();
            figures.packets += 1;
            figures.bytes += payload.len() as u64;
            figures.lost = self.reception.lost();
            figures.jitter_ms = self.reception.jitter_ms();
        }
        if self.shared.has_next.swap(false, Ordering::Acquire) {
            let next = self.shared.next_receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.receiver = next.or(self.receiver.take());
        }
        if let Some(receiver) = self.receiver.as_mut().filter(|_| self.open) {
            let packet = IncomingPacket {
                codec,
                payload_type: header.payload_type,
                marker: header.marker,
                sequence: header.sequence,
                timestamp: header.timestamp,
                ssrc: header.ssrc,
                payload,
            };
            receiver.receive(packet, arrival);
        }
        true
    }

    /// Takes one RTCP compound packet in the clear. `own` is this side's SSRC and its clock rate.
    pub(crate) fn control(&mut self, compound: &[u8], arrival: Duration, own: (u32, Option<u32>)) -> Control {
        let mut told = Control::Report;
        let reception = &mut self.reception;
        let mut figures = self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let valid = rtcp::read(compound, |item| match item {
            Item::Sender(ssrc, info) => reception.sender_report(ssrc, info.ntp, arrival),
            Item::Block(block) if block.ssrc == own.0 => figures.remote_report(block, own.1),
            Item::Block(_) => {}
            Item::Goodbye(_) => told = Control::Goodbye,
        });
        if !valid {
            figures.discarded += 1;
            return Control::Bad;
        }
        told
    }

    /// The block for the next report.
    pub(crate) fn report(&mut self, now: Duration) -> Option<Block> {
        self.reception.report(now)
    }

    /// Counts something thrown away.
    pub(crate) fn discard(&self) {
        self.shared.lock().discarded += 1;
    }
}

impl Figures {
    fn remote_report(&mut self, block: Block, clock_rate: Option<u32>) {
        self.remote_lost = Some(u64::try_from(block.lost).unwrap_or(0));
        if let Some(rate) = clock_rate.filter(|rate| *rate > 0) {
            self.remote_jitter_ms = Some(f64::from(block.jitter) * 1_000.0 / f64::from(rate));
        }
        if block.last_report != 0 {
            let units = ntp_middle_now().wrapping_sub(block.last_report).wrapping_sub(block.delay);
            let round_trip = Duration::from_micros(u64::from(units) * 1_000_000 / 65_536);
            if round_trip < MAX_ROUND_TRIP {
                self.round_trip_ms = Some(round_trip.as_secs_f64() * 1_000.0);
            }
        }
    }
}
