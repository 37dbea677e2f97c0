//! What carries RTP between two peers, and the types every transport shares.

use bytes::Bytes;

/// One RTP packet to send; sequence number and SSRC are the transport's.
#[derive(Debug, Clone)]
pub struct OutgoingPacket {
    /// Negotiated payload type, 0–127.
    pub payload_type: u8,
    /// First packet of a talk spurt or of a digit.
    pub marker: bool,
    /// RTP timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Encoded audio or event.
    pub payload: Bytes,
}

/// One RTP packet received (RFC 3550 section 5.1), in the order it arrived.
#[derive(Debug, Clone)]
pub struct IncomingPacket {
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
    pub payload: Bytes,
}

/// A change in a transport's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportEvent {
    /// Media can flow.
    Connected,
    /// The peer has gone silent; it may come back.
    Disconnected,
    /// It cannot come back without a new negotiation.
    Failed,
    /// Closed by this side or for good.
    Closed,
}
