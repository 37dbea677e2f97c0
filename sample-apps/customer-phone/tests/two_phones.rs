//! Two phones that call each other hold what either promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::net::SocketAddr;
use std::time::Duration;

use customer_phone::{CallId, EndReason, OnCall, Phone, PhoneConfig, PhoneEventKind, PhoneEvents, Transport};
use doorstep_media::sdp::Codec;

const ANNA: &str = "+4930901820";
const BERT: &str = "+4930901821";

/// Longest that any single step may take, so that a failing test ends.
const PATIENCE: Duration = Duration::from_secs(20);

struct Owner {
    phone: Phone,
    events: PhoneEvents,
}

impl Owner {
    async fn new(config: PhoneConfig) -> Self {
        let (phone, events) = Phone::start(config).await.unwrap();
        Self { phone, events }
    }

    async fn next(&mut self) -> (CallId, PhoneEventKind) {
        let event = tokio::time::timeout(PATIENCE, self.events.next()).await.expect("an event in time");
        let event = event.expect("a running phone");
        (event.call, event.kind)
    }

    /// The next event must be this one.
    async fn sees(&mut self, expected: PhoneEventKind) -> CallId {
        let (call, kind) = self.next().await;
        assert_eq!(kind, expected);
        call
    }
}

fn config(number: &str, trunk: SocketAddr) -> PhoneConfig {
    PhoneConfig::new(number, trunk)
}

/// Bert does what `on_call` says; Anna calls through Bert's address.
async fn pair(on_call: OnCall) -> (Owner, Owner) {
    pair_over(Transport::Udp, on_call).await
}

async fn pair_over(transport: Transport, on_call: OnCall) -> (Owner, Owner) {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let bert =
        Owner::new(PhoneConfig { on_call, transport: transport.clone(), ..config(BERT, nowhere) }).await;
    let anna = Owner::new(PhoneConfig { transport, ..config(ANNA, bert.phone.local_addr()) }).await;
    (anna, bert)
}

fn incoming() -> PhoneEventKind {
    PhoneEventKind::Incoming { screen: ANNA.to_owned() }
}

fn calling() -> PhoneEventKind {
    PhoneEventKind::Calling { number: BERT.to_owned() }
}

fn ended(reason: EndReason) -> PhoneEventKind {
    PhoneEventKind::Ended { reason }
}

async fn connected() -> (Owner, CallId, Owner, CallId) {
    connected_over(Transport::Udp).await
}

async fn connected_over(transport: Transport) -> (Owner, CallId, Owner, CallId) {
    let (mut anna, mut bert) = pair_over(transport, OnCall::Answer { after: Duration::ZERO }).await;
    let call = anna.phone.call(BERT).await.unwrap();
    anna.sees(calling()).await;
    let there = bert.sees(incoming()).await;
    anna.sees(PhoneEventKind::Ringing).await;
    bert.sees(PhoneEventKind::Answered).await;
    anna.sees(PhoneEventKind::Answered).await;
    (anna, call, bert, there)
}

#[tokio::test]
async fn the_caller_hangs_up() {
    let (mut anna, call, mut bert, _) = connected().await;
    anna.phone.hang_up(call).await.unwrap();
    anna.sees(ended(EndReason::HungUpHere)).await;
    bert.sees(ended(EndReason::HungUpThere)).await;
}

#[tokio::test]
async fn over_tcp_either_side_hangs_up() {
    let (mut anna, call, mut bert, _) = connected_over(Transport::Tcp).await;
    anna.phone.hang_up(call).await.unwrap();
    anna.sees(ended(EndReason::HungUpHere)).await;
    bert.sees(ended(EndReason::HungUpThere)).await;
    let (mut anna, _, mut bert, there) = connected_over(Transport::Tcp).await;
    bert.phone.hang_up(there).await.unwrap();
    bert.sees(ended(EndReason::HungUpHere)).await;
    anna.sees(ended(EndReason::HungUpThere)).await;
}

#[tokio::test]
async fn over_tcp_a_closed_port_is_a_lost_connection() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let trunk = port.local_addr().unwrap();
    drop(port);
    let transport = Transport::Tcp;
    let mut anna = Owner::new(PhoneConfig { transport, ..config(ANNA, trunk) }).await;
    anna.phone.call(BERT).await.unwrap();
    anna.sees(calling()).await;
    anna.sees(ended(EndReason::ConnectionLost)).await;
}

