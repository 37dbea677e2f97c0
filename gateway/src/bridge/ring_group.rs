//! All apps of a courier rung at once, up to the first that answers.
//!
//! An app that is connected gets its INVITE at once. One that is not is woken by a push, and so is one that gives no sign of life: the
//! system may have frozen it with its connection open. Whoever registers while it rings gets the INVITE then. An app whose
//! connection ends while it rings has refused nothing: it may come back until the ring time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::desk::Desk;
use super::signal::{CallInput, Farewell, LegInput, Reach};
use super::spare::{Spare, SpareLeg};
use crate::core::{LegId, LegProfile, MediaEvent, OpId, Sdp, Timestamp, WakeOutcome};

/// How long a connected app may be silent before it is woken as well.
const FROZEN_AFTER: Duration = Duration::from_secs(2);

/// What became of the ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RingEvent {
    /// Nothing that matters.
    None,
    /// The first app rings, or a push is on its way to it; told once.
    Ringing,
    /// One took the call, the others were told so.
    Answered {
        /// The app's leg.
        leg: LegId,
        /// Its last `ApplyAnswer`: if it fails, there is no sound and the call cannot go on.
        op: OpId,
    },
    /// The courier declined: all others were told so.
    Declined,
    /// No app is left that could ring.
    Nobody,
}

#[derive(Debug)]
pub(super) struct RingGroup {
    /// By their places among the apps that the call was given.
    apps: Vec<App>,
    legs: BTreeMap<LegId, AppLeg>,
    spare: Spare,
    wake: Wake,
    until: Timestamp,
    rang: bool,
}

#[derive(Debug)]
struct App {
    standing: Standing,
    wakeable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It was called, or is about to be.
    Called,
    /// It has no connection. `lost`: the one that it had ended, and it may come back by itself.
    Away { lost: bool },
    /// It refused, or cannot be called.
    Out,
}

#[derive(Debug)]
struct AppLeg {
    place: usize,
    offer_op: OpId,
    called_at: Option<Timestamp>,
    /// The app has given a sign of life.
    heard: bool,
    /// The same app was called again on another connection; it may still answer on this one.
    superseded: bool,
    answer: Option<(Sdp, OpId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    NotAsked,
    Asked,
    /// push-service does what it can.
    UnderWay,
    /// No push reaches anybody.
    InVain,
}

impl RingGroup {
    /// Each app that is connected is made an offer of its own; the others are woken. `until` is the end of the ring time.
    pub(super) fn start(apps: &[Reach], until: Timestamp, desk: &mut Desk) -> Self {
        let mut group = Self {
            apps: Vec::new(),
            legs: BTreeMap::new(),
            spare: Spare::default(),
            wake: Wake::NotAsked,
            until,
            rang: false,
        };
        for reach in apps {
            let standing = match (reach.connected, reach.wakeable) {
                (true, _) => Standing::Called,
                (false, true) => Standing::Away { lost: false },
                (false, false) => Standing::Out,
            };
            group.apps.push(App { standing, wakeable: reach.wakeable });
            if reach.connected {
                group.make_offer(group.apps.len() - 1, desk);
            }
        }
        if apps.iter().any(|reach| !reach.connected && reach.wakeable) {
            group.ask_wake(desk);
        }
        group
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let silent = self.legs.values().filter(|leg| self.could_be_frozen(leg));
        silent.filter_map(|leg| leg.called_at).map(|at| at + FROZEN_AFTER).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, desk: &mut Desk) {
        if self.next_deadline().is_some_and(|at| at <= now) {
            self.ask_wake(desk);
        }
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: &CallInput, desk: &mut Desk) -> RingEvent {
        match input {
            CallInput::Media(event) => self.media(now, event, desk),
            CallInput::Leg { leg, input } if self.legs.contains_key(leg) => self.far_side(*leg, input, desk),
            CallInput::AppConnected { app, wakeable } => {
                self.connected(now, *app, *wakeable, desk);
                RingEvent::None
            }
            CallInput::Wake(outcome) => self.wake_went(*outcome, desk),
            CallInput::Leg { .. } | CallInput::CompanyHungUp | CallInput::Shutdown => RingEvent::None,
        }
    }

    /// Stops the ringing everywhere.
    pub(super) fn cancel(&mut self, why: Farewell, desk: &mut Desk) {
        for app in &mut self.apps {
            app.standing = Standing::Out;
        }
        self.spare.keep(false, desk);
        for leg in std::mem::take(&mut self.legs).into_keys() {
            desk.end_leg(leg, why);
        }
        desk.cancel_wake();
    }

