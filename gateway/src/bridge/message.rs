//! A customer who reached nobody is answered and hears a message; then the contact centre, which was called meanwhile, or the end.

use super::carrier_leg::{CarrierEvent, CarrierLeg};
use super::desk::Desk;
use super::signal::{CallInput, Farewell, LegInput, LegOutput};
use super::talk::Pair;
use crate::core::{ClipId, EndReason, LegId, MediaEvent, OpId, Sdp};

/// What became of it.
#[derive(Debug, PartialEq)]
pub(super) enum MessageEvent {
    /// Nothing that matters.
    None,
    /// The message is over, and the contact centre has not answered: it rings on.
    CentreRings,
    /// The contact centre is there; both were joined.
    Answered(Pair),
    /// The message is over, and nobody else is there.
    Over(EndReason),
}

#[derive(Debug)]
pub(super) struct Message {
    customer: LegId,
    clip: ClipId,
    /// Why there is a message: the end of a call that goes no further.
    reason: EndReason,
    progress: Progress,
    centre: Option<Centre>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The customer has no answer yet. `offerless`: its own comes with its ACK.
    Unanswered {
        offerless: bool,
    },
    /// Its ACK must bring an answer before it can hear anything.
    AwaitsAck,
    Plays,
    Over,
}

#[derive(Debug)]
struct Centre {
    leg: CarrierLeg,
    /// It answered; the operation on which its sound depends.
    answered: Option<OpId>,
    /// Its network has something to say before the answer.
    early: bool,
}

impl Message {
    pub(super) fn new(
        customer: LegId,
        clip: ClipId,
        offerless: bool,
        centre: Option<CarrierLeg>,
        reason: EndReason,
    ) -> Self {
        let centre = centre.map(|leg| Centre { leg, answered: None, early: false });
        Self { customer, clip, reason, progress: Progress::Unanswered { offerless }, centre }
    }

    pub(super) fn reason(&self) -> EndReason {
        self.reason
    }

    /// Whether the customer was answered.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.progress, Progress::Unanswered { .. })
    }

    /// 200 to the customer, with our description of its media.
    pub(super) fn begin(&mut self, sdp: Sdp, desk: &mut Desk) {
        let Progress::Unanswered { offerless } = self.progress else { return };
        desk.say(self.customer, LegOutput::Answer(sdp));
        if offerless {
            self.progress = Progress::AwaitsAck;
        } else {
            self.play(desk);
        }
    }

    pub(super) fn handle(&mut self, input: &CallInput, desk: &mut Desk) -> MessageEvent {
        match input {
            CallInput::Leg { leg, input: LegInput::Confirmed(answer) } if *leg == self.customer => {
                if self.progress == Progress::AwaitsAck {
                    let Some(answer) = answer else { return MessageEvent::Over(EndReason::Lost) };
                    desk.apply_answer(self.customer, answer.clone());
                    self.play(desk);
                }
                MessageEvent::None
            }
            CallInput::Media(MediaEvent::Played { leg })
                if *leg == self.customer && self.progress == Progress::Plays =>
            {
                self.progress = Progress::Over;
                self.said(desk)
            }
            CallInput::Leg { .. }
            | CallInput::Media(_)
            | CallInput::AppConnected { .. }
            | CallInput::Wake(_)
            | CallInput::CompanyHungUp
            | CallInput::Shutdown => self.centre_does(input, desk),
        }
    }

    fn play(&mut self, desk: &mut Desk) {
        self.progress = Progress::Plays;
        desk.play(self.customer, self.clip);
    }

    /// The message was heard to its end.
    fn said(&mut self, desk: &mut Desk) -> MessageEvent {
        match self.centre.as_ref().map(|centre| centre.answered) {
            None => MessageEvent::Over(self.reason),
            Some(None) => {
                self.hear_centre(desk);
                MessageEvent::CentreRings
            }
            Some(Some(_)) => self.join(desk),
        }
    }

    fn centre_does(&mut self, input: &CallInput, desk: &mut Desk) -> MessageEvent {
        let over = self.progress == Progress::Over;
        let Some(centre) = &mut self.centre else { return MessageEvent::None };
        let leg = centre.leg.leg();
        if centre.answered.is_some() {
            // It may hang up while it waits for the end of the message.
            let gone = match input {
                CallInput::Leg { leg: of, input } => *of == leg && input.ends_leg(),
                CallInput::Media(MediaEvent::Failed { leg: of, .. }) => *of == leg,
                CallInput::Media(_)
                | CallInput::AppConnected { .. }
                | CallInput::Wake(_)
                | CallInput::CompanyHungUp
                | CallInput::Shutdown => false,
            };
            return if gone { self.centre_failed(desk) } else { MessageEvent::None };
        }
        match centre.leg.handle(input, desk) {
            CarrierEvent::None | CarrierEvent::Ringing => MessageEvent::None,
            CarrierEvent::EarlyMedia => {
                if !std::mem::replace(&mut centre.early, true) && over {
                    self.hear_centre(desk);
                }
                MessageEvent::None
            }
            CarrierEvent::Answered { op } => {
                centre.answered = Some(op);
                if over { self.join(desk) } else { MessageEvent::None }
            }
            CarrierEvent::Failed(_) => self.centre_failed(desk),
        }
    }

    fn hear_centre(&self, desk: &mut Desk) {
        if let Some(centre) = self.centre.as_ref().filter(|centre| centre.early) {
            desk.join(centre.leg.leg(), self.customer);
            desk.forward(centre.leg.leg());
        }
    }

    /// The message goes on to its end all the same.
    fn centre_failed(&mut self, desk: &mut Desk) -> MessageEvent {
        if let Some(centre) = self.centre.take() {
            desk.end_leg(centre.leg.leg(), Farewell::Failure);
        }
        if self.progress == Progress::Over { MessageEvent::Over(self.reason) } else { MessageEvent::None }
    }

    fn join(&self, desk: &mut Desk) -> MessageEvent {
        let Some((leg, op)) =
            self.centre.as_ref().and_then(|centre| Some((centre.leg.leg(), centre.answered?)))
        else {
            return MessageEvent::None;
        };
        desk.join(leg, self.customer);
        desk.forward(leg);
        desk.forward(self.customer);
        MessageEvent::Answered(Pair::centre(leg, self.customer).needing(op))
    }
}
