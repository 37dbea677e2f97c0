//! A leg's two ways: what its call wants said becomes SIP ([`GatewayCore::speak`]), and what its SIP session tells becomes
//! what the call hears ([`GatewayCore::session_event`]).

use doorstep_sip::msg::{Headers, NameAddr, Response, SipUri, StatusCode};
use doorstep_sip::ua::{EndCause, FlowId, Invite, SessionEvent, SessionId, UaError, UserAgent};

use super::calls::Leg;
use super::dialing::Dialing;
use super::gateway::GatewayCore;
use super::headers::{add_label, one_line, reason, refusal_for_app, refusal_for_carrier, status_of};
use super::ids::{CourierId, LegId, Sdp, Side, Timestamp};
use super::reading::{digit_of, refer_target, sdp_of, sdp_text};
use super::refusal::ErrorCode;
use crate::bridge::{CallInput, LegInput, LegOutput, OfferRefusal, call_of_leg};

impl GatewayCore {
    /// Says something to a leg's far side.
    pub(super) fn speak(&mut self, now: Timestamp, number: u64, leg: LegId, output: LegOutput) {
        let output = match output {
            LegOutput::InviteCarrier { number: callee, caller_id, offer } => {
                let dialing = Dialing::new(callee, caller_id, offer);
                let called = self
                    .dial(now, dialing)
                    .map(|(session, carrier, dialing)| Leg::on_trunk(session, Some(carrier), Some(dialing)));
                return self.invited(now, number, leg, called);
            }
            LegOutput::InviteApp { app, offer } => {
                let called = self.call_app(now, number, app, offer);
                return self.invited(now, number, leg, called);
            }
            other => other,
        };
        let Some(entry) = self.calls.get_mut(&number) else { return };
        let label = entry.label.clone();
        let Some(Leg { side, session, refer, .. }) = entry.legs.get_mut(&leg) else { return };
        let (side, session) = (*side, *session);
        let ua = match side {
            Side::Edge => &mut self.edge.ua,
            Side::Trunk => &mut self.trunk.ua,
        };
        let mut headers = Headers::default();
        if side == Side::Edge {
            add_label(&mut headers, label.as_ref());
        }
        let refusal = |code: ErrorCode| match side {
            Side::Edge => refusal_for_app(code),
            Side::Trunk => refusal_for_carrier(code),
        };
        let done = match output {
            LegOutput::Ring => ua.progress(now, session, StatusCode::RINGING, headers, None),
            LegOutput::EarlyMedia(sdp) => {
                let sdp = Some(sdp.into_exposed().into());
                ua.progress(now, session, StatusCode::SESSION_PROGRESS, headers, sdp)
            }
            LegOutput::Answer(sdp) => ua.answer(now, session, headers, sdp.into_exposed().into()),
            LegOutput::Reject(code) => {
                self.sessions.remove(&(side, session));
                ua.reject(now, session, refusal(code))
            }
            LegOutput::Offer(sdp) => {
                let input = match ua.reoffer(now, session, sdp.into_exposed().into()) {
                    Ok(()) => return,
                    Err(UaError::OfferPending | UaError::NoSuchFlow) => LegInput::OfferTooSoon,
                    Err(error) => {
                        tracing::debug!(%error, "an offer could not be made");
                        LegInput::OfferRefused
                    }
                };
                entry.call.handle_input(now, CallInput::Leg { leg, input });
                Ok(())
            }
            LegOutput::AcceptOffer(sdp) => ua.accept_offer(now, session, sdp.into_exposed().into()),
            LegOutput::RefuseOffer(why) => ua.reject_offer(now, session, status_of_refusal(why)),
            LegOutput::AcceptRefer => match refer.take() {
                Some(id) => ua.respond(now, id, doorstep_sip::ua::Reply::new(StatusCode::ACCEPTED)),
                None => Ok(()),
            },
            LegOutput::RefuseRefer(code) => match refer.take() {
                Some(id) => ua.respond(now, id, refusal(code)),
                None => Ok(()),
            },
            LegOutput::Notify { status, last } => {
                let status = status_of(status);
                ua.notify(now, session, &format!("SIP/2.0 {status} {}", status.reason()), last)
            }
            LegOutput::End(why) => {
                self.sessions.remove(&(side, session));
                ua.end(now, session, Some(reason(why).to_owned()))
            }
            // Handled above.
            LegOutput::InviteCarrier { .. } | LegOutput::InviteApp { .. } => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(%error, ?side, "a leg could not be spoken to");
        }
    }