    /// An app is there that has no INVITE on the connection that it has now.
    fn connected(&mut self, now: Timestamp, place: usize, wakeable: bool, desk: &mut Desk) {
        while self.apps.len() <= place {
            self.apps.push(App { standing: Standing::Away { lost: true }, wakeable });
        }
        let Some(app) = self.apps.get_mut(place) else { return };
        app.wakeable = wakeable;
        let about_to_be_called =
            self.legs.values().any(|leg| leg.place == place && leg.called_at.is_none() && !leg.superseded);
        if about_to_be_called {
            return;
        }
        match app.standing {
            Standing::Out => return,
            Standing::Away { .. } | Standing::Called => app.standing = Standing::Called,
        }
        // Of its former calls the last may still be answered; older ones are over.
        self.end_former(place, desk);
        for leg in self.legs.values_mut().filter(|leg| leg.place == place) {
            leg.superseded = true;
        }
        match self.spare.take() {
            Some(SpareLeg { leg, op, sdp }) => {
                self.legs.insert(leg, AppLeg::new(place, op));
                if let Some(sdp) = sdp {
                    self.call(now, leg, sdp, desk);
                }
                self.keep_spare(desk);
            }
            None => self.make_offer(place, desk),
        }
    }

    fn wake_went(&mut self, outcome: WakeOutcome, desk: &mut Desk) -> RingEvent {
        match (self.wake, outcome) {
            (Wake::NotAsked | Wake::InVain, _) => RingEvent::None,
            (Wake::Asked | Wake::UnderWay, WakeOutcome::Accepted | WakeOutcome::Sent) => {
                self.wake = Wake::UnderWay;
                self.ringing()
            }
            (Wake::Asked | Wake::UnderWay, WakeOutcome::NoDevice | WakeOutcome::Failed) => {
                desk.forget_wake();
                self.woken_in_vain(desk)
            }
            // What it has taken all the same is still to be called off.
            (Wake::Asked | Wake::UnderWay, WakeOutcome::Unavailable) => self.woken_in_vain(desk),
        }
    }

    fn woken_in_vain(&mut self, desk: &mut Desk) -> RingEvent {
        self.wake = Wake::InVain;
        for app in &mut self.apps {
            if app.standing == (Standing::Away { lost: false }) {
                app.standing = Standing::Out;
            }
        }
        self.keep_spare(desk);
        self.anybody()
    }

    fn media(&mut self, now: Timestamp, event: &MediaEvent, desk: &mut Desk) -> RingEvent {
        match event {
            MediaEvent::LocalDescription { leg, op, sdp } => {
                let waits = |leg: &AppLeg| leg.offer_op == *op && leg.called_at.is_none();
                if !self.spare.described(*op, sdp) && self.legs.get(leg).is_some_and(waits) {
                    self.call(now, *leg, sdp.clone(), desk);
                }
                RingEvent::None
            }
            MediaEvent::Failed { leg, .. } => {
                if self.spare.is(*leg) {
                    self.spare.keep(false, desk);
                    return RingEvent::None;
                }
                self.drop_leg(*leg, Standing::Out, desk)
            }
            MediaEvent::Done { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::FirstAudio { .. }
            | MediaEvent::Played { .. }
            | MediaEvent::RemoteHold { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::Stats { .. } => RingEvent::None,
        }
    }

    fn far_side(&mut self, leg: LegId, input: &LegInput, desk: &mut Desk) -> RingEvent {
        match input {
            LegInput::Progress => {
                self.heard(leg);
                RingEvent::None
            }
            LegInput::Ringing => {
                self.heard(leg);
                self.ringing()
            }
            LegInput::EarlyMedia(sdp) => {
                self.heard(leg);
                self.apply(leg, sdp, desk);
                RingEvent::None
            }
            LegInput::Answered(sdp) => {
                if let Some(sdp) = sdp {
                    self.apply(leg, sdp, desk);
                }
                let answer = self.legs.get(&leg).and_then(|app| app.answer.as_ref().map(|(_, op)| *op));
                // RFC 3261 section 13.2.1: a 200 without an answer to our offer is no call.
                let Some(op) = answer else { return self.drop_leg(leg, Standing::Out, desk) };
                self.legs.remove(&leg);
                self.cancel(Farewell::AnsweredElsewhere, desk);
                RingEvent::Answered { leg, op }
            }
            // RFC 3261 section 21.6: 6xx is the person's word, whatever the other apps would say.
            LegInput::Refused(600..) => {
                self.drop_leg(leg, Standing::Out, desk);
                self.cancel(Farewell::Declined, desk);
                RingEvent::Declined
            }
            // RFC 3261 section 8.2.2.2: the app has this call already, by its former INVITE.
            LegInput::Refused(482) if self.former(leg).is_some() => {
                if let Some(former) = self.former(leg).and_then(|former| self.legs.get_mut(&former)) {
                    former.superseded = false;
                }
                self.legs.remove(&leg);
                desk.end_leg(leg, Farewell::Failure);
                RingEvent::None
            }
            LegInput::Refused(_) | LegInput::HungUp => self.drop_leg(leg, Standing::Out, desk),
            LegInput::Lost | LegInput::FlowLost => {
                let event = self.drop_leg(leg, Standing::Away { lost: true }, desk);
                if self.apps.iter().any(|app| app.wakeable && app.standing == Standing::Away { lost: true }) {
                    self.ask_wake(desk);
                }
                event
            }
            LegInput::Confirmed(_)
            | LegInput::FlowBack
            | LegInput::Offer(_)
            | LegInput::OfferAnswered(_)
            | LegInput::OfferRefused
            | LegInput::OfferTooSoon
            | LegInput::Dtmf { .. }
            | LegInput::Refer(_) => RingEvent::None,
        }
    }

    fn make_offer(&mut self, place: usize, desk: &mut Desk) {
        let leg = desk.new_leg();
        let op = desk.create_offer(leg, LegProfile::WebRtc, false);
        self.legs.insert(leg, AppLeg::new(place, op));
    }

    fn call(&mut self, now: Timestamp, id: LegId, offer: Sdp, desk: &mut Desk) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.called_at = Some(now);
            desk.invite_app(id, leg.place, offer);
        }
    }