#[tokio::test]
async fn the_called_hangs_up() {
    let (mut anna, _, mut bert, there) = connected().await;
    bert.phone.hang_up(there).await.unwrap();
    bert.sees(ended(EndReason::HungUpHere)).await;
    anna.sees(ended(EndReason::HungUpThere)).await;
}

#[tokio::test]
async fn a_busy_phone_refuses() {
    let (mut anna, _bert) = pair(OnCall::Busy).await;
    anna.phone.call(BERT).await.unwrap();
    anna.sees(calling()).await;
    anna.sees(ended(EndReason::Refused { status: 486, text: "Busy Here".to_owned() })).await;
}

#[tokio::test]
async fn the_caller_gives_up_while_it_rings() {
    let (mut anna, mut bert) = pair(OnCall::Ring).await;
    let call = anna.phone.call(BERT).await.unwrap();
    anna.sees(calling()).await;
    bert.sees(incoming()).await;
    anna.sees(PhoneEventKind::Ringing).await;
    anna.phone.hang_up(call).await.unwrap();
    anna.sees(ended(EndReason::HungUpHere)).await;
    bert.sees(ended(EndReason::HungUpThere)).await;
}

#[tokio::test]
async fn a_ringing_call_is_answered_by_hand() {
    let (mut anna, mut bert) = pair(OnCall::Ring).await;
    anna.phone.call(BERT).await.unwrap();
    let there = bert.sees(incoming()).await;
    bert.phone.answer(there).await.unwrap();
    bert.sees(PhoneEventKind::Answered).await;
    anna.sees(calling()).await;
    anna.sees(PhoneEventKind::Ringing).await;
    anna.sees(PhoneEventKind::Answered).await;
}

#[tokio::test]
async fn a_ringing_call_is_refused_by_hand() {
    let (mut anna, mut bert) = pair(OnCall::Ring).await;
    anna.phone.call(BERT).await.unwrap();
    let there = bert.sees(incoming()).await;
    bert.phone.refuse(there, 603).await.unwrap();
    bert.sees(ended(EndReason::RefusedHere)).await;
    anna.sees(calling()).await;
    anna.sees(PhoneEventKind::Ringing).await;
    let (_, kind) = anna.next().await;
    assert!(matches!(kind, PhoneEventKind::Ended { reason: EndReason::Refused { status: 603, .. } }));
}

#[tokio::test]
async fn nothing_in_common_is_488() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut bert = Owner::new(PhoneConfig { codecs: vec![Codec::Pcma], ..config(BERT, nowhere) }).await;
    let trunk = bert.phone.local_addr();
    let mut anna = Owner::new(PhoneConfig { codecs: vec![Codec::Pcmu], ..config(ANNA, trunk) }).await;
    anna.phone.call(BERT).await.unwrap();
    anna.sees(calling()).await;
    let (_, kind) = anna.next().await;
    assert!(matches!(kind, PhoneEventKind::Ended { reason: EndReason::Refused { status: 488, .. } }));
    bert.sees(ended(EndReason::NoCommonCodec)).await;
}

#[tokio::test]
async fn hold_and_resume_reach_the_far_side() {
    let (mut anna, call, mut bert, _) = connected().await;
    anna.phone.hold(call).await.unwrap();
    bert.sees(PhoneEventKind::Held { held: true }).await;
    anna.sees(PhoneEventKind::MediaChanged { accepted: true }).await;
    anna.phone.resume(call).await.unwrap();
    bert.sees(PhoneEventKind::Held { held: false }).await;
    anna.sees(PhoneEventKind::MediaChanged { accepted: true }).await;
}

#[tokio::test]
async fn shutting_down_hangs_up() {
    let (anna, _, mut bert, _) = connected().await;
    anna.phone.shutdown().await;
    bert.sees(ended(EndReason::HungUpThere)).await;
}

#[tokio::test]
async fn what_is_no_number_is_not_dialled() {
    let (anna, _bert) = pair(OnCall::Busy).await;
    assert!(anna.phone.call("sip:x@y").await.is_err());
    assert!(anna.phone.call("").await.is_err());
}
