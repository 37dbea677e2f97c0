//! What arrives, for those who must know all of it: the search for leaks.

use std::net::SocketAddr;

use super::rtp::{self, Kind};

/// What an arrived datagram is (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketKind {
    /// A connectivity check or its answer (RFC 8445).
    Stun,
    /// A record of the handshake, with certificates in the clear up to DTLS 1.2.
    Dtls,
    /// A packet of voice or digits, in the clear: its header and extensions, without the payload.
    Rtp,
    /// A compound of reports, in the clear.
    Rtcp,
    /// None of these, or one that could not be decrypted.
    Other,
}

/// Sees what arrives at a session's sockets before anything is judged or dropped, voice and reports decrypted.
pub trait PacketTap: Send {
    /// One datagram. Called from the session's task: it must not block.
    fn packet(&mut self, kind: PacketKind, from: SocketAddr, bytes: &[u8]);
}

/// Hands a datagram over, without its voice.
pub(super) fn show(tap: &mut dyn PacketTap, kind: Kind, from: SocketAddr, bytes: &[u8]) {
    let (kind, bytes) = match kind {
        Kind::Stun => (PacketKind::Stun, bytes),
        Kind::Dtls => (PacketKind::Dtls, bytes),
        Kind::Rtcp => (PacketKind::Rtcp, bytes),
        Kind::Other => (PacketKind::Other, bytes),
        Kind::Rtp => match rtp::parse(bytes) {
            Some((_, payload)) => {
                (PacketKind::Rtp, bytes.get(..bytes.len() - payload.len()).unwrap_or_default())
            }
            None => (PacketKind::Other, bytes),
        },
    };
    tap.packet(kind, from, bytes);
}