    /// Once for a call: push-service wakes all of the courier's devices.
    fn ask_wake(&mut self, desk: &mut Desk) {
        if self.wake == Wake::NotAsked {
            self.wake = Wake::Asked;
            desk.wake(self.until);
            self.keep_spare(desk);
        }
    }

    /// As long as somebody may wake, an offer lies ready.
    fn keep_spare(&mut self, desk: &mut Desk) {
        let away = self.apps.iter().any(|app| matches!(app.standing, Standing::Away { .. }));
        self.spare.keep(away && self.wake != Wake::InVain, desk);
    }

    fn could_be_frozen(&self, leg: &AppLeg) -> bool {
        let wakeable = self.apps.get(leg.place).is_some_and(|app| app.wakeable);
        self.wake == Wake::NotAsked && wakeable && !leg.heard && !leg.superseded
    }

    fn heard(&mut self, leg: LegId) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.heard = true;
        }
    }

    fn ringing(&mut self) -> RingEvent {
        if std::mem::replace(&mut self.rang, true) { RingEvent::None } else { RingEvent::Ringing }
    }

    fn drop_leg(&mut self, id: LegId, standing: Standing, desk: &mut Desk) -> RingEvent {
        let Some(leg) = self.legs.remove(&id) else { return RingEvent::None };
        desk.end_leg(id, Farewell::Failure);
        if !leg.superseded
            && let Some(app) = self.apps.get_mut(leg.place)
        {
            app.standing = standing;
            if standing == Standing::Out {
                self.end_former(leg.place, desk);
            }
        }
        self.anybody()
    }

    /// The superseded leg of the same app.
    fn former(&self, of: LegId) -> Option<LegId> {
        let of = self.legs.get(&of).filter(|leg| !leg.superseded)?;
        self.legs.iter().find(|(_, leg)| leg.place == of.place && leg.superseded).map(|(id, _)| *id)
    }

    fn end_former(&mut self, place: usize, desk: &mut Desk) {
        let former = self.legs.iter().filter(|(_, leg)| leg.place == place && leg.superseded);
        for leg in former.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.legs.remove(&leg);
            desk.end_leg(leg, Farewell::Failure);
        }
    }

    fn anybody(&self) -> RingEvent {
        let out = self.apps.iter().all(|app| app.standing == Standing::Out);
        if out { RingEvent::Nobody } else { RingEvent::None }
    }

    /// The 200 usually repeats what the 183 brought: then there is nothing to do.
    fn apply(&mut self, leg: LegId, sdp: &Sdp, desk: &mut Desk) {
        let Some(app) = self.legs.get_mut(&leg) else { return };
        if app.answer.as_ref().is_none_or(|(known, _)| known != sdp) {
            app.answer = Some((sdp.clone(), desk.apply_answer(leg, sdp.clone())));
        }
    }
}

impl AppLeg {
    fn new(place: usize, offer_op: OpId) -> Self {
        Self { place, offer_op, called_at: None, heard: false, superseded: false, answer: None }
    }
}
