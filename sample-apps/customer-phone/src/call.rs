//! One call: what the user agent, the media and the phone's owner tell each other.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{NameAddr, StatusCode};
use doorstep_sip::ua::{EndCause, FlowId, Reply as SipReply, SessionEvent, SessionId, UaError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::driver::{Driver, log};
use crate::media::{Media, MediaNews, Op};
use crate::{CallId, EndReason, PhoneConfig, PhoneError, PhoneEventKind};

/// How long a change of media waits for one of the far side's, and how often.
const PAUSE: Duration = Duration::from_millis(50);
const AGAIN: u32 = 100;

/// What a description is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The INVITE that this phone sends.
    Invite,
    /// The answer to a call, which rings as soon as it is ready.
    Ring,
    /// A re-INVITE of this phone's.
    Reoffer,
    /// The answer to a re-INVITE of the far side's.
    Reanswer,
    /// Nothing to send: the far side's answer was taken in.
    Applied,
}

pub(crate) struct Call {
    pub(crate) session: Option<SessionId>,
    pub(crate) flow: FlowId,
    pub(crate) media: Media,
    /// The number, in a call that this phone makes.
    pub(crate) dialled: Option<String>,
    /// Its caller does not want to be known (RFC 3323).
    pub(crate) withheld: bool,
    pub(crate) screen: String,
    /// While it rings here: what goes into the 200.
    pub(crate) waiting_sdp: Option<Bytes>,
    pub(crate) answer_at: Option<Instant>,
    /// A change of media that waits for another of the far side's to be done: on hold or not, when it is tried again,
    /// and how often it may still be.
    pub(crate) again: Option<(bool, Instant, u32)>,
    /// Whether the last change that this phone wanted is a hold, and how often it may be tried again.
    wanted: (bool, u32),
    /// This phone has an offer out, and the answer to come belongs to it.
    offering: bool,
    answered: bool,
    hung_up: bool,
    heard_ringing: bool,
    /// The last answer that was applied: 183 and 200 often hold the same.
    applied: Bytes,
    purposes: Vec<(Op, Purpose)>,
    last_op: u64,
}

impl Call {
    pub(crate) fn new(
        config: &PhoneConfig,
        flow: FlowId,
        record: Option<PathBuf>,
        id: CallId,
        news: mpsc::Sender<(CallId, MediaNews)>,
    ) -> Result<Self, PhoneError> {
        Ok(Self {
            session: None,
            flow,
            media: Media::start(config, record, id, news)?,
            dialled: None,
            withheld: false,
            screen: String::new(),
            waiting_sdp: None,
            answer_at: None,
            again: None,
            wanted: (false, 0),
            offering: false,
            answered: false,
            hung_up: false,
            heard_ringing: false,
            applied: Bytes::new(),
            purposes: Vec::new(),
            last_op: 0,
        })
    }

    /// Asks the media for an offer.
    pub(crate) fn offer(&mut self, purpose: Purpose, hold: bool) {
        let op = self.op(purpose);
        self.offering = true;
        self.media.offer(op, hold);
    }

    /// The body of the INVITE that came in: an offer, or none, and then the offer is this phone's.
    pub(crate) fn first_offer(&mut self, body: &Bytes) {
        self.take_offer(Purpose::Ring, Some(body.clone()).filter(|body| !body.is_empty()));
    }

    fn take_offer(&mut self, purpose: Purpose, offer: Option<Bytes>) {
        match offer {
            Some(offer) => {
                let op = self.op(purpose);
                self.media.answer(op, offer);
            }
            None => self.offer(purpose, false),
        }
    }

    fn apply(&mut self, answer: &Bytes) {
        if self.offering && !answer.is_empty() && self.applied != *answer {
            self.applied = answer.clone();
            let op = self.op(Purpose::Applied);
            self.media.apply(op, answer.clone());
        }
    }

    fn op(&mut self, purpose: Purpose) -> Op {
        self.last_op += 1;
        let op = Op(self.last_op);
        self.purposes.push((op, purpose));
        op
    }

    fn purpose(&mut self, op: Op) -> Option<Purpose> {
        let position = self.purposes.iter().position(|(known, _)| *known == op)?;
        Some(self.purposes.swap_remove(position).1)
    }

    fn answered(&mut self) {
        self.answered = true;
        self.media.open();
    }
}

