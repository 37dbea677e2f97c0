//! One leg of an answered call: its changes of media, and whether its far side is there.

use std::time::Duration;

use super::desk::Desk;
use super::signal::{LegInput, LegOutput, OfferRefusal};
use crate::core::{LegId, LegProfile, MediaEvent, MediaFailure, OpId, Sdp, Timestamp};

/// How long an offer waits that could not be sent while another was under way.
const OFFER_RETRY: Duration = Duration::from_millis(500);

/// How often it is tried; the far side then keeps the media that it has.
const OFFER_TRIES: u8 = 20;

/// Who is at a leg's far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Courier,
    Customer,
    Centre,
}

#[derive(Debug)]
pub(super) struct TalkLeg {
    pub(super) leg: LegId,
    pub(super) role: Role,
    exchange: Exchange,
    /// The far side put us on hold.
    pub(super) holds: bool,
    /// The far side was put on hold by our last offer.
    held: bool,
    /// The far side should be on hold, since the other side holds.
    wanted: bool,
    retry_at: Option<Timestamp>,
    tries: u8,
    /// Its flow closed: when we stop waiting for it.
    flow_away: Option<Timestamp>,
    /// Its media path broke: when we stop waiting for it.
    media_away: Option<Timestamp>,
}

/// One offer and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    None,
    /// The far side offered: our answer is being made.
    Answering(OpId),
    /// Our offer is being made; `asked`: for a re-INVITE that has none.
    Making {
        op: OpId,
        hold: bool,
        asked: bool,
    },
    /// Our offer is with the far side.
    Offered {
        hold: bool,
    },
    /// Its answer is being applied.
    Applying(OpId),
}

impl TalkLeg {
    pub(super) fn new(leg: LegId, role: Role) -> Self {
        Self {
            leg,
            role,
            exchange: Exchange::None,
            holds: false,
            held: false,
            wanted: false,
            retry_at: None,
            tries: 0,
            flow_away: None,
            media_away: None,
        }
    }

    fn profile(&self) -> LegProfile {
        match self.role {
            Role::Courier => LegProfile::WebRtc,
            Role::Customer | Role::Centre => LegProfile::Rtp,
        }
    }

    /// The other side holds, or no longer does.
    pub(super) fn put_on_hold(&mut self, hold: bool, desk: &mut Desk) {
        self.wanted = hold;
        self.tries = 0;
        self.settle(desk);
    }

    /// Offers what the far side should have, if nothing else is under way.
    fn settle(&mut self, desk: &mut Desk) {
        if self.exchange == Exchange::None && self.wanted != self.held && self.retry_at.is_none() {
            let (hold, asked) = (self.wanted, false);
            let op = desk.create_offer(self.leg, self.profile(), hold);
            self.exchange = Exchange::Making { op, hold, asked };
        }
    }

