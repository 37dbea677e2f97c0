//! All apps of a courier rung at once, up to the first that answers.

use std::collections::BTreeMap;

use super::desk::Desk;
use super::signal::{CallInput, Farewell, LegInput};
use crate::core::{LegId, LegProfile, MediaEvent, OpId, Sdp};

/// What became of the ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RingEvent {
    /// Nothing that matters.
    None,
    /// The first app rings; told once.
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
    apps: BTreeMap<LegId, App>,
    rang: bool,
}

#[derive(Debug)]
struct App {
    /// Its place among the apps that the call was given.
    place: usize,
    offer_op: OpId,
    called: bool,
    answer: Option<(Sdp, OpId)>,
}

impl RingGroup {
    /// Each app is made an offer of its own.
    pub(super) fn start(apps: usize, desk: &mut Desk) -> Self {
        let mut group = Self { apps: BTreeMap::new(), rang: false };
        for place in 0..apps {
            let leg = desk.new_leg();
            let offer_op = desk.create_offer(leg, LegProfile::WebRtc, false);
            group.apps.insert(leg, App { place, offer_op, called: false, answer: None });
        }
        group
    }

    pub(super) fn handle(&mut self, input: &CallInput, desk: &mut Desk) -> RingEvent {
        match input {
            CallInput::Media(event) => self.media(event, desk),
            CallInput::Leg { leg, input } if self.apps.contains_key(leg) => self.far_side(*leg, input, desk),
            CallInput::Leg { .. } | CallInput::CompanyHungUp | CallInput::Shutdown => RingEvent::None,
        }
    }

    /// Stops the ringing everywhere.
    pub(super) fn cancel(&mut self, why: Farewell, desk: &mut Desk) {
        for leg in std::mem::take(&mut self.apps).into_keys() {
            desk.end_leg(leg, why);
        }
    }

    fn media(&mut self, event: &MediaEvent, desk: &mut Desk) -> RingEvent {
        match event {
            MediaEvent::LocalDescription { leg, op, sdp } => {
                if let Some(app) = self.apps.get_mut(leg)
                    && app.offer_op == *op
                    && !app.called
                {
                    app.called = true;
                    desk.invite_app(*leg, app.place, sdp.clone());
                }
                RingEvent::None
            }
            MediaEvent::Failed { leg, .. } => self.drop_app(*leg, desk),
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
            LegInput::Ringing if !self.rang => {
                self.rang = true;
                RingEvent::Ringing
            }
            LegInput::EarlyMedia(sdp) => {
                self.apply(leg, sdp, desk);
                RingEvent::None
            }
            LegInput::Answered(sdp) => {
                if let Some(sdp) = sdp {
                    self.apply(leg, sdp, desk);
                }
                let answer = self.apps.get(&leg).and_then(|app| app.answer.as_ref().map(|(_, op)| *op));
                // RFC 3261 section 13.2.1: a 200 without an answer to our offer is no call.
                let Some(op) = answer else { return self.drop_app(leg, desk) };
                self.apps.remove(&leg);
                self.cancel(Farewell::AnsweredElsewhere, desk);
                RingEvent::Answered { leg, op }
            }
            // RFC 3261 section 21.6: 6xx is the person's word, whatever the other apps would say.
            LegInput::Refused(600..) => {
                self.drop_app(leg, desk);
                self.cancel(Farewell::Declined, desk);
                RingEvent::Declined
            }
            LegInput::Refused(_) | LegInput::HungUp | LegInput::Lost | LegInput::FlowLost => {
                self.drop_app(leg, desk)
            }
            LegInput::Ringing
            | LegInput::Confirmed(_)
            | LegInput::FlowBack
            | LegInput::Offer(_)
            | LegInput::OfferAnswered(_)
            | LegInput::OfferRefused
            | LegInput::OfferTooSoon
            | LegInput::Dtmf { .. }
            | LegInput::Refer(_) => RingEvent::None,
        }
    }

    fn drop_app(&mut self, leg: LegId, desk: &mut Desk) -> RingEvent {
        if self.apps.remove(&leg).is_none() {
            return RingEvent::None;
        }
        desk.end_leg(leg, Farewell::Failure);
        if self.apps.is_empty() { RingEvent::Nobody } else { RingEvent::None }
    }

    /// The 200 usually repeats what the 183 brought: then there is nothing to do.
    fn apply(&mut self, leg: LegId, sdp: &Sdp, desk: &mut Desk) {
        let Some(app) = self.apps.get_mut(&leg) else { return };
        if app.answer.as_ref().is_none_or(|(known, _)| known != sdp) {
            app.answer = Some((sdp.clone(), desk.apply_answer(leg, sdp.clone())));
        }
    }
}