impl Driver {
    pub(crate) fn answer(&mut self, id: CallId) -> Result<(), PhoneError> {
        let now = self.now();
        let call = self.calls.get_mut(&id).ok_or(PhoneError::NoSuchCall)?;
        let session = call.session.ok_or(PhoneError::WrongState)?;
        call.answer_at = None;
        let sdp = call.waiting_sdp.take().ok_or(PhoneError::WrongState)?;
        self.ua.answer(now, session, self.config.gossip.headers()?, sdp)?;
        call.answered();
        self.emit(id, PhoneEventKind::Answered);
        Ok(())
    }

    pub(crate) fn refuse(&mut self, id: CallId, status: u16) -> Result<(), PhoneError> {
        let now = self.now();
        let call = self.calls.get(&id).ok_or(PhoneError::NoSuchCall)?;
        let session = call.session.ok_or(PhoneError::WrongState)?;
        let status = StatusCode::new(status).map_err(|_| PhoneError::WrongState)?;
        self.ua.reject(now, session, self.config.gossip.refusal(status)?)?;
        self.finish(id, EndReason::RefusedHere);
        Ok(())
    }

    pub(crate) fn hang_up(&mut self, id: CallId) -> Result<(), PhoneError> {
        let now = self.now();
        let call = self.calls.get_mut(&id).ok_or(PhoneError::NoSuchCall)?;
        call.hung_up = true;
        match call.session {
            // The user agent tells when it is over: at once, or when the far side has answered the CANCEL.
            Some(session) => Ok(self.ua.end(now, session, self.config.gossip.reason())?),
            None => {
                self.finish(id, EndReason::HungUpHere);
                Ok(())
            }
        }
    }

    pub(crate) fn hold(&mut self, id: CallId, hold: bool) -> Result<(), PhoneError> {
        let call = self.calls.get_mut(&id).ok_or(PhoneError::NoSuchCall)?;
        if !call.answered || call.offering || call.again.is_some() {
            return Err(PhoneError::WrongState);
        }
        call.wanted = (hold, AGAIN);
        call.offer(Purpose::Reoffer, hold);
        Ok(())
    }

    /// Asks the far side to go on with `user` instead of this phone (RFC 3515).
    pub(crate) fn transfer(&mut self, id: CallId, user: &str) -> Result<(), PhoneError> {
        let now = self.now();
        let session = self.calls.get(&id).ok_or(PhoneError::NoSuchCall)?.session;
        let to = NameAddr::new(self.address_of(user));
        Ok(self.ua.refer(now, session.ok_or(PhoneError::WrongState)?, &to)?)
    }

    /// The far side's change should be done by now.
    pub(crate) fn hold_again(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some((hold, _, left)) = call.again.take() {
            call.wanted = (hold, left);
            call.offer(Purpose::Reoffer, hold);
        }
    }

    pub(crate) fn digits(&mut self, id: CallId, digits: String) -> Result<(), PhoneError> {
        let call = self.calls.get_mut(&id).ok_or(PhoneError::NoSuchCall)?;
        if !call.answered {
            return Err(PhoneError::WrongState);
        }
        call.media.digits(digits);
        Ok(())
    }

    pub(crate) fn media_news(&mut self, id: CallId, news: MediaNews) -> Result<(), PhoneError> {
        let now = self.now();
        // News of a call that is over.
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        match news {
            MediaNews::FirstAudio => self.emit(id, PhoneEventKind::FirstAudio),
            MediaNews::Digit(digit) => self.emit(id, PhoneEventKind::Digit { digit }),
            MediaNews::Held(held) => self.emit(id, PhoneEventKind::Held { held }),
            MediaNews::Failed { op: None, fault } => self.media_failed(id, fault),
            MediaNews::Failed { op: Some(op), fault } => match (call.purpose(op), call.session) {
                (Some(Purpose::Reanswer), Some(session)) => {
                    self.ua.reject_offer(now, session, fault.status())?;
                }
                (Some(Purpose::Reoffer), _) => {
                    call.offering = false;
                    self.emit(id, PhoneEventKind::MediaChanged { accepted: false });
                }
                (Some(Purpose::Invite | Purpose::Ring | Purpose::Applied), _)
                | (Some(Purpose::Reanswer), None) => self.media_failed(id, fault),
                (None, _) => {}
            },
            MediaNews::Ready { op, sdp } => match (call.purpose(op), call.session) {
                (Some(Purpose::Invite), _) => {
                    if let Err(error) = self.invite(id, sdp) {
                        self.finish(id, EndReason::ConnectionLost);
                        return Err(error);
                    }
                }
                (Some(Purpose::Ring), _) => self.ring(id, sdp)?,
                (Some(Purpose::Reanswer), Some(session)) => {
                    self.ua.accept_offer(now, session, self.config.gossip.add_to_sdp(sdp))?
                }
                (Some(Purpose::Reoffer), Some(session)) => {
                    let sent = self.ua.reoffer(now, session, self.config.gossip.add_to_sdp(sdp));
                    if sent.is_ok() {
                        return Ok(());
                    }
                    call.offering = false;
                    let (hold, left) = call.wanted;
                    if sent == Err(UaError::OfferPending) && left > 0 {
                        call.again = Some((hold, Instant::now() + PAUSE, left - 1));
                    } else {
                        self.emit(id, PhoneEventKind::MediaChanged { accepted: false });
                        sent?;
                    }
                }
                (Some(Purpose::Reanswer | Purpose::Reoffer), None) | (Some(Purpose::Applied) | None, _) => {}
            },
        }
        Ok(())
    }

