//! RTP packets on the wire (RFC 3550 section 5.1), and what tells the packets on one port apart (RFC 7983).

/// Bytes of the header that is sent: no contributing sources, no extension.
pub(crate) const HEADER: usize = 12;
const VERSION: u8 = 2;

/// What a datagram's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Other,
}

impl Kind {
    /// RFC 7983 section 7, and RFC 5761 section 4 for RTP against RTCP.
    pub(crate) fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Other,
        }
    }
}

/// The header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = VERSION << 6;
        bytes[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

/// Splits a packet into header and payload; `None` if it is not well-formed RTP. Contributing sources, extensions and
/// padding are skipped.
pub(crate) fn parse(packet: &[u8]) -> Option<(Header, &[u8])> {
    let (head, rest) = packet.split_first_chunk::<HEADER>()?;
    if head[0] >> 6 != VERSION {
        return None;
    }
    let contributors = usize::from(head[0] & 0x0f) * 4;
    let mut payload = rest.get(contributors..)?;
    if head[0] & 0x10 != 0 {
        let (extension, after) = payload.split_first_chunk::<4>()?;
        let words = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
        payload = after.get(words * 4..)?;
    }
    if head[0] & 0x20 != 0 {
        let padding = usize::from(*payload.last()?);
        payload = payload.get(..payload.len().checked_sub(padding).filter(|_| padding > 0)?)?;
    }
    let header = Header {
        marker: head[1] & 0x80 != 0,
        payload_type: head[1] & 0x7f,
        sequence: u16::from_be_bytes([head[2], head[3]]),
        timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
    };
    Some((header, payload))
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Header, Kind, parse};

    const SAMPLE: Header = Header {
        marker: true,
        payload_type: 111,
        sequence: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
    };

    #[test]
    fn a_written_header_reads_back() {
        let mut packet = SAMPLE.to_bytes().to_vec();
        packet.extend_from_slice(b"voice");
        assert_eq!(parse(&packet), Some((SAMPLE, b"voice".as_slice())));
        assert_eq!(Kind::of(&packet), Kind::Rtp);
    }

    #[test]
    fn contributors_extension_and_padding_are_skipped() {
        let mut packet = SAMPLE.to_bytes().to_vec();
        packet[0] |= 0x20 | 0x10 | 1;
        packet.extend_from_slice(&[9; 4]);
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 7, 7, 7, 7]);
        packet.extend_from_slice(b"voice\0\0\x03");
        assert_eq!(parse(&packet), Some((SAMPLE, b"voice".as_slice())));
    }

    #[test]
    fn every_shortened_or_overlong_field_is_refused_without_panic() {
        let full = {
            let mut packet = SAMPLE.to_bytes().to_vec();
            packet[0] |= 0x20 | 0x10 | 2;
            packet.extend_from_slice(&[0; 8]);
            packet.extend_from_slice(&[0, 0, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1]);
            packet
        };
        assert!(parse(&full).is_some());
        for length in 0..full.len() - 1 {
            assert_eq!(parse(&full[..length]), None, "length {length}");
        }
        let mut overlong = SAMPLE.to_bytes().to_vec();
        overlong[0] |= 0x20;
        overlong.push(200);
        assert_eq!(parse(&overlong), None);
        assert_eq!(parse(&[0x40; HEADER]), None, "version 1");
    }
}
