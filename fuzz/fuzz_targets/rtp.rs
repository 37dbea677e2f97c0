//! Any datagram is RTP, RTCP, STUN or nothing, and what is counted of it makes a report that reads back.
#![no_main]
// The modules by their paths: doorstep-media as a whole would bring its transport and its codecs in C.
#![allow(dead_code, reason = "only what reads is used here")]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;

#[path = "../../core/media/src/transport/reception.rs"]
mod reception;
#[path = "../../core/media/src/transport/rtcp.rs"]
mod rtcp;
#[path = "../../core/media/src/transport/rtp.rs"]
mod rtp;

fuzz_target!(|datagrams: Vec<(u16, Vec<u8>)>| {
    let mut reception = reception::Reception::default();
    let mut now = Duration::ZERO;
    for (wait_ms, datagram) in &datagrams {
        now += Duration::from_millis(u64::from(*wait_ms));
        let _ = rtp::Kind::of(datagram);
        if let Some((header, payload)) = rtp::parse(datagram) {
            assert!(payload.len() + rtp::HEADER <= datagram.len());
            reception.packet(header.ssrc, header.sequence, header.timestamp, 8_000, now);
        }
        rtcp::read(datagram, |item| {
            if let rtcp::Item::Sender(ssrc, info) = item {
                reception.sender_report(ssrc, info.ntp, now);
            }
        });
        let _ = (reception.lost(), reception.jitter_ms());
        if let Some(block) = reception.report(now) {
            let mut out = Vec::new();
            rtcp::write(&mut out, 1, None, Some(block), "name", true);
            let mut seen = Vec::new();
            assert!(rtcp::read(&out, |item| seen.push(item)));
            assert_eq!(seen.len(), 2, "one block and a goodbye");
        }
    }
});
