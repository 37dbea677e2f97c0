//! Whatever two couriers press, and whatever network, gateway, voice engine and token provider do meanwhile: every call
//! ends once, with its events in order (the phones hold that with each event), and nothing is left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{
    CallHandle, CallState, Command, DownReason, Event, MediaFailure, PushKind, Target, TokenFailure,
    TransportKind, replay,
};
use doorstep_testkit::network::Conditions;
use doorstep_testkit::phone::push;
use doorstep_testkit::server::Switchboard;
use doorstep_testkit::world::{HOP, World};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Contact,
    Answer,
    Reject(bool),
    /// What is done to one of the calls.
    Do(Press, usize),
    Push(bool, u8),
    NetworkChanged,
    Reset,
    Cut(bool),
    Refuse(Option<DownReason>),
    Media(Option<MediaFailure>, u64, bool),
    PathsBreak,
    Tokens(Option<TokenFailure>, Option<u64>),
    Registered(bool),
    Background(bool),
}

#[derive(Debug, Clone)]
enum Press {
    HangUp,
    Hold,
    Resume,
    Mute(bool),
    Digits,
    Transfer,
    TransferTo(usize),
}

fn press() -> impl Strategy<Value = Press> {
    prop_oneof![
        3 => Just(Press::HangUp),
        3 => Just(Press::Hold),
        3 => Just(Press::Resume),
        1 => any::<bool>().prop_map(Press::Mute),
        1 => Just(Press::Digits),
        1 => Just(Press::Transfer),
        1 => (0usize..4).prop_map(Press::TransferTo),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let down = prop_oneof![
        3 => Just(None),
        1 => Just(Some(DownReason::Unreachable)),
        1 => Just(Some(DownReason::Unauthorized)),
        1 => Just(Some(DownReason::TimedOut)),
    ];
    let failure = prop_oneof![
        6 => Just(None),
        1 => Just(Some(MediaFailure::NoCommonCodec)),
        1 => Just(Some(MediaFailure::Transport)),
    ];
    let tokens = prop_oneof![
        4 => Just(None),
        1 => Just(Some(TokenFailure::Unavailable)),
        1 => Just(Some(TokenFailure::Denied)),
    ];
    prop_oneof![
        10 => prop_oneof![0u64..100, 100u64..3_000, 3_000u64..40_000].prop_map(Step::Wait),
        5 => Just(Step::Contact),
        6 => Just(Step::Answer),
        1 => any::<bool>().prop_map(Step::Reject),
        10 => (press(), 0usize..4).prop_map(|(press, call)| Step::Do(press, call)),
        1 => (any::<bool>(), 0u8..4).prop_map(|(incoming, call)| Step::Push(incoming, call)),
        1 => Just(Step::NetworkChanged),
        1 => Just(Step::Reset),
        2 => any::<bool>().prop_map(Step::Cut),
        1 => down.prop_map(Step::Refuse),
        1 => (failure, 0u64..200, any::<bool>()).prop_map(|(fails, delay, events)| Step::Media(fails, delay, events)),
        1 => Just(Step::PathsBreak),
        1 => (tokens, proptest::option::of(1u64..600)).prop_map(|(fails, life)| Step::Tokens(fails, life)),
        1 => any::<bool>().prop_map(Step::Registered),
        1 => any::<bool>().prop_map(Step::Background),
    ]
}

fn do_step(world: &mut World<Switchboard>, phone: usize, step: Step) {
    let calls: Vec<CallHandle> = world.phones[phone].calls().iter().map(|call| call.call).collect();
    let nth = |at: usize| calls.get(at % calls.len().max(1)).copied();
    let command = match step {
        Step::Wait(ms) => return world.pass(Duration::from_millis(ms)),
        Step::Contact => {
            world.contact(phone, "4711");
            return;
        }
        Step::Answer => world.phones[phone].incoming().map(|call| Command::Answer { call }),
        Step::Reject(busy) => world.phones[phone].incoming().map(|call| Command::Reject { call, busy }),
        Step::Do(press, at) => nth(at).and_then(|call| {
            Some(match press {
                Press::HangUp => Command::HangUp { call },
                Press::Hold => Command::Hold { call },
                Press::Resume => Command::Resume { call },
                Press::Mute(on) => Command::Mute { call, on },
                Press::Digits => Command::SendDtmf { call, digits: "12#".into() },
                Press::Transfer => Command::Transfer { call, target: Target::Order("4712".into()) },
                Press::TransferTo(other) => Command::TransferTo { call, other: nth(other)? },
            })
        }),
        Step::Push(incoming, call) => {
            let kind = if incoming { PushKind::Incoming } else { PushKind::Cancel };
            let payload = push(kind, &format!("pushed-{call}"), 5, Duration::from_secs(20));
            return world.push(phone, payload, 5);
        }
        Step::NetworkChanged => return world.network_changed(phone),
        Step::Reset => return world.reset(phone),
        Step::Cut(true) => return world.cut(phone),
        Step::Cut(false) => return world.heal(phone),
        Step::Refuse(reason) => {
            world.refuses = reason;
            return;
        }
        Step::Media(fails, delay, telephone_event) => {
            let knobs = &mut world.phones[phone].media.knobs;
            (knobs.fails, knobs.delay, knobs.telephone_event) =
                (fails, Duration::from_millis(delay), telephone_event);
            return;
        }
        Step::PathsBreak => {
            let now = world.now;
            return world.phones[phone].media.break_paths(now);
        }
        Step::Tokens(fails, life) => {
            let tokens = &mut world.phones[phone].tokens;
            (tokens.fails, tokens.lifetime) = (fails, life.map(Duration::from_secs));
            return;
        }
        Step::Registered(true) => Some(Command::Register),
        Step::Registered(false) => Some(Command::Unregister),
        Step::Background(on) => Some(Command::Background(on)),
    };
    if let Some(command) = command {
        world.command(phone, command);
    }
}

/// Everything works again, everybody hangs up, and whatever still rings stops by itself.
fn come_to_rest(world: &mut World<Switchboard>) {
    world.refuses = None;
    world.conditions = Conditions { reliable: world.conditions.reliable, ..Conditions::stream(HOP) };
    for phone in 0..2 {
        world.heal(phone);
        world.phones[phone].media.knobs = Default::default();
        world.phones[phone].tokens.fails = None;
        for call in world.phones[phone].calls() {
            world.command(phone, Command::HangUp { call: call.call });
        }
    }
    world.pass(Duration::from_secs(400));
    for phone in 0..2 {
        let stuck: Vec<_> = world.phones[phone].calls();
        // Two that talk need not stop: a call may have come while the others were ended.
        for call in &stuck {
            assert!(call.state.is_answered() || call.takes_over.is_some(), "it rings for ever: {call:?}");
            assert!(call.state != CallState::Reconnecting, "it reconnects for ever: {call:?}");
            world.command(phone, Command::HangUp { call: call.call });
        }
    }
    world.pass(Duration::from_secs(100));
    world.assert_nothing_left();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_storm_comes_to_rest_with_nothing_left(
        steps in proptest::collection::vec((0usize..2, step()), 1..60),
        udp in any::<bool>(), bad in any::<bool>(), seed in any::<u64>(),
    ) {
        let kind = if udp { TransportKind::Udp } else { TransportKind::Wss };
        let good = Conditions { reliable: kind.is_reliable(), ..Conditions::stream(HOP) };
        let mut world = World::pair_over(kind, good, seed);
        if bad {
            world.conditions = good.bad();
        }
        for (phone, step) in steps {
            do_step(&mut world, phone, step);
            for phone in &world.phones {
                prop_assert!(phone.calls().len() <= 8);
                let load = phone.endpoint.load();
                prop_assert!(load.operations <= 40 && load.deadlines <= 40 && load.orphans <= 40, "{load:?}");
            }
        }
        come_to_rest(&mut world);
        for phone in 0..2 {
            let legs = world.phones[phone].media.closed();
            let created: std::collections::BTreeSet<_> = world.phones[phone].media.commands.iter().filter_map(|command| match command {
                doorstep_call::MediaCommand::CreateOffer { leg, .. } | doorstep_call::MediaCommand::CreateAnswer { leg, .. } => Some(*leg),
                _ => None,
            }).collect();
            prop_assert_eq!(legs, created.len(), "every leg is closed, once");
            world.command(phone, Command::Shutdown);
        }
        world.pass(Duration::from_secs(10));
        for phone in &world.phones {
            prop_assert!(matches!(phone.events.last(), Some((_, Event::Idle))));
            prop_assert_eq!(phone.endpoint.load(), doorstep_call::Load::default());
            prop_assert_eq!(phone.endpoint.next_deadline(), None);
            let (config, seed) = phone.made.clone();
            prop_assert_eq!(&replay(&phone.recording, config, seed).unwrap(), &phone.outputs, "and it replays");
        }
    }
}
