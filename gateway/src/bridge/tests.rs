use std::time::Duration;

use super::courier_call::{CallInput, CallOutput, CourierCall, Ops};
use crate::core::{
    CallEventKind, CourierId, EndReason, ErrorCode, Grant, LegId, Limits, MediaCommand, MediaEvent,
    MediaFailure, OpId, OrderId, Sdp, Side, Timestamp,
};
use crate::masking::E164;

const LIMITS: Limits = Limits {
    ring: Duration::from_secs(45),
    talk: Duration::from_secs(600),
    calls_per_courier: 2,
    calls: 100,
};
const COURIER: LegId = LegId(1);
const CARRIER: LegId = LegId(2);

struct World {
    call: CourierCall,
    ops: Ops,
}

impl World {
    fn new() -> Self {
        let grant = Grant {
            order: OrderId("4711".into()),
            courier: CourierId::new("anna"),
            label: None,
            customer: E164::parse("+4930901820").unwrap(),
            caller_id: E164::parse("+493022220000").unwrap(),
            ring_time: None,
            max_talk: None,
        };
        let mut ops = Ops::default();
        let call =
            CourierCall::new(grant, LIMITS, Sdp::new("courier offer".into()), COURIER, CARRIER, &mut ops);
        let mut world = Self { call, ops };
        world.drain();
        world
    }

    fn called() -> Self {
        let mut world = Self::new();
        world.local(COURIER, 1, "our answer");
        world.local(CARRIER, 2, "our offer");
        world
    }

    fn talking() -> Self {
        let mut world = Self::called();
        world.input(CallInput::CarrierAnswered(Sdp::new("phone".into())));
        world
    }

    fn drain(&mut self) -> Vec<CallOutput> {
        std::iter::from_fn(|| self.call.poll_output()).collect()
    }

    fn input(&mut self, input: CallInput) -> Vec<CallOutput> {
        self.call.handle_input(Timestamp::ZERO, input, &mut self.ops);
        self.drain()
    }

    fn local(&mut self, leg: LegId, op: u64, sdp: &str) -> Vec<CallOutput> {
        self.input(CallInput::Media(MediaEvent::LocalDescription {
            leg,
            op: OpId(op),
            sdp: Sdp::new(sdp.into()),
        }))
    }
}

fn courier_is_heard(outputs: &[CallOutput]) -> bool {
    outputs.contains(&CallOutput::Media(MediaCommand::SetForward { leg: COURIER, on: true }))
}

#[test]
fn the_courier_gets_the_early_bearer_before_the_carrier_is_called() {
    let mut world = World::new();
    assert_eq!(
        world.local(COURIER, 1, "our answer"),
        [CallOutput::CourierEarlyBearer(Sdp::new("our answer".into()))]
    );
    let called = world.local(CARRIER, 2, "our offer");
    assert!(matches!(called.as_slice(), [CallOutput::CarrierInvite { caller_id, .. }]
        if caller_id.expose() == "+493022220000"));
}

#[test]
fn the_courier_is_not_heard_before_the_answer() {
    let mut world = World::called();
    let early = world.input(CallInput::CarrierEarlyMedia(Sdp::new("phone".into())));
    assert!(early.contains(&CallOutput::CourierRinging));
    assert!(early.contains(&CallOutput::Media(MediaCommand::SetForward { leg: CARRIER, on: true })));
    assert!(!courier_is_heard(&early));
    let answered = world.input(CallInput::CarrierAnswered(Sdp::new("phone".into())));
    assert!(courier_is_heard(&answered));
    assert!(answered.contains(&CallOutput::CourierAnswer(Sdp::new("our answer".into()))));
}

#[test]
fn an_answer_faster_than_our_own_sdp_waits_for_it() {
    let mut world = World::new();
    world.local(CARRIER, 2, "our offer");
    let answered = world.input(CallInput::CarrierAnswered(Sdp::new("phone".into())));
    assert!(!answered.iter().any(|output| matches!(output, CallOutput::CourierAnswer(_))));
    let ready = world.local(COURIER, 1, "our answer");
    assert!(ready.contains(&CallOutput::CourierAnswer(Sdp::new("our answer".into()))));
}