    pub(crate) fn session_event(&mut self, id: CallId, session: SessionId, event: SessionEvent) {
        let now = self.now();
        let Some(call) = self.calls.get_mut(&id) else { return };
        match event {
            SessionEvent::Progress { response } => {
                call.apply(&response.body);
                let status = response.status.code();
                let rings = response.status == StatusCode::RINGING || !response.body.is_empty();
                let begins_to_ring = rings && !std::mem::replace(&mut call.heard_ringing, rings);
                if self.config.tells_progress {
                    self.emit(id, PhoneEventKind::Progress { status });
                }
                if begins_to_ring {
                    self.emit(id, PhoneEventKind::Ringing);
                }
            }
            SessionEvent::Answered { response } => {
                call.apply(&response.body);
                call.offering = false;
                call.answered();
                self.emit(id, PhoneEventKind::Answered);
            }
            SessionEvent::Confirmed { sdp } => {
                if let Some(sdp) = sdp {
                    call.apply(&sdp);
                }
                call.offering = false;
            }
            SessionEvent::Offer { sdp } => call.take_offer(Purpose::Reanswer, sdp),
            SessionEvent::OfferAnswered { sdp } => {
                if let Some(sdp) = sdp {
                    call.apply(&sdp);
                }
                call.offering = false;
                self.emit(id, PhoneEventKind::MediaChanged { accepted: true });
            }
            SessionEvent::OfferRejected { status } => {
                tracing::debug!(status = status.code(), "the far side refused new media");
                call.offering = false;
                self.emit(id, PhoneEventKind::MediaChanged { accepted: false });
            }
            SessionEvent::Refer { incoming, .. } => {
                let refused = SipReply::new(StatusCode::METHOD_NOT_ALLOWED);
                log(self.ua.respond(now, incoming, refused).map_err(PhoneError::from));
            }
            SessionEvent::ReferAnswered { status } => {
                self.emit(id, PhoneEventKind::Transfer { status: status.code() });
            }
            SessionEvent::Notify { request } => {
                if let Some(status) = status_in(&request.body) {
                    self.emit(id, PhoneEventKind::Transfer { status });
                }
            }
            SessionEvent::Info { .. } => {}
            // UDP knows no lost flow; over TCP the far side may open another.
            SessionEvent::FlowLost => log(self.ua.end(now, session, None).map_err(PhoneError::from)),
            SessionEvent::Ended { cause } => {
                let hung_up = call.hung_up;
                self.finish(id, end_reason(cause, hung_up));
            }
        }
    }
}

/// The status line of a `message/sipfrag` body (RFC 3420).
fn status_in(body: &Bytes) -> Option<u16> {
    std::str::from_utf8(body).ok()?.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

fn end_reason(cause: EndCause, hung_up: bool) -> EndReason {
    match cause {
        EndCause::Local if hung_up => EndReason::HungUpHere,
        // The user agent ended it by itself, because the far side lost the call.
        EndCause::Local | EndCause::Timeout | EndCause::Expired => EndReason::TimedOut,
        EndCause::Remote { .. } => EndReason::HungUpThere,
        EndCause::Refused { response } => {
            EndReason::Refused { status: response.status.code(), text: response.reason }
        }
        EndCause::FlowClosed => EndReason::ConnectionLost,
    }
}
