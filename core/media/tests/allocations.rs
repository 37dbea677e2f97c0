//! Carrying a packet allocates nothing in this crate: sending, receiving, counting and handing over, on plain RTP. (On
//! WebRTC the SRTP library returns each packet in a buffer of its own; how many that are is printed.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{Side, exchange, within};
use doorstep_media::{
    sdp::Direction,
    transport::{IncomingPacket, PacketReceiver, TransportEvent},
};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised to this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as promised to this function.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PACKETS: u64 = 500;

struct Count(Arc<AtomicU64>);

impl PacketReceiver for Count {
    fn receive(&mut self, _packet: IncomingPacket<'_>, _arrival: Duration) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// Allocations of the whole process while packets are carried from one session to another.
async fn carried(mut from: Side, mut to: Side) -> u64 {
    exchange(&from, &to, Direction::SendRecv).await;
    let came = Arc::new(AtomicU64::new(0));
    to.session.set_receiver(Box::new(Count(came.clone())));
    from.send(0, &[1; 160]);
    to.send(0, &[1; 160]);
    from.wait_for(TransportEvent::Connected).await;
    to.wait_for(TransportEvent::Connected).await;
    let payload_type = from.session.negotiated().unwrap().voice.payload_type;
    let sink = from.session.sink();
    let mut fewest = u64::MAX;
    // Several rounds: a report or a probe may fall into one.
    for _ in 0..3 {
        let (before, first) = (ALLOCATIONS.load(Ordering::Relaxed), came.load(Ordering::Acquire));
        for n in 1..=PACKETS {
            sink.send(doorstep_media::transport::OutgoingPacket {
                payload_type,
                marker: false,
                timestamp: n as u32 * 160,
                payload: &[n as u8; 160],
            });
            while n % 50 == 0 && came.load(Ordering::Acquire) < first + n {
                tokio::task::yield_now().await;
            }
        }
        fewest = fewest.min(ALLOCATIONS.load(Ordering::Relaxed) - before);
    }
    fewest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_costs_no_allocation() {
    let plain = within(carried(Side::rtp(), Side::rtp())).await;
    let secure = within(carried(Side::web_rtc(), Side::web_rtc())).await;
    eprintln!(
        "allocations per packet, sent and received: plain {plain}/{PACKETS}, WebRTC {secure}/{PACKETS}"
    );
    assert_eq!(plain, 0);
}
