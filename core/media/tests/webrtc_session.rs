//! Two WebRTC sessions over real sockets: from offer to voice, and what may happen in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod common;

use std::{net::UdpSocket, time::Duration};

use common::{LOOPBACK, Side, carry, carry_in_any_order, exchange, web_rtc, within};
use doorstep_media::{
    sdp::{Codec, Direction},
    session::{LocalAddress, MediaSession, SessionConfig, SessionError},
    transport::{OutgoingPacket, TransportEvent},
};

async fn connected() -> (Side, Side) {
    let (mut a, mut b) = (Side::web_rtc(), Side::web_rtc());
    exchange(&a, &b, Direction::SendRecv).await;
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_and_digits_pass_both_ways_unchanged() {
    let (mut a, mut b) = connected().await;
    assert_eq!(a.session.negotiated().unwrap().voice.codec, Codec::Opus);
    carry(&a, &mut b, 500).await;
    carry(&b, &mut a, 500).await;
    let digits = a.session.negotiated().unwrap().telephone_event.unwrap();
    assert_eq!(digits.codec, Codec::TelephoneEvent(48_000));
    let event = [5, 0x8a, 0, 160];
    let packet =
        OutgoingPacket { payload_type: digits.payload_type, marker: true, timestamp: 7, payload: &event };
    a.session.sink().send(packet);
    let got = b.packet().await;
    assert_eq!((got.codec, got.marker, got.payload.as_slice()), (digits.codec, true, event.as_slice()));
    let (sent, received) = (a.session.stats(), b.session.stats());
    assert_eq!((sent.packets_sent, sent.packets_dropped), (501, 0));
    assert_eq!((received.packets_received, received.packets_lost), (501, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_before_the_caller_sends() {
    let (a, mut b) = connected().await;
    assert_eq!(a.session.stats().packets_sent, 0);
    a.send(0, b"first");
    assert_eq!(b.packet().await.payload, b"first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_and_resume_by_offers_of_either_side() {
    let (mut a, mut b) = connected().await;
    exchange(&a, &b, Direction::SendOnly).await;
    b.wait_for(TransportEvent::RemoteDirection(Direction::SendOnly)).await;
    assert_eq!(b.session.negotiated().unwrap().local_direction, Direction::RecvOnly);
    b.send(0, b"unheard");
    assert_eq!(b.session.stats().packets_dropped, 1);
    a.send(0, b"music");
    assert_eq!(b.packet().await.payload, b"music");

    exchange(&a, &b, Direction::SendRecv).await;
    b.wait_for(TransportEvent::RemoteDirection(Direction::SendRecv)).await;
    carry(&b, &mut a, 20).await;

    exchange(&b, &a, Direction::Inactive).await;
    a.wait_for(TransportEvent::RemoteDirection(Direction::Inactive)).await;
    assert_eq!(a.session.negotiated().unwrap().local_direction, Direction::Inactive);
    exchange(&b, &a, Direction::SendRecv).await;
    a.wait_for(TransportEvent::RemoteDirection(Direction::SendRecv)).await;
    carry(&a, &mut b, 20).await;
    carry(&b, &mut a, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_was_refused_is_followed_by_another() {
    let (mut a, mut b) = connected().await;
    a.session.create_offer(Direction::SendOnly).await.unwrap();
    carry(&a, &mut b, 5).await;
    exchange(&a, &b, Direction::SendRecv).await;
    carry(&b, &mut a, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_of_another_branch_moves_the_call_there() {
    let (mut a, mut early, mut winner) = (Side::web_rtc(), Side::web_rtc(), Side::web_rtc());
    let offer = a.session.create_offer(Direction::SendRecv).await.unwrap();
    let first = early.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    let second = winner.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    a.session.apply_answer(&first).await.unwrap();
    a.wait_for(TransportEvent::Connected).await;
    early.wait_for(TransportEvent::Connected).await;
    carry(&early, &mut a, 10).await;

    a.session.apply_answer(&first).await.unwrap();
    carry(&early, &mut a, 10).await;

    a.session.apply_answer(&second).await.unwrap();
    winner.wait_for(TransportEvent::Connected).await;
    a.wait_for(TransportEvent::Connected).await;
    carry(&a, &mut winner, 20).await;
    carry(&winner, &mut a, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_vanishes_is_noticed_and_then_given_up() {
    let config = || SessionConfig {
        disconnected_after: Duration::from_millis(600),
        failed_after: Duration::from_millis(1_200),
        ..web_rtc()
    };
    let mut a = Side::new(config());
    let elsewhere =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut b = {
        let _inside = elsewhere.enter();
        Side::new(config())
    };
    exchange(&a, &b, Direction::SendRecv).await;
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    // The task is gone without a word, as when a phone's battery ends.
    elsewhere.shutdown_background();
    a.wait_for(TransportEvent::Disconnected).await;
    a.wait_for(TransportEvent::Failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_leaves_says_goodbye() {
    let (mut a, b) = connected().await;
    b.session.close().await;
    a.wait_for(TransportEvent::Goodbye).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_only_pcma_is_spoken_in_pcma() {
    let mut a = Side::web_rtc();
    let mut b = Side::new(SessionConfig { codecs: vec![Codec::Pcma], ..web_rtc() });
    exchange(&a, &b, Direction::SendRecv).await;
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    let agreed = a.session.negotiated().unwrap();
    assert_eq!((agreed.voice.payload_type, agreed.voice.codec), (8, Codec::Pcma));
    assert_eq!(agreed.telephone_event.unwrap().codec, Codec::TelephoneEvent(8_000));
    a.send(0, &[0xd5; 160]);
    assert_eq!(b.packet().await.codec, Codec::Pcma);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_that_cannot_be_used_are_refused_and_change_nothing() {
    let (mut a, mut b) = connected().await;
    let offer = b.session.create_offer(Direction::SendRecv).await.unwrap();
    let formats = |line: &str| line.split(' ').take(3).chain(["18"]).collect::<Vec<_>>().join(" ");
    let foreign: String = offer
        .lines()
        .filter(|line| !line.starts_with("a=rtpmap") && !line.starts_with("a=fmtp"))
        .map(|line| if line.starts_with("m=") { formats(line) } else { line.to_owned() } + "\r\n")
        .collect();
    let refused = a.session.create_answer(&foreign, Direction::SendRecv).await.unwrap_err();
    assert_eq!(refused.sip_status(), 488);
    let plain: String = offer
        .lines()
        .filter(|line| !line.contains("fingerprint"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let refused = a.session.create_answer(&plain, Direction::SendRecv).await.unwrap_err();
    assert_eq!(refused.sip_status(), 488);
    let refused = a.session.create_answer("v=0\r\nnonsense", Direction::SendRecv).await.unwrap_err();
    assert_eq!(refused.sip_status(), 400);
    assert_eq!(Side::web_rtc().session.apply_answer(&offer).await, Err(SessionError::NoOffer));
    carry(&a, &mut b, 5).await;
    carry(&b, &mut a, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_counted_and_disturbs_nothing() {
    let (mut a, mut b) = (Side::web_rtc(), Side::web_rtc());
    let offer = a.session.create_offer(Direction::SendRecv).await.unwrap();
    let target = Side::address(&offer);
    let stranger = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let mut seed = 1u32;
    let mut junk = |count: usize| {
        for n in 0..count {
            let bytes: Vec<u8> = (0..n % 90)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            stranger.send_to(&bytes, target).unwrap();
            // And what looks right at first sight.
            for first in [0u8, 22, 128] {
                stranger.send_to(&[&[first], bytes.as_slice()].concat(), target).unwrap();
            }
        }
    };
    junk(30);
    let answer = b.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    a.session.apply_answer(&answer).await.unwrap();
    junk(30);
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    // Not more than the socket's buffer holds beside the voice, should its task not get to run for a while.
    junk(10);
    carry(&a, &mut b, 50).await;
    carry(&b, &mut a, 50).await;
    assert!(a.session.stats().packets_discarded >= 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_no_fingerprint_vouches_for_ends_it() {
    let (mut a, b) = (Side::web_rtc(), Side::web_rtc());
    let offer = a.session.create_offer(Direction::SendRecv).await.unwrap();
    let answer = b.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    let at = answer.find("sha-256 ").unwrap() + "sha-256 ".len();
    let other = if answer[at..].starts_with("00") { "11" } else { "00" };
    let forged = format!("{}{other}{}", &answer[..at], &answer[at + 2..]);
    a.session.apply_answer(&forged).await.unwrap();
    a.wait_for(TransportEvent::Failed).await;
    assert_eq!(a.session.stats().packets_sent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_network_is_followed_by_an_ice_restart() {
    let (mut a, mut b) = connected().await;
    a.session.restart_ice(vec![LocalAddress::direct(LOOPBACK)]).await.unwrap();
    // The old path carries on until the new one works.
    carry(&a, &mut b, 5).await;
    let before = a.session.create_offer(Direction::SendRecv).await.unwrap();
    let answer = b.session.create_answer(&before, Direction::SendRecv).await.unwrap();
    a.session.apply_answer(&answer).await.unwrap();
    carry_in_any_order(&a, &mut b, 50).await;
    carry_in_any_order(&b, &mut a, 50).await;
    // And from the other side, on the same sockets.
    b.session.restart_ice(Vec::new()).await.unwrap();
    let (after, _) = exchange(&b, &a, Direction::SendRecv).await;
    assert_ne!(ufrag(&answer), ufrag(&after));
    carry_in_any_order(&a, &mut b, 50).await;
    carry_in_any_order(&b, &mut a, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_changes_again_before_the_last_change_is_through_costs_no_packet() {
    let (mut a, mut b) = connected().await;
    for _ in 0..10 {
        a.session.restart_ice(vec![LocalAddress::direct(LOOPBACK)]).await.unwrap();
        exchange(&a, &b, Direction::SendRecv).await;
        carry_in_any_order(&a, &mut b, 3).await;
        b.session.restart_ice(Vec::new()).await.unwrap();
        exchange(&b, &a, Direction::SendRecv).await;
        carry_in_any_order(&a, &mut b, 3).await;
        carry_in_any_order(&b, &mut a, 3).await;
    }
}

fn ufrag(sdp: &str) -> &str {
    sdp.lines().find(|line| line.starts_with("a=ice-ufrag")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_trickles_is_answered_in_kind_and_connects() {
    let (mut a, mut b) = (Side::web_rtc(), Side::web_rtc());
    let full = a.session.create_offer(Direction::SendRecv).await.unwrap();
    assert!(!full.contains("trickle") && full.contains("a=end-of-candidates"));
    let (candidates, mut bare): (Vec<_>, Vec<_>) =
        full.lines().partition(|line| line.starts_with("a=candidate"));
    bare.retain(|line| *line != "a=end-of-candidates");
    let bare: String =
        bare.into_iter().chain(["a=ice-options:trickle"]).map(|line| format!("{line}\r\n")).collect();
    let answer = b.session.create_answer(&bare, Direction::SendRecv).await.unwrap();
    assert!(answer.contains("a=ice-options:trickle"));
    b.session.add_remote_candidate(candidates[0]).await.unwrap();
    b.session.add_remote_candidate("not one").await.unwrap();
    a.session.apply_answer(&answer).await.unwrap();
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_with_several_addresses_offers_those_that_it_still_has() {
    // The third belonged to a network that is gone.
    let addresses = ["127.0.0.1", "127.0.0.2", "192.0.2.77"];
    let addresses = addresses.map(|ip| LocalAddress::direct(ip.parse().unwrap()));
    let (mut a, mut b) = (Side::new(SessionConfig::web_rtc(addresses.to_vec())), Side::web_rtc());
    let (offer, _) = exchange(&a, &b, Direction::SendRecv).await;
    let offered: Vec<_> = offer.lines().filter(|line| line.starts_with("a=candidate")).collect();
    assert_eq!(offered.len(), 2, "{offered:?}");
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    carry(&a, &mut b, 20).await;
    carry(&b, &mut a, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_session_frees_its_port_and_says_so_last() {
    let (mut a, b) = (Side::web_rtc(), Side::web_rtc());
    let (offer, _) = exchange(&a, &b, Direction::SendRecv).await;
    assert!(UdpSocket::bind(Side::address(&offer)).is_err());
    let sink = a.session.sink();
    a.session.close().await;
    UdpSocket::bind(Side::address(&offer)).expect("the port is free");
    let mut last = None;
    while let Some(event) = within(a.events.recv()).await {
        last = Some(event);
    }
    assert_eq!(last, Some(TransportEvent::Closed));
    assert_eq!(a.session.create_offer(Direction::SendRecv).await, Err(SessionError::Closed));
    a.session.close().await;
    let dropped = a.session.stats().packets_dropped;
    sink.send(OutgoingPacket { payload_type: 111, marker: false, timestamp: 0, payload: b"late" });
    assert_eq!(a.session.stats().packets_dropped, dropped + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_session_frees_its_port() {
    let mut a = Side::web_rtc();
    let offer = a.session.create_offer(Direction::SendRecv).await.unwrap();
    drop(a.session);
    while within(a.events.recv()).await.is_some() {}
    UdpSocket::bind(Side::address(&offer)).expect("the port is free");
}

#[test]
fn without_a_runtime_or_an_address_there_is_no_session() {
    assert_eq!(MediaSession::new(web_rtc()).err(), Some(SessionError::NoResources));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let nameless = vec![LocalAddress::direct("0.0.0.0".parse().unwrap())];
    for config in [SessionConfig::web_rtc(Vec::new()), SessionConfig::web_rtc(nameless)] {
        assert_eq!(MediaSession::new(config).err(), Some(SessionError::Config));
    }
}
