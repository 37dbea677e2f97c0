//! Transfers: blind and attended, asked for here and asked for there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::time::Duration;

use doorstep_call::{
    CallHandle, CallState, Command, CommandError, EndReason, Event, Target, TransferProgress,
};
use doorstep_sip::msg::{HeaderName, Headers, NameAddr, SipUri, StatusCode};
use doorstep_sip::ua::{Reply, SessionEvent, SessionId};
use doorstep_testkit::stand_in::{StandIn, far_sdp};
use doorstep_testkit::world::{ACTIVE, World};

const SECOND: Duration = Duration::from_secs(1);

fn until_refer(world: &mut World<StandIn>, session: SessionId) -> (doorstep_sip::ua::IncomingId, NameAddr) {
    loop {
        if let SessionEvent::Refer { incoming, request } = world.until_session(session) {
            return (incoming, request.headers.get(&HeaderName::ReferTo).unwrap().parse().unwrap());
        }
    }
}

fn progress(world: &World<StandIn>, call: CallHandle) -> Vec<TransferProgress> {
    let told = world.phones[0].events.iter().filter_map(|(_, event)| match event {
        Event::Transfer { call: of, progress } if *of == call => Some(*progress),
        _ => None,
    });
    told.collect()
}

fn until_notified(world: &mut World<StandIn>, session: SessionId) -> String {
    loop {
        if let SessionEvent::Notify { request } = world.until_session(session) {
            return String::from_utf8(request.body.to_vec()).unwrap().trim().to_owned();
        }
    }
}

#[test]
fn a_blind_transfer_tells_how_it_goes_and_ends_the_call_when_it_worked() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.command(0, Command::Transfer { call, target: Target::Order("4712".into()) });
    let (incoming, to) = until_refer(&mut world, session);
    assert_eq!(to.uri.to_string(), "sip:order.4712@gw.example");
    let now = world.now;
    world.server.ua.respond(now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    for line in ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"] {
        world.server.ua.notify(world.now, session, line, false).unwrap();
        world.pass(SECOND);
    }
    assert_eq!(world.phones[0].state(call), Some(ACTIVE), "the call goes on until then");
    world.server.ua.notify(world.now, session, "SIP/2.0 200 OK", true).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::Transferred);
    assert_eq!(
        progress(&world, call),
        [TransferProgress::Accepted, TransferProgress::Ringing, TransferProgress::Done]
    );
    world.pass(SECOND * 60);
    world.assert_nothing_left();
}

