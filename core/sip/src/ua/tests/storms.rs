//! Whatever users do and whatever the network loses, both sides come to the same end and keep nothing.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{FLOW, Side, World};
use crate::msg::{Headers, StatusCode};
use crate::ua::{Reply, SessionEvent, SessionId, TransportKind, UaEvent};

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Ring,
    Early,
    Answer,
    Reject,
    Reoffer(bool),
    TakeOffer(bool),
    RefuseOffer(bool),
    Info(bool),
    End(bool),
    Lose(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..3000).prop_map(Step::Wait),
        1 => Just(Step::Ring),
        1 => Just(Step::Early),
        3 => Just(Step::Answer),
        1 => Just(Step::Reject),
        2 => any::<bool>().prop_map(Step::Reoffer),
        2 => any::<bool>().prop_map(Step::TakeOffer),
        1 => any::<bool>().prop_map(Step::RefuseOffer),
        1 => any::<bool>().prop_map(Step::Info),
        1 => any::<bool>().prop_map(Step::End),
        1 => any::<bool>().prop_map(Step::Lose),
    ];
    proptest::collection::vec(step, 1..25)
}

fn side(alice: bool) -> Side {
    if alice { Side::Alice } else { Side::Bob }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_of_operations_over_a_bad_network_ends_the_same_for_both(
        steps in steps(), udp in any::<bool>(), fates in proptest::collection::vec(0u8..10, 40),
    ) {
        let mut world = World::new(if udp { TransportKind::Udp } else { TransportKind::Wss });
        let mut turn = 0;
        if udp {
            world.fate = Box::new(move |_, _| {
                turn += 1;
                match fates[turn % fates.len()] {
                    // Loses a fifth, doubles a tenth, and overtakes.
                    0 | 1 => Vec::new(),
                    2 => vec![Duration::from_millis(5), Duration::from_millis(300)],
                    slow => vec![Duration::from_millis(10 * u64::from(slow))],
                }
            });
        }
        let a = world.invite();
        let mut b: Option<SessionId> = None;
        let mut over = std::collections::BTreeSet::new();
        let mut lost = false;
        for step in steps {
            let wait = if let Step::Wait(ms) = &step { *ms } else { 50 };
            world.pass(Duration::from_millis(wait));
            for (at, event) in std::mem::take(&mut world.events) {
                match event {
                    UaEvent::IncomingInvite { session, .. } => {
                        // A side that lost its flow knows nothing of an INVITE that is sent again.
                        prop_assert!(b.is_none() || lost, "one call rings once");
                        b = Some(session);
                    }
                    UaEvent::Session { session, event } => {
                        let who = (at == Side::Bob, session);
                        prop_assert!(!over.contains(&who), "nothing after Ended, but {event:?}");
                        if let SessionEvent::Ended { .. } = event {
                            over.insert(who);
                        }
                    }
                    _ => {}
                }
            }
            let now = world.now;
            let of = |alice: bool| if alice { Some(a) } else { b };
            // What is not possible now is an error and changes nothing.
            match step {
                Step::Wait(_) => {}
                Step::Ring => { b.map(|b| world.bob.progress(now, b, StatusCode::RINGING, Headers::default(), None)); }
                Step::Early => { b.map(|b| world.bob.progress(now, b, StatusCode::SESSION_PROGRESS, Headers::default(), Some(Bytes::from_static(b"early")))); }
                Step::Answer => { b.map(|b| world.bob.answer(now, b, Headers::default(), Bytes::from_static(b"answer"))); }
                Step::Reject => { b.map(|b| world.bob.reject(now, b, Reply::new(StatusCode::BUSY_HERE))); }
                Step::Reoffer(alice) => { of(alice).map(|id| world.ua(side(alice)).reoffer(now, id, Bytes::from_static(b"new"))); }
                Step::TakeOffer(alice) => { of(alice).map(|id| world.ua(side(alice)).accept_offer(now, id, Bytes::from_static(b"yes"))); }
                Step::RefuseOffer(alice) => { of(alice).map(|id| world.ua(side(alice)).reject_offer(now, id, StatusCode::NOT_ACCEPTABLE_HERE)); }
                Step::Info(alice) => { of(alice).map(|id| world.ua(side(alice)).info(now, id, Headers::default(), Bytes::new())); }
                Step::End(alice) => { of(alice).map(|id| world.ua(side(alice)).end(now, id, None)); }
                Step::Lose(alice) => {
                    lost = true;
                    let name = if alice { "alice" } else { "bob" };
                    let ua = world.ua(side(alice));
                    ua.flow_closed(now, FLOW);
                    ua.flow_opened(FLOW, super::info(if udp { TransportKind::Udp } else { TransportKind::Wss }, name));
                }
            }
        }
        let now = world.now;
        let _ = world.alice.end(now, a, None);
        if let Some(b) = b {
            let _ = world.bob.end(now, b, None);
        }
        world.fate = Box::new(|_, _| vec![Duration::from_millis(20)]);
        // An INVITE that was on its way may ring only now.
        world.pass(Duration::from_secs(100));
        let late: Vec<_> = world.events.iter().filter_map(|(_, event)| match event {
            UaEvent::IncomingInvite { session, .. } => Some(*session),
            _ => None,
        }).collect();
        let now = world.now;
        for session in late {
            let _ = world.bob.end(now, session, None);
        }
        world.pass(Duration::from_secs(7300));
        world.assert_nothing_left();
    }
}
