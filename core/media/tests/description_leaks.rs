//! What one party's description says never shows in a description made for another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod common;

use common::Side;
use doorstep_media::sdp::Direction;

/// A courier's offer full of what must not travel.
const OFFER: &str = "v=0\r\n\
    o=courier.id 7718291823 9 IN IP4 10.9.8.7\r\n\
    s=Call of Maria\r\n\
    i=private note\r\n\
    e=maria@example.org\r\n\
    p=+491701234567\r\n\
    c=IN IP4 10.9.8.7\r\n\
    t=0 0\r\n\
    a=tool:SecretPhone/3.1\r\n\
    a=group:BUNDLE 0\r\n\
    m=audio 51234 UDP/TLS/RTP/SAVPF 111 110\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=rtpmap:110 telephone-event/48000\r\n\
    a=mid:0\r\n\
    a=ice-ufrag:theirUfrag\r\n\
    a=ice-pwd:theirPasswordIsQuiteLong0123\r\n\
    a=fingerprint:sha-256 AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89\r\n\
    a=setup:actpass\r\n\
    a=candidate:876 1 udp 2122260223 10.9.8.7 51234 typ host\r\n\
    a=candidate:877 1 udp 1686052607 203.0.113.77 40404 typ srflx raddr 10.9.8.7 rport 51234\r\n\
    a=msid:theirStream theirTrack\r\n\
    a=ssrc:3735928559 cname:theirCname\r\n\
    a=x-customer:4711\r\n\
    a=rtcp-mux\r\n";

const SECRETS: [&str; 19] = [
    "courier",
    "7718291823",
    "10.9.8.7",
    "Maria",
    "private",
    "example.org",
    "49170",
    "SecretPhone",
    "51234",
    "theirUfrag",
    "theirPassword",
    "AB:CD:EF",
    "203.0.113.77",
    "40404",
    "theirStream",
    "theirTrack",
    "theirCname",
    "3735928559",
    "4711",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_nothing_that_the_offer_said_of_its_author() {
    let side = Side::web_rtc();
    let answer = side.session.create_answer(OFFER, Direction::SendRecv).await.unwrap();
    let again = side.session.create_offer(Direction::SendOnly).await.unwrap();
    for secret in SECRETS {
        assert!(OFFER.contains(secret), "{secret} is a good bait");
        assert!(!answer.contains(secret), "{secret} in the answer");
        assert!(!again.contains(secret), "{secret} in a later offer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_one_process_share_no_random_name() {
    let (a, b) = (Side::web_rtc(), Side::web_rtc());
    let first = a.session.create_offer(Direction::SendRecv).await.unwrap();
    let second = b.session.create_offer(Direction::SendRecv).await.unwrap();
    for name in ["o=", "a=ice-ufrag", "a=ice-pwd", "a=ssrc", "a=msid", "m="] {
        let line = |sdp: &str| sdp.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert_ne!(line(&first), line(&second));
    }
    let plain = Side::rtp().session.create_offer(Direction::SendRecv).await.unwrap();
    for line in first.lines().filter(|line| line.starts_with("a=ice") || line.starts_with("a=ssrc")) {
        assert!(!plain.contains(line.split_once(':').unwrap().1));
    }
}