#[test]
fn a_carriers_refusal_reaches_the_courier_as_our_own() {
    for (status, code) in [
        (486, ErrorCode::CustomerBusy),
        (600, ErrorCode::CustomerBusy),
        (404, ErrorCode::CustomerUnreachable),
        (480, ErrorCode::CustomerUnreachable),
        (603, ErrorCode::CustomerUnreachable),
        (503, ErrorCode::TrunkDown),
        (407, ErrorCode::TrunkDown),
    ] {
        let outputs = World::called().input(CallInput::CarrierRefused(status));
        assert!(outputs.contains(&CallOutput::CourierReject(code)), "{status}");
        assert!(!outputs.contains(&CallOutput::EndLeg(Side::Trunk)), "{status}");
        assert_eq!(outputs.last(), Some(&CallOutput::Ended(EndReason::Refused(code))));
    }
}

#[test]
fn a_hang_up_crosses_and_frees_both_media_legs() {
    for (side, other, reason) in [
        (Side::Edge, Side::Trunk, EndReason::CourierHungUp),
        (Side::Trunk, Side::Edge, EndReason::CustomerHungUp),
    ] {
        let outputs = World::talking().input(CallInput::HungUp(side));
        assert_eq!(
            outputs,
            [
                CallOutput::EndLeg(other),
                CallOutput::Media(MediaCommand::Close { leg: COURIER }),
                CallOutput::Media(MediaCommand::Close { leg: CARRIER }),
                CallOutput::Step(CallEventKind::Ended),
                CallOutput::Ended(reason),
            ]
        );
    }
}

#[test]
fn a_200_that_crosses_the_cancel_is_ended_too() {
    let mut world = World::called();
    assert!(world.input(CallInput::HungUp(Side::Edge)).contains(&CallOutput::EndLeg(Side::Trunk)));
    let crossed = world.input(CallInput::CarrierAnswered(Sdp::new("phone".into())));
    assert_eq!(crossed, [CallOutput::EndLeg(Side::Trunk)]);
}

#[test]
fn a_courier_who_gives_up_at_once_never_makes_the_phone_ring() {
    let mut world = World::new();
    assert!(!world.input(CallInput::HungUp(Side::Edge)).contains(&CallOutput::EndLeg(Side::Trunk)));
    assert_eq!(world.local(CARRIER, 2, "our offer"), []);
}

#[test]
fn ringing_and_talking_end_at_their_limits() {
    let mut world = World::called();
    world.call.handle_timeout(Timestamp::from_epoch(LIMITS.ring - Duration::from_millis(1)));
    assert_eq!(world.drain(), []);
    world.call.handle_timeout(Timestamp::from_epoch(LIMITS.ring));
    let outputs = world.drain();
    assert!(outputs.contains(&CallOutput::CourierReject(ErrorCode::CustomerUnreachable)));
    assert!(outputs.contains(&CallOutput::EndLeg(Side::Trunk)));

    let mut world = World::talking();
    assert_eq!(world.call.next_deadline(), Some(Timestamp::from_epoch(LIMITS.talk)));
    world.call.handle_timeout(Timestamp::from_epoch(LIMITS.talk));
    assert_eq!(world.drain().last(), Some(&CallOutput::Ended(EndReason::TalkLimit)));
}

#[test]
fn an_offer_without_a_common_codec_is_refused_with_488() {
    let mut world = World::new();
    let reason = MediaFailure::NoCommonCodec;
    let failed = MediaEvent::Failed { leg: COURIER, op: Some(OpId(1)), reason };
    let outputs = world.input(CallInput::Media(failed));
    assert!(outputs.contains(&CallOutput::CourierReject(ErrorCode::NoCommonCodec)));
    assert_eq!(ErrorCode::NoCommonCodec.status(), 488);
}
