//! The calls: how they start, what is kept of them, and their end.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_sip::ua::{FlowId, IncomingId, SessionId};

use super::dialing::Dialing;
use super::gateway::GatewayCore;
use super::headers::refusal_for_app;
use super::ids::{CallId, CourierId, Hidden, LegId, OrderId, Sdp, Side, Timestamp};
use super::io::{CallEventKind, GatewayEvent, Output};
use super::lookup::{Binding, CallMedia, CallRecord, Direction, EndReason, Fallback, Grant, Lookup};
use super::media_port::MediaCommand;
use super::refusal::ErrorCode;
use super::registrar::App;
use crate::bridge::{Call, CallInput, CallOutput, call_of_leg};

/// One call.
pub(super) struct CallEntry {
    pub(super) call: Call,
    pub(super) record: CallRecord,
    pub(super) label: Option<Hidden>,
    /// The courier's apps that could be rung or woken when it began, and those that came since.
    pub(super) apps: Vec<App>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    /// Media legs that were closed and have not told their counters.
    pub(super) uncounted: BTreeSet<LegId>,
    deadline: Option<Timestamp>,
}

/// The SIP side of a leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) side: Side,
    pub(super) session: SessionId,
    /// Its flow closed, and no other has taken its place.
    pub(super) away: bool,
    /// The app's instance, where it is known: another app of the same courier does not take its calls.
    pub(super) instance: Option<String>,
    /// Which of the call's apps it rings.
    pub(super) app: Option<usize>,
    /// Its REFER that waits for an answer.
    pub(super) refer: Option<IncomingId>,
    /// On the trunk: which carrier, by its place.
    pub(super) carrier: Option<usize>,
    /// Our call to a carrier that nobody has taken up yet.
    pub(super) dialing: Option<Dialing>,
}

impl Leg {
    pub(super) fn on_edge(session: SessionId, instance: Option<String>) -> Self {
        let (app, refer, carrier, dialing) = (None, None, None, None);
        Self { side: Side::Edge, session, away: false, instance, app, refer, carrier, dialing }
    }

    pub(super) fn on_trunk(session: SessionId, carrier: Option<usize>, dialing: Option<Dialing>) -> Self {
        let (instance, app, refer) = (None, None, None);
        Self { side: Side::Trunk, session, away: false, instance, app, refer, carrier, dialing }
    }
}

impl GatewayCore {
    /// As many calls as the gateway may have, those included that wait for the store.
    pub(super) fn is_full(&self) -> bool {
        let waiting = self.pending.values().filter(|pending| pending.is_call()).count();
        self.calls.len() + waiting >= self.config.limits.calls
    }

    /// A courier's calls, those included that wait for the store.
    pub(super) fn calls_of(&self, courier: &CourierId) -> usize {
        let waiting = self.pending.values().filter(|pending| pending.is_call_of(courier)).count();
        let of = |entry: &&CallEntry| entry.record.courier.as_ref() == Some(courier);
        self.calls.values().filter(of).count() + waiting
    }

    pub(super) fn start_courier_call(
        &mut self,
        now: Timestamp,
        session: SessionId,
        flow: FlowId,
        courier: CourierId,
        grant: Grant,
        offer: Sdp,
    ) {
        if grant.courier != courier {
            // The store grants only the order's own courier.
            self.reject_app(now, session, refusal_for_app(ErrorCode::NotYourOrder));
            return;
        }
        let number = self.next_number();
        let (call, leg) = Call::from_courier(now, number, &grant, &self.rules, offer);
        let instance = self.edge.registrar.instance_on(&courier, flow);
        let leg = (leg, Leg::on_edge(session, instance));
        self.begin(now, number, call, Direction::CourierToCustomer, Some(grant), Vec::new(), Some(leg));
    }

    pub(super) fn start_customer_call(
        &mut self,
        now: Timestamp,
        session: SessionId,
        grant: Option<Grant>,
        otherwise: Fallback,
        offer: Option<Sdp>,
        bindings: Vec<Binding>,
    ) {
        let number = self.next_number();
        let apps = grant.as_ref().map(|grant| self.apps_for(&grant.courier, now, bindings));
        let apps = apps.unwrap_or_default();
        let reach: Vec<_> = apps.iter().map(App::reach).collect();
        let (call, leg) =
            Call::from_customer(now, number, grant.as_ref(), otherwise, &self.rules, offer, &reach);
        let leg = (leg, Leg::on_trunk(session, self.trunk.carrier_of(session), None));
        self.begin(now, number, call, Direction::CustomerToCourier, grant, apps, Some(leg));
    }

    /// An app goes on with a call that another app of the same courier has (RFC 3891).
    pub(super) fn take_over(
        &mut self,
        now: Timestamp,
        session: SessionId,
        flow: FlowId,
        courier: &CourierId,
        replaced: SessionId,
        offer: Sdp,
    ) -> Result<(), ErrorCode> {
        let before =
            self.sessions.get(&(Side::Edge, replaced)).copied().ok_or(ErrorCode::TargetNotAllowed)?;
        let number = call_of_leg(before);
        let instance = self.edge.registrar.instance_on(courier, flow);
        let theirs = |entry: &&mut CallEntry| entry.record.courier.as_ref() == Some(courier);
        let entry = self.calls.get_mut(&number).filter(theirs).ok_or(ErrorCode::TargetNotAllowed)?;
        let leg = entry.call.take_over(before, offer).ok_or(ErrorCode::TargetNotAllowed)?;
        entry.legs.insert(leg, Leg::on_edge(session, instance));
        self.sessions.insert((Side::Edge, session), leg);
        self.drive(now, number);
        Ok(())
    }

