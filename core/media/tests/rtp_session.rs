//! Plain RTP sessions over real sockets: whom they believe, and what they cost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{LOOPBACK, Side, carry, exchange, rtp, within};
use doorstep_media::{
    sdp::{Codec, Direction},
    session::{MediaSession, SessionConfig, SessionError, SourcePolicy},
    transport::TransportEvent,
};
use tokio::net::UdpSocket;

/// A phone of which the test moves every byte.
struct RawPhone {
    rtp: UdpSocket,
    sequence: u16,
}

impl RawPhone {
    async fn new() -> Self {
        Self { rtp: UdpSocket::bind((LOOPBACK, 0)).await.unwrap(), sequence: 0 }
    }

    fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    /// A description that names `address` and takes PCMU and digits.
    fn sdp(address: SocketAddr, more: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{more}",
            ip = address.ip(),
            port = address.port()
        )
    }

    async fn send(&mut self, to: SocketAddr, payload: &[u8]) {
        self.sequence += 1;
        let mut packet = vec![0x80, 0, 0, self.sequence as u8, 0, 0, 0, 0, 1, 2, 3, 4];
        packet.extend_from_slice(payload);
        self.rtp.send_to(&packet, to).await.unwrap();
    }

    async fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_048];
        let (length, from) = within(self.rtp.recv_from(&mut buffer)).await.unwrap();
        (buffer[..length].to_vec(), from)
    }
}