    /// Its far side is away: when waiting for it ends.
    pub(super) fn away_until(&self) -> Option<Timestamp> {
        [self.flow_away, self.media_away].into_iter().flatten().min()
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.away_until(), self.retry_at].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, desk: &mut Desk) {
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.settle(desk);
        }
    }

    /// The media path broke for good, unless a new offer mends it.
    pub(super) fn media_lost(&mut self, until: Timestamp) {
        self.media_away.get_or_insert(until);
    }

    pub(super) fn media(&mut self, event: &MediaEvent, desk: &mut Desk) {
        match event {
            MediaEvent::LocalDescription { op, sdp, .. } => self.described(*op, sdp, desk),
            MediaEvent::Failed { op: Some(op), reason, .. } => self.failed(*op, *reason, desk),
            MediaEvent::Done { op, .. } if self.exchange == Exchange::Applying(*op) => self.over(desk),
            MediaEvent::Connected { .. } => self.media_away = None,
            MediaEvent::RemoteHold { held, .. } => self.holds = *held,
            MediaEvent::Failed { op: None, .. }
            | MediaEvent::Done { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::FirstAudio { .. }
            | MediaEvent::Played { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::Stats { .. } => {}
        }
    }

    fn described(&mut self, op: OpId, sdp: &Sdp, desk: &mut Desk) {
        match self.exchange {
            Exchange::Answering(wanted) if wanted == op => {
                desk.say(self.leg, LegOutput::AcceptOffer(sdp.clone()));
                self.over(desk);
            }
            Exchange::Making { op: wanted, hold, asked } if wanted == op => {
                self.exchange = Exchange::Offered { hold };
                let sdp = sdp.clone();
                let output = if asked { LegOutput::AcceptOffer(sdp) } else { LegOutput::Offer(sdp) };
                desk.say(self.leg, output);
            }
            Exchange::None
            | Exchange::Answering(_)
            | Exchange::Making { .. }
            | Exchange::Offered { .. }
            | Exchange::Applying(_) => {}
        }
    }

    fn failed(&mut self, op: OpId, reason: MediaFailure, desk: &mut Desk) {
        let refusal = match reason {
            MediaFailure::BadSdp | MediaFailure::NoCommonCodec => OfferRefusal::NotAcceptable,
            MediaFailure::NoResources | MediaFailure::NoSuchLeg | MediaFailure::Transport => {
                OfferRefusal::Failed
            }
        };
        match self.exchange {
            Exchange::Answering(wanted) if wanted == op => {
                desk.say(self.leg, LegOutput::RefuseOffer(refusal));
                self.over(desk);
            }
            Exchange::Making { op: wanted, hold, asked } if wanted == op => {
                if asked {
                    desk.say(self.leg, LegOutput::RefuseOffer(OfferRefusal::Failed));
                } else {
                    self.held = hold;
                }
                self.over(desk);
            }
            Exchange::Applying(wanted) if wanted == op => self.over(desk),
            Exchange::None
            | Exchange::Answering(_)
            | Exchange::Making { .. }
            | Exchange::Offered { .. }
            | Exchange::Applying(_) => {}
        }
    }

    pub(super) fn far_side(&mut self, now: Timestamp, input: &LegInput, grace: Duration, desk: &mut Desk) {
        match input {
            // Where our own offer is still being made it gives way: it has not been sent.
            LegInput::Offer(Some(offer)) => {
                let op = desk.create_answer(self.leg, self.profile(), offer.clone());
                self.exchange = Exchange::Answering(op);
            }
            LegInput::Offer(None) => {
                let (hold, asked) = (self.wanted, true);
                let op = desk.create_offer(self.leg, self.profile(), hold);
                self.exchange = Exchange::Making { op, hold, asked };
            }
            LegInput::OfferAnswered(answer) => {
                if let Exchange::Offered { hold } = self.exchange {
                    (self.held, self.tries) = (hold, 0);
                    match answer {
                        Some(answer) => {
                            self.exchange = Exchange::Applying(desk.apply_answer(self.leg, answer.clone()));
                        }
                        None => self.over(desk),
                    }
                }
            }
            LegInput::OfferRefused => self.offer_refused(desk),
            LegInput::OfferTooSoon if self.tries < OFFER_TRIES => {
                if let Exchange::Offered { .. } = self.exchange {
                    self.exchange = Exchange::None;
                    self.tries += 1;
                    self.retry_at = Some(now + OFFER_RETRY);
                }
            }
            LegInput::OfferTooSoon => self.offer_refused(desk),
            LegInput::FlowLost => self.flow_away = Some(now + grace),
            LegInput::FlowBack => self.flow_away = None,
            LegInput::Progress
            | LegInput::Ringing
            | LegInput::EarlyMedia(_)
            | LegInput::Answered(_)
            | LegInput::Refused(_)
            | LegInput::Confirmed(_)
            | LegInput::HungUp
            | LegInput::Lost
            | LegInput::Dtmf { .. }
            | LegInput::Refer(_) => {}
        }
    }

    /// The far side keeps what it has; it is not asked again until something changes.
    fn offer_refused(&mut self, desk: &mut Desk) {
        if let Exchange::Offered { hold } = self.exchange {
            self.held = hold;
            self.over(desk);
        }
    }

    fn over(&mut self, desk: &mut Desk) {
        self.exchange = Exchange::None;
        self.settle(desk);
    }
}