    pub(super) fn start_connect_call(
        &mut self,
        now: Timestamp,
        grant: Grant,
        first: Side,
        bindings: Vec<Binding>,
    ) -> Result<CallId, ErrorCode> {
        if self.is_full() {
            return Err(ErrorCode::TooManyCalls);
        }
        if !self.trunk.is_up() {
            return Err(ErrorCode::TrunkDown);
        }
        let apps = self.apps_for(&grant.courier, now, bindings);
        if apps.is_empty() {
            return Err(ErrorCode::CourierUnreachable);
        }
        let number = self.next_number();
        let reach: Vec<_> = apps.iter().map(App::reach).collect();
        let call = Call::from_company(now, number, &grant, first, &self.rules, &reach);
        Ok(self.begin(now, number, call, Direction::ClickToCall, Some(grant), apps, None))
    }

    /// The apps that may ring or be woken: none, when the courier has as many calls as allowed.
    fn apps_for(&self, courier: &CourierId, now: Timestamp, stored: Vec<Binding>) -> Vec<App> {
        if self.calls_of(courier) >= self.config.limits.calls_per_courier {
            return Vec::new();
        }
        self.edge.registrar.apps_of(courier, now, stored)
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    #[allow(clippy::too_many_arguments, reason = "what a call begins with, from three places")]
    fn begin(
        &mut self,
        now: Timestamp,
        number: u64,
        call: Call,
        direction: Direction,
        grant: Option<Grant>,
        apps: Vec<App>,
        leg: Option<(LegId, Leg)>,
    ) -> CallId {
        let id = self.new_call_id();
        let (order, courier, label) = match grant {
            Some(grant) => (Some(grant.order), Some(grant.courier), grant.label),
            None => (None::<OrderId>, None, None),
        };
        let record = CallRecord {
            id: id.clone(),
            order,
            courier,
            direction,
            started_at: now,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            end: None,
            media: CallMedia::default(),
        };
        let mut legs = BTreeMap::new();
        if let Some((id, leg)) = leg {
            self.sessions.insert((leg.side, leg.session), id);
            legs.insert(id, leg);
        }
        self.calls.insert(
            number,
            CallEntry { call, record, label, apps, legs, uncounted: BTreeSet::new(), deadline: None },
        );
        self.drive(now, number);
        id
    }

    pub(super) fn tell_call(&mut self, now: Timestamp, number: u64, input: CallInput) {
        if let Some(entry) = self.calls.get_mut(&number) {
            entry.call.handle_input(now, input);
            self.drive(now, number);
        }
    }

    pub(super) fn call_due(&mut self, now: Timestamp, number: u64) {
        match self.calls.get_mut(&number) {
            Some(entry) => {
                entry.call.handle_timeout(now);
                self.drive(now, number);
            }
            None => self.call_deadlines.retain(|(_, other)| *other != number),
        }
    }

    /// Does what a call wants done, until it wants nothing more.
    fn drive(&mut self, now: Timestamp, number: u64) {
        loop {
            let Some(entry) = self.calls.get_mut(&number) else { return };
            let Some(output) = entry.call.poll_output() else { break };
            match output {
                CallOutput::Media(command) => {
                    if let MediaCommand::Close { leg } = command {
                        entry.uncounted.insert(leg);
                    }
                    self.output(Output::Media(command));
                }
                CallOutput::Leg { leg, output } => self.speak(now, number, leg, output),
                CallOutput::Wake { expires_at } => self.wake(number, expires_at),
                CallOutput::CancelWake => self.cancel_wake(number),
                CallOutput::Step(kind) => self.stepped(now, number, kind),
                CallOutput::Ended(reason) => self.ended(now, number, reason),
            }
        }
        self.note_deadline(number);
    }

    fn note_deadline(&mut self, number: u64) {
        let Some(entry) = self.calls.get_mut(&number) else { return };
        let next = entry.call.next_deadline();
        let before = std::mem::replace(&mut entry.deadline, next);
        if before != next {
            if let Some(before) = before {
                self.call_deadlines.remove(&(before, number));
            }
            if let Some(next) = next {
                self.call_deadlines.insert((next, number));
            }
        }
    }

    fn stepped(&mut self, now: Timestamp, number: u64, kind: CallEventKind) {
        let Some(entry) = self.calls.get_mut(&number) else { return };
        match kind {
            CallEventKind::Started | CallEventKind::Ended => {}
            CallEventKind::Ringing => entry.record.ringing_at = entry.record.ringing_at.or(Some(now)),
            CallEventKind::Answered => entry.record.answered_at = Some(now),
        }
        let record = entry.record.clone();
        self.keep(kind, record);
    }

    fn ended(&mut self, now: Timestamp, number: u64, reason: EndReason) {
        let Some(mut entry) = self.calls.remove(&number) else { return };
        if let Some(at) = entry.deadline {
            self.call_deadlines.remove(&(at, number));
        }
        for leg in entry.legs.values() {
            self.sessions.remove(&(leg.side, leg.session));
        }
        entry.record.ended_at = Some(now);
        entry.record.end = Some(reason);
        self.await_counters(now, number, &entry);
        self.keep(CallEventKind::Ended, entry.record);
    }

    /// A store that fails to keep it ends no call.
    fn keep(&mut self, kind: CallEventKind, record: CallRecord) {
        self.tell(Lookup::RecordCall(record.clone()));
        self.event(GatewayEvent::Call { kind, record });
    }
}