fn strict() -> SessionConfig {
    SessionConfig { source_policy: SourcePolicy::Strict, ..rtp() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_passes_both_ways_unchanged() {
    for config in [rtp(), strict()] {
        let (mut a, mut b) = (Side::new(config.clone()), Side::new(config));
        let (offer, _) = exchange(&a, &b, Direction::SendRecv).await;
        assert_eq!(Side::port(&offer) % 2, 0, "RTP is on an even port");
        assert_eq!(a.session.negotiated().unwrap().voice.codec, Codec::Pcma);
        carry(&a, &mut b, 500).await;
        carry(&b, &mut a, 500).await;
        a.wait_for(TransportEvent::Connected).await;
        b.wait_for(TransportEvent::Connected).await;
        assert_eq!(b.session.stats().packets_received, 500);
        assert_eq!(b.session.stats().packets_lost, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_believes_only_the_described_address() {
    let mut a = Side::new(strict());
    let (mut phone, mut stranger) = (RawPhone::new().await, RawPhone::new().await);
    let offer = RawPhone::sdp(phone.address(), "");
    let here = Side::address(&a.session.create_answer(&offer, Direction::SendRecv).await.unwrap());
    stranger.send(here, b"forged").await;
    phone.send(here, b"true").await;
    assert_eq!(a.packet().await.payload, b"true");
    stranger.send(here, b"forged").await;
    phone.send(here, b"again").await;
    assert_eq!(a.packet().await.payload, b"again");
    assert_eq!(a.session.stats().packets_discarded, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn symmetric_follows_the_first_sender_and_nobody_after() {
    let mut a = Side::rtp();
    let (mut phone, mut stranger) = (RawPhone::new().await, RawPhone::new().await);
    // What a phone behind NAT says of itself.
    let inside = "192.168.77.7:40000".parse().unwrap();
    let offer = RawPhone::sdp(inside, "");
    let here = Side::address(&a.session.create_answer(&offer, Direction::SendRecv).await.unwrap());
    // Not RTP of this session: nothing to follow.
    stranger.rtp.send_to(b"\x80\x7fnot a known type", here).await.unwrap();
    phone.send(here, b"here I am").await;
    assert_eq!(a.packet().await.payload, b"here I am");
    a.send(0, b"I see you");
    let (packet, from) = phone.receive().await;
    assert_eq!((&packet[12..], from), (b"I see you".as_slice(), here));
    stranger.send(here, b"me too").await;
    phone.send(here, b"go on").await;
    assert_eq!(a.packet().await.payload, b"go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_described_address_wins_over_a_stranger_who_was_first() {
    let mut a = Side::rtp();
    let (mut phone, mut stranger) = (RawPhone::new().await, RawPhone::new().await);
    let offer = RawPhone::sdp(phone.address(), "");
    let here = Side::address(&a.session.create_answer(&offer, Direction::SendRecv).await.unwrap());
    stranger.send(here, b"first").await;
    assert_eq!(a.packet().await.payload, b"first");
    phone.send(here, b"true").await;
    assert_eq!(a.packet().await.payload, b"true");
    stranger.send(here, b"again").await;
    phone.send(here, b"truer").await;
    assert_eq!(a.packet().await.payload, b"truer");
    a.send(0, b"to the phone");
    assert_eq!(&phone.receive().await.0[12..], b"to the phone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_moves_by_a_new_description_is_followed() {
    let mut a = Side::rtp();
    let (mut old, mut new) = (RawPhone::new().await, RawPhone::new().await);
    let offer = RawPhone::sdp(old.address(), "");
    let here = Side::address(&a.session.create_answer(&offer, Direction::SendRecv).await.unwrap());
    old.send(here, b"old").await;
    assert_eq!(a.packet().await.payload, b"old");
    let offer = RawPhone::sdp(new.address(), "");
    a.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    a.send(0, b"moved");
    assert_eq!(&new.receive().await.0[12..], b"moved");
    new.send(here, b"new").await;
    assert_eq!(a.packet().await.payload, b"new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_in_both_spellings_is_told_and_taken_back() {
    let mut a = Side::rtp();
    let phone = RawPhone::new().await;
    a.session.create_answer(&RawPhone::sdp(phone.address(), ""), Direction::SendRecv).await.unwrap();
    let offer = RawPhone::sdp(phone.address(), "a=sendonly\r\n");
    let answer = a.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    assert!(answer.contains("a=recvonly"));
    a.wait_for(TransportEvent::RemoteDirection(Direction::SendOnly)).await;
    a.session.create_answer(&RawPhone::sdp(phone.address(), ""), Direction::SendRecv).await.unwrap();
    a.wait_for(TransportEvent::RemoteDirection(Direction::SendRecv)).await;
    let black_hole = SocketAddr::new("0.0.0.0".parse().unwrap(), phone.address().port());
    a.session.create_answer(&RawPhone::sdp(black_hole, ""), Direction::SendRecv).await.unwrap();
    a.wait_for(TransportEvent::RemoteDirection(Direction::SendOnly)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_falls_silent_is_noticed_and_may_come_back() {
    let mut a = Side::new(SessionConfig {
        disconnected_after: Duration::from_millis(200),
        failed_after: Duration::from_millis(400),
        ..rtp()
    });
    let (mut phone, mut moved) = (RawPhone::new().await, RawPhone::new().await);
    let inside = "192.168.77.7:40000".parse().unwrap();
    let offer = RawPhone::sdp(inside, "");
    let here = Side::address(&a.session.create_answer(&offer, Direction::SendRecv).await.unwrap());
    phone.send(here, b"1").await;
    a.wait_for(TransportEvent::Connected).await;
    a.wait_for(TransportEvent::Disconnected).await;
    // Its NAT gave it another port.
    moved.send(here, b"2").await;
    a.wait_for(TransportEvent::Connected).await;
    a.wait_for(TransportEvent::Disconnected).await;
    a.wait_for(TransportEvent::Failed).await;
    // On hold, silence is right.
    moved.send(here, b"3").await;
    a.wait_for(TransportEvent::Connected).await;
    let hold = RawPhone::sdp(inside, "a=inactive\r\n");
    a.session.create_answer(&hold, Direction::SendRecv).await.unwrap();
    a.wait_for(TransportEvent::RemoteDirection(Direction::Inactive)).await;
    let quiet = tokio::time::timeout(Duration::from_millis(700), a.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_tell_loss_and_round_trip_and_a_closed_session_says_goodbye() {
    let mut a = Side::rtp();
    let mut phone = RawPhone::new().await;
    let offer = RawPhone::sdp(phone.address(), "a=rtcp-mux\r\n");
    let answer = a.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    let here = Side::address(&answer);
    phone.send(here, b"one").await;
    phone.sequence += 2;
    phone.send(here, b"four").await;
    for _ in 0..2 {
        a.packet().await;
    }
    assert_eq!(a.session.stats().packets_lost, 2);
    a.send(160, b"voice");
    phone.receive().await;
    // The first report: SR with one block about the phone's SSRC, two lost.
    let (report, _) = phone.receive().await;
    assert_eq!((report[0], report[1]), (0x81, 200));
    assert_eq!(report[28..32], [1, 2, 3, 4]);
    assert_eq!(report[33..36], [0, 0, 2]);
    // The phone's receiver report about it, sent back at once, closes the round trip.
    let mut answer = vec![0x81, 201, 0, 7, 1, 2, 3, 4];
    answer.extend_from_slice(&report[4..8]);
    answer.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 80]);
    answer.extend_from_slice(&report[10..14]);
    answer.extend_from_slice(&[0; 4]);
    phone.rtp.send_to(&answer, here).await.unwrap();
    let stats = within(async {
        loop {
            let stats = a.session.stats();
            if stats.remote_lost.is_some() {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((stats.remote_lost, stats.remote_jitter_ms), (Some(3), Some(10.0)));
    assert!(stats.round_trip_ms.is_some());
    a.session.close().await;
    let (last, _) = phone.receive().await;
    assert!(last.windows(2).any(|bytes| bytes == [0x81, 203]), "BYE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtcp_on_its_own_port_is_heard() {
    let (mut a, b) = (Side::rtp(), Side::rtp());
    exchange(&a, &b, Direction::SendRecv).await;
    b.session.close().await;
    a.wait_for(TransportEvent::Goodbye).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_range_is_kept_to_used_up_and_freed() {
    // Whatever is free on this machine: the system picks a place, and the range is built around it.
    let probe = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let first = probe.local_addr().unwrap().port() & !1;
    drop(probe);
    let ports = first..=first.saturating_add(5);
    let config = || SessionConfig { ports: Some(ports.clone()), ..rtp() };
    let mut held = Vec::new();
    let exhausted = loop {
        match MediaSession::new(config()) {
            Ok((session, events)) => {
                let offer = session.create_offer(Direction::SendRecv).await.unwrap();
                assert!(ports.contains(&Side::port(&offer)));
                held.push((session, events));
            }
            Err(fault) => break fault,
        }
    };
    assert_eq!(exhausted, SessionError::NoResources);
    assert_eq!(exhausted.sip_status(), 503);
    assert!((1..=3).contains(&held.len()));
    held.pop().unwrap().0.close().await;
    MediaSession::new(config()).expect("the freed pair serves again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_of_other_transports_are_refused() {
    let a = Side::rtp();
    let web = Side::web_rtc().session.create_offer(Direction::SendRecv).await.unwrap();
    assert_eq!(a.session.create_answer(&web, Direction::SendRecv).await.unwrap_err().sip_status(), 488);
    let phone = RawPhone::new().await;
    let keyed = RawPhone::sdp(phone.address(), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n")
        .replace("RTP/AVP", "RTP/SAVP");
    assert_eq!(a.session.create_answer(&keyed, Direction::SendRecv).await.unwrap_err().sip_status(), 488);
}
