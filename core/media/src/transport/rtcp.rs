//! RTCP reports (RFC 3550 section 6): what is sent every few seconds, and what is read of the far side's.
//!
//! Only what a voice call between two parties needs: sender and receiver reports with one block, CNAME and BYE. All else
//! is stepped over.

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const ITEM_CNAME: u8 = 1;

/// What a sender says about its stream (section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderInfo {
    /// Wall clock in NTP format: seconds since 1900 and 2⁻³² fractions.
    pub(crate) ntp: u64,
    /// The same moment in RTP units.
    pub(crate) rtp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a receiver says about one stream (section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The stream reported on.
    pub(crate) ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// All that were lost; 24 bits, negative when duplicates came.
    pub(crate) lost: i32,
    /// Highest sequence number, with its cycles above 16 bits.
    pub(crate) highest: u32,
    /// Interarrival jitter in RTP units.
    pub(crate) jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time, 0 if none came.
    pub(crate) last_report: u32,
    /// Time since then in 1/65536 s.
    pub(crate) delay: u32,
}

/// One thing read in a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A sender report by this source.
    Sender(u32, SenderInfo),
    /// A reception block, of a sender or receiver report.
    Block(Block),
    /// This source leaves.
    Goodbye(u32),
}

/// Reads a compound packet. `false` if it is not RTCP from its first byte on; items of well-formed packets before a bad
/// one are reported all the same.
pub(crate) fn read(mut compound: &[u8], mut on: impl FnMut(Item)) -> bool {
    let mut any = false;
    while let Some((head, rest)) = compound.split_first_chunk::<4>() {
        let body_len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let Some(body) = rest.get(..body_len).filter(|_| head[0] >> 6 == VERSION) else { return any };
        any = true;
        let count = usize::from(head[0] & 0x1f);
        match head[1] {
            SENDER_REPORT => {
                if let (Some(ssrc), Some(info)) = (word(body, 0), sender_info(body)) {
                    on(Item::Sender(ssrc, info));
                    blocks(body.get(24..).unwrap_or_default(), count, &mut on);
                }
            }
            RECEIVER_REPORT => blocks(body.get(4..).unwrap_or_default(), count, &mut on),
            GOODBYE => {
                (0..count).filter_map(|index| word(body, index)).for_each(|ssrc| on(Item::Goodbye(ssrc)))
            }
            _ => {}
        }
        compound = &rest[body_len..];
    }
    any
}

/// Appends a compound packet: a sender report if `sender` is known, else a receiver report; the CNAME; BYE if asked.
pub(crate) fn write(
    out: &mut Vec<u8>,
    ssrc: u32,
    sender: Option<SenderInfo>,
    block: Option<Block>,
    cname: &str,
    goodbye: bool,
) {
    let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    packet(out, kind, u8::from(block.is_some()), |out| {
        put(out, ssrc);
        if let Some(info) = sender {
            out.extend_from_slice(&info.ntp.to_be_bytes());
            [info.rtp, info.packets, info.octets].into_iter().for_each(|word| put(out, word));
        }
        if let Some(block) = block {
            put(out, block.ssrc);
            let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            put(out, (u32::from(block.fraction_lost) << 24) | lost);
            [block.highest, block.jitter, block.last_report, block.delay]
                .into_iter()
                .for_each(|word| put(out, word));
        }
    });
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    packet(out, SOURCE_DESCRIPTION, 1, |out| {
        put(out, ssrc);
        out.extend_from_slice(&[ITEM_CNAME, cname.len() as u8]);
        out.extend_from_slice(cname);
        out.push(0);
    });
    if goodbye {
        packet(out, GOODBYE, 1, |out| put(out, ssrc));
    }
}

/// One packet: header, body, padded to whole words.
fn packet(out: &mut Vec<u8>, kind: u8, count: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[(VERSION << 6) | count, kind, 0, 0]);
    body(out);
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_be_bytes());
}

fn word(body: &[u8], index: usize) -> Option<u32> {
    body.get(index * 4..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

fn sender_info(body: &[u8]) -> Option<SenderInfo> {
    let ntp = (u64::from(word(body, 1)?) << 32) | u64::from(word(body, 2)?);
    Some(SenderInfo { ntp, rtp: word(body, 3)?, packets: word(body, 4)?, octets: word(body, 5)? })
}

fn blocks(body: &[u8], count: usize, on: &mut impl FnMut(Item)) {
    for block in body.chunks_exact(24).take(count) {
        let (Some(ssrc), Some(loss), Some(highest), Some(jitter), Some(last_report), Some(delay)) =
            (word(block, 0), word(block, 1), word(block, 2), word(block, 3), word(block, 4), word(block, 5))
        else {
            return;
        };
        // The lower 24 bits are signed.
        let lost = ((loss << 8) as i32) >> 8;
        on(Item::Block(Block {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            lost,
            highest,
            jitter,
            last_report,
            delay,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Item, SenderInfo, read, write};

    const INFO: SenderInfo = SenderInfo { ntp: 0x0123_4567_89ab_cdef, rtp: 42, packets: 7, octets: 700 };
    const BLOCK: Block = Block {
        ssrc: 0xfeed_f00d,
        fraction_lost: 128,
        lost: -3,
        highest: 0x1_0005,
        jitter: 33,
        last_report: 0x4567_89ab,
        delay: 65_536,
    };

    fn items(compound: &[u8]) -> (bool, Vec<Item>) {
        let mut items = Vec::new();
        let valid = read(compound, |item| items.push(item));
        (valid, items)
    }

    #[test]
    fn reports_and_goodbye_read_back() {
        let mut out = Vec::new();
        write(&mut out, 5, Some(INFO), Some(BLOCK), "abc", true);
        assert_eq!(out.len() % 4, 0);
        assert_eq!(items(&out), (true, vec![Item::Sender(5, INFO), Item::Block(BLOCK), Item::Goodbye(5)]));
        out.clear();
        write(&mut out, 5, None, None, "abcd", false);
        assert_eq!(items(&out), (true, vec![]));
    }

    #[test]
    fn cut_and_foreign_packets_neither_panic_nor_invent_items() {
        let mut out = Vec::new();
        write(&mut out, 5, Some(INFO), Some(BLOCK), "abc", true);
        for length in 0..out.len() {
            let (_, items) = items(&out[..length]);
            assert!(items.len() < 3, "length {length}");
        }
        assert_eq!(items(&[0; 64]), (false, vec![]));
        // A sender report that claims more blocks than it holds.
        let mut greedy = out.clone();
        greedy[0] |= 0x1f;
        assert_eq!(items(&greedy).1.len(), 3);
    }
}
