//! What carries RTP between two peers, and the types every transport shares.
//!
//! Packets cross this boundary with borrowed payloads: whoever wants to keep one copies it into a buffer of its own, so
//! that nothing has to be allocated per packet on this engine's side. All times are `Duration`s since the session's
//! epoch, the moment at which the transport was made; nobody beyond the transport reads a clock.

use std::{fmt, time::Duration};

use crate::sdp::{Codec, CodecMapping, Direction};

mod dtls;
mod ice;
mod inbound;
mod outbound;
mod paths;
mod plain;
mod reception;
mod rtcp;
mod rtp;
mod secure;
mod socket;
#[cfg(feature = "tap")]
mod tap;

pub(crate) use ice::{Patience, random_text};
pub(crate) use inbound::{Inbound, InboundShared};
pub(crate) use outbound::Outbound;
pub(crate) use plain::PlainLink;
pub use plain::SourcePolicy;
pub(crate) use rtp::Kind;
pub(crate) use secure::{LinkEvent, SecureLink};
pub(crate) use socket::{Socket, bind, bind_pair};
#[cfg(feature = "tap")]
pub use tap::{PacketKind, PacketTap};
pub(crate) mod report {
    pub(crate) use super::rtcp::write;
}

/// Cryptography or the ICE agent refused something that this crate is in charge of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault;

/// Largest RTP payload that is sent or handed over, in bytes: an Ethernet frame's worth. Longer ones are dropped and
/// counted.
pub const MAX_PAYLOAD: usize = 1_400;

/// One RTP packet to send; sequence number, SSRC and the timestamp's random offset are the transport's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OutgoingPacket<'a> {
    /// Negotiated payload type, 0–127.
    pub payload_type: u8,
    /// First packet of a talk spurt or of a digit.
    pub marker: bool,
    /// RTP timestamp in units of the codec's clock; the sender's own count, from any start.
    pub timestamp: u32,
    /// Encoded audio or event, at most [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// One RTP packet received (RFC 3550 section 5.1), in the order it arrived; duplicates and reordering are not mended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IncomingPacket<'a> {
    /// What the payload type stands for by this side's description. The far side may change between all codecs
    /// that were agreed on, from one packet to the next.
    pub codec: Codec,
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Encoded audio or event, padding removed.
    pub payload: &'a [u8],
}

/// Where encoded audio and digits go out. Shared, and cheap to call from an audio thread.
pub trait PacketSink: Send + Sync {
    /// Sends one packet. Never blocks and never fails loudly: a packet that cannot go out now (not connected, held,
    /// queue full, payload type not negotiated, too long) is dropped and counted in
    /// [`TransportStats::packets_dropped`].
    fn send(&self, packet: OutgoingPacket<'_>);
}

impl fmt::Debug for OutgoingPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingPacket")
            .field("payload_type", &self.payload_type)
            .field("marker", &self.marker)
            .field("timestamp", &self.timestamp)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}

impl fmt::Debug for IncomingPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingPacket")
            .field("codec", &self.codec)
            .field("payload_type", &self.payload_type)
            .field("marker", &self.marker)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}

/// Takes what the far side sent. Called from the transport's own task, one packet at a time: it must not block.
pub trait PacketReceiver: Send {
    /// One packet of a negotiated payload type; `arrival` is measured since the session's epoch.
    fn receive(&mut self, packet: IncomingPacket<'_>, arrival: Duration);
}

/// A change in a transport's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportEvent {
    /// Media can flow: ICE and DTLS are through, or on plain RTP the first packet came.
    Connected,
    /// The far side has gone silent (no RTP, no RTCP, no ICE consent); it may come back as `Connected`.
    Disconnected,
    /// It has been silent for so long, or ICE or DTLS failed so thoroughly, that only a new negotiation can help.
    Failed,
    /// The far side's description changed the way audio may flow: its direction, seen from itself. `SendOnly` and
    /// `Inactive` mean that it holds us.
    RemoteDirection(Direction),
    /// The far side said goodbye (RTCP BYE); it stays silent from now on.
    Goodbye,
    /// Closed by this side. The last event.
    Closed,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The voice codec to send, under the far side's payload type.
    pub voice: CodecMapping,
    /// Digits at the voice codec's clock, if the far side takes them.
    pub telephone_event: Option<CodecMapping>,
    /// Which way audio may flow, seen from this side.
    pub local_direction: Direction,
    /// The direction the far side stated, seen from itself.
    pub remote_direction: Direction,
    /// Length of audio in one packet that the far side prefers.
    pub ptime: Duration,
    /// The highest sampling rate in Hz that the far side plays (Opus; RFC 7587 section 6.1).
    pub playback_rate: u32,
}

/// Counters of one session since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TransportStats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Bytes of RTP payload sent.
    pub bytes_sent: u64,
    /// Packets handed to the sink that did not go out.
    pub packets_dropped: u64,
    /// RTP packets received, those of a far side on hold included.
    pub packets_received: u64,
    /// Bytes of RTP payload received.
    pub bytes_received: u64,
    /// Packets or datagrams that were thrown away: not RTP, not of this session, wrong source.
    pub packets_discarded: u64,
    /// Packets of the far side that never came (RFC 3550 appendix A.3); duplicates do not lower it below 0.
    pub packets_lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Packets of ours that never reached the far side, by its latest RTCP report.
    pub remote_lost: Option<u64>,
    /// Interarrival jitter at the far side in milliseconds, by its latest RTCP report.
    pub remote_jitter_ms: Option<f64>,
    /// Round trip in milliseconds, by the latest RTCP report.
    pub round_trip_ms: Option<f64>,
}
