//! What may happen in a storm, and how often.

use proptest::prelude::*;

use super::world::{APP_OFFER, CUSTOMER, ORDER, PHONE_OFFER};
use crate::core::WakeOutcome;

/// What happens next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Wait(u64),
    Connect,
    Register(usize),
    /// With push data, as the app of that number, wherever it is connected.
    RegisterWakeable(usize),
    /// The app of that number registers with push data and is closed.
    Close(usize),
    /// push-service says what became of the newest wake.
    WakeGoes(WakeOutcome),
    DeviceGone(usize),
    /// An app takes a call over that another has.
    TakeOver(usize, usize),
    /// Messages that are being heard come to their end.
    Played,
    Cut(usize),
    Reconnect(usize),
    AppCalls(usize, &'static str, &'static str),
    PhoneCalls(&'static str, &'static str),
    /// By the person of that number, in the session of that number.
    Do(usize, usize, Act),
    /// A call up to its answer, unless something is in its way.
    Talk(usize),
    TalkBack(usize),
    Connects(bool),
    CompanyHangsUp,
    StoreIsUp(bool),
    CarrierIsDeaf(bool),
    MediaAreFull(bool),
    MediaBreak(usize),
    OrderIsOpen(bool),
    Otherwise(u8),
}

/// What somebody does in a session.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Ring,
    Early,
    Answer(bool),
    Reject(u16),
    Offer(&'static str),
    TakeOffer(bool),
    Digit,
    Refer(bool),
    End,
}

pub(super) const UNKNOWN: &str = "v=0\r\ns=unknown\r\n";
pub(super) const STRANGER: &str = "+4930555111222";

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Ring),
        2 => Just(Act::Early),
        6 => (0..10u8).prop_map(|n| Act::Answer(n > 0)),
        1 => prop_oneof![Just(486), Just(603), Just(480), Just(503), Just(302)].prop_map(Act::Reject),
        8 => prop_oneof![
            Just("v=0\r\na=sendonly\r\n"), Just("v=0\r\na=sendrecv\r\n"), Just(UNKNOWN), Just("")
        ].prop_map(Act::Offer),
        3 => any::<bool>().prop_map(Act::TakeOffer),
        1 => Just(Act::Digit),
        5 => any::<bool>().prop_map(Act::Refer),
        1 => Just(Act::End),
    ]
}

/// From one to sixty.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0u64..2000).prop_map(Step::Wait),
        1 => (2000u64..90_000).prop_map(Step::Wait),
        1 => Just(Step::Connect),
        2 => (0..3usize).prop_map(Step::Register),
        1 => (0..3usize).prop_map(Step::Cut),
        3 => (0..3usize).prop_map(Step::Reconnect),
        4 => (
            0..3usize,
            prop_oneof![5 => Just(ORDER), 1 => Just("4712")],
            prop_oneof![8 => Just(APP_OFFER), 1 => Just(UNKNOWN), 1 => Just("")],
        ).prop_map(|(app, order, offer)| Step::AppCalls(app, order, offer)),
        4 => (
            prop_oneof![6 => Just(CUSTOMER), 1 => Just(STRANGER), 1 => Just("anonymous")],
            prop_oneof![8 => Just(PHONE_OFFER), 1 => Just(UNKNOWN), 1 => Just("")],
        ).prop_map(|(caller, offer)| Step::PhoneCalls(caller, offer)),
        6 => (0..3usize).prop_map(Step::Talk),
        6 => (0..3usize).prop_map(Step::TalkBack),
        40 => (0..4usize, prop_oneof![3 => Just(0usize), 1 => 1..4usize], acts()).prop_map(|(who, session, act)| Step::Do(who, session, act)),
        1 => any::<bool>().prop_map(Step::Connects),
        1 => Just(Step::CompanyHangsUp),
        1 => (0..4u8).prop_map(|n| Step::StoreIsUp(n > 0)),
        1 => (0..4u8).prop_map(|n| Step::CarrierIsDeaf(n == 0)),
        1 => (0..4u8).prop_map(|n| Step::MediaAreFull(n == 0)),
        1 => (0..4usize).prop_map(Step::MediaBreak),
        1 => (0..4u8).prop_map(|n| Step::OrderIsOpen(n > 0)),
        2 => (0..4u8).prop_map(Step::Otherwise),
        3 => (0..3usize).prop_map(Step::RegisterWakeable),
        2 => (0..3usize).prop_map(Step::Close),
        4 => prop_oneof![
            2 => Just(WakeOutcome::Accepted), 2 => Just(WakeOutcome::Sent), 1 => Just(WakeOutcome::NoDevice),
            1 => Just(WakeOutcome::Failed), 1 => Just(WakeOutcome::Unavailable)
        ].prop_map(Step::WakeGoes),
        1 => (0..3usize).prop_map(Step::DeviceGone),
        1 => (0..3usize, 0..3usize).prop_map(|(by, from)| Step::TakeOver(by, from)),
        3 => Just(Step::Played),
    ];
    proptest::collection::vec(step, 1..60)
}
