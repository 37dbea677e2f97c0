//! What the session tests share: a receiver that keeps packets, and waiting with a limit.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use doorstep_media::{
    sdp::{Codec, Direction},
    session::{LocalAddress, MediaSession, SessionConfig},
    transport::{IncomingPacket, OutgoingPacket, PacketReceiver, TransportEvent},
};
use tokio::sync::mpsc;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nothing here takes this long; it only keeps a broken test from hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// An owned copy of a received packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
}

struct Keeper(mpsc::UnboundedSender<Packet>);

impl PacketReceiver for Keeper {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        let IncomingPacket { codec, payload_type, marker, sequence, timestamp, payload, .. } = packet;
        let _gone = self.0.send(Packet {
            codec,
            payload_type,
            marker,
            sequence,
            timestamp,
            payload: payload.to_vec(),
        });
    }
}

/// One side of a call.
pub(crate) struct Side {
    pub(crate) session: MediaSession,
    pub(crate) events: mpsc::Receiver<TransportEvent>,
    pub(crate) packets: mpsc::UnboundedReceiver<Packet>,
}

impl Side {
    pub(crate) fn new(config: SessionConfig) -> Self {
        let (session, events) = MediaSession::new(config).unwrap();
        let (sender, packets) = mpsc::unbounded_channel();
        session.set_receiver(Box::new(Keeper(sender)));
        Self { session, events, packets }
    }

    pub(crate) fn web_rtc() -> Self {
        Self::new(web_rtc())
    }

    pub(crate) fn rtp() -> Self {
        Self::new(rtp())
    }

    /// Waits for one event and steps over others.
    pub(crate) async fn wait_for(&mut self, wanted: TransportEvent) {
        loop {
            let event = within(self.events.recv()).await.unwrap_or_else(|| panic!("{wanted:?} never came"));
            if event == wanted {
                return;
            }
        }
    }

    pub(crate) async fn packet(&mut self) -> Packet {
        within(self.packets.recv()).await.expect("the session ended")
    }

    /// Sends one voice packet of the agreed codec.
    pub(crate) fn send(&self, timestamp: u32, payload: &[u8]) {
        let payload_type = self.session.negotiated().unwrap().voice.payload_type;
        self.session.sink().send(OutgoingPacket { payload_type, marker: false, timestamp, payload });
    }

    /// The UDP port in the session's description.
    pub(crate) fn port(sdp: &str) -> u16 {
        let line = sdp.lines().find(|line| line.starts_with("m=audio")).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn address(sdp: &str) -> SocketAddr {
        SocketAddr::new(LOOPBACK, Self::port(sdp))
    }
}

pub(crate) fn web_rtc() -> SessionConfig {
    SessionConfig::web_rtc(vec![LocalAddress::direct(LOOPBACK)])
}

pub(crate) fn rtp() -> SessionConfig {
    SessionConfig::rtp(LocalAddress::direct(LOOPBACK))
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("took too long")
}

/// Offer from `a`, answer from `b`; gives both descriptions.
pub(crate) async fn exchange(a: &Side, b: &Side, direction: Direction) -> (String, String) {
    let offer = a.session.create_offer(direction).await.unwrap();
    let answer = b.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    a.session.apply_answer(&answer).await.unwrap();
    (offer, answer)
}

/// As [`carry`] while the path may change: packets overtake each other when the later one takes the newer path. None is
/// lost, none comes twice, and each has its place.
pub(crate) async fn carry_in_any_order(from: &Side, to: &mut Side, count: u32) {
    let mut awaited: Vec<u32> = (0..count).collect();
    let mut start = None;
    for n in 0..count {
        from.send(n * 960, &n.to_be_bytes());
    }
    while !awaited.is_empty() {
        let packet = to.packet().await;
        let n = u32::from_be_bytes(packet.payload.as_slice().try_into().unwrap());
        let place = awaited.iter().position(|awaited| *awaited == n);
        awaited.swap_remove(place.unwrap_or_else(|| panic!("{n} came twice")));
        let began = (packet.sequence.wrapping_sub(n as u16), packet.timestamp.wrapping_sub(n * 960));
        assert_eq!(*start.get_or_insert(began), began);
    }
}

/// Sends `count` numbered packets from one side to the other, a few ahead of what has arrived, and checks each.
pub(crate) async fn carry(from: &Side, to: &mut Side, count: u32) {
    const AHEAD: u32 = 20;
    let payload = |n: u32| -> Vec<u8> { (0..40).map(|i| (n.wrapping_mul(31) + i) as u8).collect() };
    let mut base = None;
    for n in 0..count + AHEAD {
        if n < count {
            from.send(n * 960, &payload(n));
        }
        if let Some(arrived) = n.checked_sub(AHEAD) {
            let packet = to.packet().await;
            let (sequence, timestamp) = *base.get_or_insert((packet.sequence, packet.timestamp));
            assert_eq!(packet.payload, payload(arrived));
            assert_eq!(packet.sequence, sequence.wrapping_add(arrived as u16));
            assert_eq!(packet.timestamp, timestamp.wrapping_add(arrived * 960));
        }
    }
}