    fn call_app(&mut self, now: Timestamp, number: u64, app: usize, offer: Sdp) -> Result<Leg, UaError> {
        let entry = self.calls.get(&number).ok_or(UaError::NoSuchSession)?;
        let place = app;
        let app = entry.apps.get(place).ok_or(UaError::NoSuchFlow)?;
        let flow = app.flow.ok_or(UaError::NoSuchFlow)?;
        let instance = app.binding.instance.clone();
        let uri = app.binding.contact.expose().parse::<SipUri>()?;
        let own = SipUri::new(self.config.domain.clone());
        let user =
            entry.record.order.as_ref().map_or_else(|| "order".to_owned(), |order| format!("order.{order}"));
        let mut from = NameAddr::new(own.clone().with_user(&user));
        if let Some(label) = &entry.label {
            from = from.with_display_name(&one_line(label.expose()));
        }
        let mut headers = Headers::default();
        add_label(&mut headers, entry.label.as_ref());
        let invite = Invite {
            uri: uri.into(),
            from,
            to: NameAddr::new(own.with_user(app.binding.courier.expose())),
            call_id: Some(entry.record.id.0.clone()),
            headers,
            sdp: offer.into_exposed().into(),
        };
        let session = self.edge.ua.invite(now, flow, invite)?;
        Ok(Leg { app: Some(place), ..Leg::on_edge(session, instance) })
    }

    fn invited(&mut self, now: Timestamp, number: u64, leg: LegId, called: Result<Leg, UaError>) {
        let Some(entry) = self.calls.get_mut(&number) else { return };
        match called {
            Ok(called) => {
                self.sessions.insert((called.side, called.session), leg);
                entry.legs.insert(leg, called);
            }
            Err(error) => {
                tracing::debug!(%error, "a leg could not be called");
                let input = LegInput::Lost;
                entry.call.handle_input(now, CallInput::Leg { leg, input });
            }
        }
    }

    /// Something happened in a SIP session.
    pub(super) fn session_event(
        &mut self,
        now: Timestamp,
        side: Side,
        session: SessionId,
        event: SessionEvent,
    ) {
        let Some(leg) = self.sessions.get(&(side, session)).copied() else {
            if let SessionEvent::Ended { .. } = event {
                self.forget_pending(side, session);
            }
            return;
        };
        let number = call_of_leg(leg);
        self.note_return(now, number, leg);
        if side == Side::Trunk && self.dial_on(now, leg, session, &event) {
            return;
        }
        for input in self.inputs_of(now, side, session, leg, event) {
            self.tell_call(now, number, CallInput::Leg { leg, input });
        }
    }

    /// What an event of a session means to its call.
    fn inputs_of(
        &mut self,
        now: Timestamp,
        side: Side,
        session: SessionId,
        leg: LegId,
        event: SessionEvent,
    ) -> Vec<LegInput> {
        let text = |sdp: Option<bytes::Bytes>| sdp.and_then(|sdp| sdp_text(&sdp).ok());
        let input = match event {
            SessionEvent::Progress { response } => return progress(&response),
            SessionEvent::Answered { response } => {
                LegInput::Answered(sdp_of(&response.headers, &response.body).ok().flatten())
            }
            SessionEvent::Confirmed { sdp } => LegInput::Confirmed(text(sdp)),
            SessionEvent::Offer { sdp: None } => LegInput::Offer(None),
            SessionEvent::Offer { sdp: Some(sdp) } => match sdp_text(&sdp) {
                Ok(sdp) => LegInput::Offer(Some(sdp)),
                Err(_) => {
                    let status = StatusCode::NOT_ACCEPTABLE_HERE;
                    if let Err(error) = self.agent(side).reject_offer(now, session, status) {
                        tracing::debug!(%error, "an offer could not be refused");
                    }
                    return Vec::new();
                }
            },
            SessionEvent::OfferAnswered { sdp } => LegInput::OfferAnswered(text(sdp)),
            SessionEvent::OfferRejected { .. } => LegInput::OfferRefused,
            SessionEvent::Info { request } => match digit_of(&request) {
                Some((digit, duration_ms)) => LegInput::Dtmf { digit, duration_ms },
                None => return Vec::new(),
            },
            SessionEvent::Refer { incoming, request } => {
                if let Some(leg) = self.leg_mut(leg) {
                    leg.refer = Some(incoming);
                }
                LegInput::Refer(refer_target(&request))
            }
            SessionEvent::FlowLost => {
                if let Some(leg) = self.leg_mut(leg) {
                    leg.away = true;
                }
                LegInput::FlowLost
            }
            SessionEvent::Ended { cause } => {
                self.sessions.remove(&(side, session));
                match cause {
                    EndCause::Remote { .. } => LegInput::HungUp,
                    EndCause::Refused { response } => LegInput::Refused(response.status.code()),
                    EndCause::Timeout | EndCause::Expired | EndCause::FlowClosed | EndCause::Local => {
                        LegInput::Lost
                    }
                }
            }
            // The gateway refers nobody.
            SessionEvent::ReferAnswered { .. } | SessionEvent::Notify { .. } => return Vec::new(),
        };
        vec![input]
    }

