//! Measures how long two WebRTC sessions on this machine take from the answer to `Connected`, and what a certificate
//! costs (the first session of the process pays for it).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use std::time::Instant;

use doorstep_media::{
    sdp::Direction,
    session::{LocalAddress, MediaSession, SessionConfig},
    transport::TransportEvent,
};

const ROUNDS: usize = 50;

#[tokio::main]
async fn main() {
    let config = || SessionConfig::web_rtc(vec![LocalAddress::direct("127.0.0.1".parse().unwrap())]);
    let mut connect = Vec::new();
    let mut describe = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let (a, mut a_events) = MediaSession::new(config()).unwrap();
        let offer = a.create_offer(Direction::SendRecv).await.unwrap();
        let offered = begun.elapsed();
        let (b, mut b_events) = MediaSession::new(config()).unwrap();
        let answer = b.create_answer(&offer, Direction::SendRecv).await.unwrap();
        let answered = Instant::now();
        a.apply_answer(&answer).await.unwrap();
        for events in [&mut a_events, &mut b_events] {
            while events.recv().await.unwrap() != TransportEvent::Connected {}
        }
        connect.push(answered.elapsed());
        if round == 0 {
            println!("first offer, certificate included: {offered:?}");
        } else {
            describe.push(offered);
        }
    }
    connect.sort();
    describe.sort();
    println!("later offers: p50 {:?}", describe[describe.len() / 2]);
    println!("answer to both connected: p50 {:?}, p95 {:?}", connect[ROUNDS / 2], connect[ROUNDS * 95 / 100]);
}