#[test]
fn a_transfer_that_fails_leaves_the_call() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    let transfer = Command::Transfer { call, target: Target::Uri("sip:bob@gw.example".to_owned().into()) };
    world.command(0, transfer.clone());
    world.command(0, transfer.clone());
    let (incoming, _) = until_refer(&mut world, session);
    world.server.ua.respond(world.now, incoming, Reply::new(StatusCode::FORBIDDEN)).unwrap();
    world.pass(SECOND);
    assert_eq!(progress(&world, call), [TransferProgress::Failed { status: 403 }]);
    world.command(0, transfer.clone());
    let (incoming, _) = until_refer(&mut world, session);
    world.server.ua.respond(world.now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    world.server.ua.notify(world.now, session, "SIP/2.0 486 Busy Here", true).unwrap();
    world.pass(SECOND);
    assert_eq!(progress(&world, call).last(), Some(&TransferProgress::Failed { status: 486 }));
    world.command(0, transfer);
    let (incoming, _) = until_refer(&mut world, session);
    world.server.ua.respond(world.now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    world.pass(SECOND * 61);
    assert_eq!(
        progress(&world, call).last(),
        Some(&TransferProgress::Failed { status: 408 }),
        "nothing was heard"
    );
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
    let twice = world.phones[0]
        .events
        .iter()
        .any(|(_, event)| matches!(event, Event::CommandRefused { error: CommandError::WrongState, .. }));
    assert!(twice, "one transfer at a time");
}

#[test]
fn a_far_side_that_hangs_up_after_agreeing_has_been_transferred() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.command(0, Command::Transfer { call, target: Target::Order("4712".into()) });
    let (incoming, _) = until_refer(&mut world, session);
    world.server.ua.respond(world.now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    world.server.ua.end(world.now, session, None).unwrap();
    assert_eq!(world.until_ended(0, call), EndReason::Transferred);
}

#[test]
fn an_attended_transfer_names_the_other_call_and_ends_both() {
    let mut world = World::with_stand_in();
    let (first, session) = world.in_call();
    let second = world.contact(0, "4712");
    let (other, _, _) = world.until_invite();
    world.server.ua.answer(world.now, other, Headers::default(), far_sdp(1)).unwrap();
    world.until_state(0, second, ACTIVE);
    world.pass(SECOND);
    // The stand-in takes the hold of the first call.
    while world.server.session_event(session).is_some() {}
    let _ = world.server.ua.accept_offer(world.now, session, far_sdp(2));
    world.command(0, Command::TransferTo { call: first, other: second });
    let (incoming, to) = until_refer(&mut world, session);
    let replaces = to.uri.as_sip().unwrap().header("Replaces").unwrap();
    assert!(replaces.contains("to-tag=") && replaces.contains("from-tag="), "{replaces}");
    world.server.ua.respond(world.now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
    world.server.ua.notify(world.now, session, "SIP/2.0 200 OK", true).unwrap();
    assert_eq!(world.until_ended(0, first), EndReason::Transferred);
    assert_eq!(world.until_ended(0, second), EndReason::Transferred);
    world.pass(SECOND * 60);
    world.assert_nothing_left();
}

fn refer_to(uri: &str) -> NameAddr {
    NameAddr::new(uri.parse::<SipUri>().unwrap())
}

#[test]
fn being_transferred_calls_the_third_party_and_leaves_the_first_call() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.command(0, Command::Mute { call, on: true });
    // A dialog as the one who is to be called sees it: here the stand-in itself.
    let seen_from_here = world.server.ua.replaces_value(session).unwrap();
    let replaces =
        seen_from_here.replace("to-tag", "x").replace("from-tag", "to-tag").replace("x=", "from-tag=");
    let target: SipUri = "sip:order.4712@gw.example".parse().unwrap();
    let to = NameAddr::new(target.clone().with_header("Replaces", &replaces));
    world.server.ua.refer(world.now, session, &to).unwrap();
    let (third, invite, replaced) = world.until_invite();
    assert_eq!(invite.uri, target.into());
    assert_eq!(invite.headers.get(&HeaderName::Replaces), Some(replaces.as_str()));
    assert_eq!(replaced, Some(session));
    assert_eq!(until_notified(&mut world, session), "SIP/2.0 100 Trying");
    let new = world.phones[0].calls().into_iter().find(|snapshot| snapshot.call != call).unwrap();
    assert_eq!((new.takes_over, new.order, new.call.is_own()), (Some(call), Some("4712".into()), true));
    world.server.ua.progress(world.now, third, StatusCode::RINGING, Headers::default(), None).unwrap();
    assert_eq!(until_notified(&mut world, session), "SIP/2.0 180 Ringing");
    world.server.ua.answer(world.now, third, Headers::default(), far_sdp(1)).unwrap();
    assert_eq!(until_notified(&mut world, session), "SIP/2.0 200 OK");
    let muted = CallState::Active { muted: true, held_locally: false, held_remotely: false };
    assert_eq!(world.phones[0].state(new.call), Some(muted), "the courier stays muted");
    let heard = world.phones[0].media.legs().filter(|(_, leg)| leg.microphone && !leg.held).count();
    assert_eq!(heard, 1, "by one far side at a time");
    assert_eq!(
        world.until_ended(0, call),
        EndReason::Transferred,
        "this side hangs up if the far side does not"
    );
    world.server.ua.end(world.now, third, None).unwrap();
    world.until_ended(0, new.call);
    world.pass(SECOND * 60);
    world.assert_nothing_left();
}

#[test]
fn a_third_party_that_refuses_leaves_the_first_call_as_it_was() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    world.server.ua.refer(world.now, session, &refer_to("sip:order.4712@gw.example")).unwrap();
    let (third, _, _) = world.until_invite();
    world.server.ua.reject(world.now, third, Reply::new(StatusCode::BUSY_HERE)).unwrap();
    assert_eq!(until_notified(&mut world, session), "SIP/2.0 100 Trying");
    assert_eq!(until_notified(&mut world, session), "SIP/2.0 486 Busy Here");
    assert_eq!(world.phones[0].state(call), Some(ACTIVE));
}

#[test]
fn nobody_is_transferred_to_what_cannot_be_called_or_out_of_the_blue() {
    let mut world = World::with_stand_in();
    let (_, session) = world.in_call();
    let to: NameAddr = "<tel:+4930901820>".parse().unwrap();
    world.server.ua.refer(world.now, session, &to).unwrap();
    loop {
        if let SessionEvent::ReferAnswered { status } = world.until_session(session) {
            assert_eq!(status.code(), 416);
            break;
        }
    }
    let refer = "REFER sip:anna@x.invalid SIP/2.0\r\nVia: SIP/2.0/WS gw.example;branch=z9hG4bKr\r\nFrom: <sip:a@b.c>;tag=1\r\nTo: <sip:a@b.c>\r\nCall-ID: r\r\nCSeq: 1 REFER\r\nMax-Forwards: 70\r\nRefer-To: <sip:x@y.z>\r\nContact: <sip:a@b.c>\r\nContent-Length: 0\r\n\r\n";
    world.server.inject(0, refer);
    world.pass(SECOND);
    assert_eq!(world.server.count(0, "SIP/2.0 405"), 1);
    assert_eq!(world.phones[0].calls().len(), 1);
}

#[test]
fn a_call_that_replaces_another_is_answered_by_itself_in_its_place() {
    let mut world = World::with_stand_in();
    let (call, session) = world.in_call();
    let replaces = world.server.ua.replaces_value(session).unwrap();
    let mut headers = Headers::default();
    headers.push(HeaderName::Replaces, replaces).unwrap();
    let third = world.ring_with(0, "third", headers, far_sdp(1));
    assert_eq!(world.until_ended(0, call), EndReason::Transferred);
    let new = world.phones[0].only_call().unwrap();
    assert_eq!((new.takes_over, new.state, new.order), (Some(call), ACTIVE, Some("4711".into())));
    assert!(
        !world.phones[0].events.iter().any(|(_, event)| matches!(event, Event::Incoming(_))),
        "nobody is rung"
    );
    while !matches!(world.until_session(third), SessionEvent::Answered { .. }) {}
}