    /// A session whose flow was lost is spoken to over another one: its far side is back.
    fn note_return(&mut self, now: Timestamp, number: u64, id: LegId) {
        let Some(entry) = self.calls.get_mut(&number) else { return };
        let Some(leg) = entry.legs.get_mut(&id).filter(|leg| leg.away) else { return };
        let open = match leg.side {
            Side::Edge => self.edge.ua.session_flow(leg.session).is_some_and(|flow| self.edge.is_open(flow)),
            Side::Trunk => {
                self.trunk.ua.session_flow(leg.session).is_some_and(|flow| self.trunk.is_open(flow))
            }
        };
        if open {
            leg.away = false;
            self.tell_call(now, number, CallInput::Leg { leg: id, input: LegInput::FlowBack });
        }
    }

    /// The courier's app has registered on a new flow: its calls go on there.
    pub(super) fn app_came_back(
        &mut self,
        now: Timestamp,
        courier: &CourierId,
        flow: FlowId,
        instance: Option<&str>,
    ) {
        let theirs = self.calls.iter().filter(|(_, entry)| entry.record.courier.as_ref() == Some(courier));
        let mut back = Vec::new();
        for (number, entry) in theirs {
            for (id, leg) in &entry.legs {
                let same = leg.instance.is_none() || leg.instance.as_deref() == instance;
                if leg.side == Side::Edge && leg.away && same {
                    back.push((*number, *id, leg.session));
                }
            }
        }
        self.move_legs(now, Side::Edge, flow, back);
    }

    /// The connection to a carrier was made anew: calls that were on the old one go on there.
    pub(super) fn carrier_came_back(&mut self, now: Timestamp, carrier: usize, flow: FlowId) {
        let legs =
            self.calls.iter().flat_map(|(number, entry)| entry.legs.iter().map(move |leg| (number, leg)));
        let lost = legs.filter(|(_, (_, leg))| leg.away && leg.carrier == Some(carrier));
        let back = lost.map(|(number, (id, leg))| (*number, *id, leg.session)).collect();
        self.move_legs(now, Side::Trunk, flow, back);
    }

    fn move_legs(&mut self, now: Timestamp, side: Side, flow: FlowId, legs: Vec<(u64, LegId, SessionId)>) {
        for (number, leg, session) in legs {
            match self.agent(side).move_session(session, flow) {
                Ok(()) => self.note_return(now, number, leg),
                Err(error) => tracing::debug!(%error, "a session could not be moved"),
            }
        }
    }

    fn agent(&mut self, side: Side) -> &mut UserAgent {
        match side {
            Side::Edge => &mut self.edge.ua,
            Side::Trunk => &mut self.trunk.ua,
        }
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.calls.get_mut(&call_of_leg(leg))?.legs.get_mut(&leg)
    }
}

/// 180 rings, and 18x with a description brings early media.
fn progress(response: &Response) -> Vec<LegInput> {
    let early = sdp_of(&response.headers, &response.body).ok().flatten().map(LegInput::EarlyMedia);
    let ringing = (response.status == StatusCode::RINGING).then_some(LegInput::Ringing);
    match (early, ringing) {
        (None, None) => vec![LegInput::Progress],
        (early, ringing) => early.into_iter().chain(ringing).collect(),
    }
}

fn status_of_refusal(why: OfferRefusal) -> StatusCode {
    match why {
        OfferRefusal::NotAcceptable => StatusCode::NOT_ACCEPTABLE_HERE,
        OfferRefusal::Pending => StatusCode::REQUEST_PENDING,
        OfferRefusal::Failed => StatusCode::SERVER_INTERNAL_ERROR,
    }
}
