//! Sessions: what an INVITE sets up (RFC 3261 sections 13 to 15).

mod answer;
mod call;
mod handover;
mod in_dialog;
mod offer;
mod refresh;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::dialog::Dialog;
use super::incoming::SDP;
use super::timers::{Timer, TxId};
use super::{EndCause, FlowId, Reply, SessionEvent, SessionId, UaError, UserAgent};
use crate::digest::Challenger;
use crate::msg::{HeaderName, InvalidValue, Method, NameAddr, Request, Response};
use crate::ua::SUPPORTED;
use crate::ua::server_tx::ALLOW;

pub(super) struct Session {
    /// Under which the session stands among the dialogs: Call-ID and local tag.
    key: (String, String),
    pub(super) flow: FlowId,
    /// Who may speak in it; see [`UserAgent::set_flow_owner`].
    pub(super) owner: Option<u64>,
    pub(super) phase: Phase,
    /// A change of media that is under way.
    offer: Offer,
    /// An offer that met one of the far side's and goes out again after a while.
    retry: Option<Bytes>,
    /// This side's 2xx to an INVITE until its ACK.
    unacknowledged: Option<Unacknowledged>,
    /// This side's ACK to the far side's last 2xx, by the INVITE's CSeq.
    last_ack: Option<(u32, Bytes)>,
    /// This side's last description, repeated when a re-INVITE only refreshes the session.
    local_sdp: Bytes,
    refresh: Option<Refresh>,
    /// The far side's Allow holds UPDATE.
    far_side_takes_update: bool,
    /// This side sent the first INVITE.
    caller: bool,
}

#[allow(clippy::large_enum_variant, reason = "one per call")]
pub(super) enum Phase {
    /// This side's INVITE has no final response.
    Calling(Calling),
    /// The far side's INVITE has none.
    Ringing(Ringing),
    Confirmed(Dialog),
}

pub(super) struct Calling {
    pub(super) tx: TxId,
    /// Without its Via, to send it again.
    invite: Request,
    /// By the far side's tag: a forked call has several.
    early: BTreeMap<String, Early>,
    /// The user ended the call; its Reason.
    pub(super) cancel: Option<Cancel>,
    retried: bool,
}

struct Early {
    dialog: Dialog,
    /// Of the last reliable provisional response.
    rseq: Option<u32>,
}

pub(super) enum Cancel {
    /// Not before a response has come (section 9.1).
    Waiting(Option<String>),
    Sent,
}

pub(super) struct Ringing {
    tx: TxId,
    invite: Request,
    dialog: Dialog,
    /// Provisional responses must be acknowledged (RFC 3262).
    reliable: bool,
    rseq: u32,
    /// The one that waits for its PRACK.
    unacknowledged: Option<Provisional>,
    /// What waits behind it.
    queue: VecDeque<Reply>,
}

struct Provisional {
    rseq: u32,
    bytes: Bytes,
    interval: Duration,
    waited: Duration,
}

struct Unacknowledged {
    cseq: u32,
    bytes: Bytes,
    interval: Duration,
    /// It holds an offer, to which the ACK brings the answer.
    offered: bool,
    /// It answers the first INVITE, not a change.
    first: bool,
    /// The user ended the session; BYE waits for the ACK (section 15). Its Reason.
    end: Option<Option<String>>,
}

/// A change of media.
enum Offer {
    None,
    /// This side's re-INVITE.
    Sent {
        sdp: Bytes,
    },
    /// The far side's; the user has not answered.
    Received {
        tx: TxId,
        request: Request,
    },
}

/// A running session timer.
#[derive(Debug, Clone, Copy)]
struct Refresh {
    interval: Duration,
    by_us: bool,
    /// The far side has asked for a longer interval (422) since the last agreement.
    raised: bool,
}

impl Session {
    fn new(key: (String, String), flow: FlowId, owner: Option<u64>, phase: Phase, caller: bool) -> Self {
        Self {
            key,
            flow,
            owner,
            phase,
            offer: Offer::None,
            retry: None,
            unacknowledged: None,
            last_ack: None,
            local_sdp: Bytes::new(),
            refresh: None,
            far_side_takes_update: false,
            caller,
        }
    }

    fn confirmed(&mut self) -> Result<&mut Dialog, UaError> {
        match &mut self.phase {
            Phase::Confirmed(dialog) => Ok(dialog),
            Phase::Calling(_) | Phase::Ringing(_) => Err(UaError::WrongState),
        }
    }

    /// The dialog that a request with that From tag belongs to.
    fn dialog_with(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.early.get_mut(remote_tag).map(|early| &mut early.dialog),
            Phase::Ringing(Ringing { dialog, .. }) | Phase::Confirmed(dialog) => {
                (dialog.remote_tag() == remote_tag).then_some(dialog)
            }
        }
    }
}

impl UserAgent {
    /// The flow that a session is on.
    pub fn session_flow(&self, session: SessionId) -> Option<FlowId> {
        self.sessions.get(&session).map(|session| session.flow)
    }

    /// Lets a session go on over another flow, after the first was lost. What is sent next carries that flow's
    /// Contact. When it is the far side that comes back over another flow, its re-INVITE or UPDATE moves the session
    /// by itself; look at [`session_flow`](Self::session_flow) at the [`Offer`](SessionEvent::Offer).
    pub fn move_session(&mut self, session: SessionId, flow: FlowId) -> Result<(), UaError> {
        if !self.flows.contains_key(&flow) {
            return Err(UaError::NoSuchFlow);
        }
        self.sessions.get_mut(&session).ok_or(UaError::NoSuchSession)?.flow = flow;
        Ok(())
    }

    pub(super) fn sessions_lose_flow(&mut self, flow: FlowId) {
        let on_it: Vec<_> = self.sessions.iter().filter(|(_, s)| s.flow == flow).map(|(id, _)| *id).collect();
        for id in on_it {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let given_up = session.unacknowledged.as_ref().is_some_and(|waiting| waiting.end.is_some());
            match session.phase {
                // The user has ended it; there is nobody to say so to.
                Phase::Confirmed(_) if given_up => self.finish(id, EndCause::Local),
                Phase::Confirmed(_) => {
                    session.forget_what_was_under_way();
                    self.timers.cancel(Timer::AnswerRetransmit(id));
                    self.timers.cancel(Timer::AnswerEnd(id));
                    self.emit_session(id, SessionEvent::FlowLost);
                }
                Phase::Calling(_) | Phase::Ringing(_) => self.finish(id, EndCause::FlowClosed),
            }
        }
    }

    /// The session is over: its last event, and nothing of it is kept.
    pub(super) fn finish(&mut self, id: SessionId, cause: EndCause) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.dialogs.remove(&session.key);
        for timer in [
            Timer::AnswerRetransmit(id),
            Timer::AnswerEnd(id),
            Timer::Refresh(id),
            Timer::Expiry(id),
            Timer::Reoffer(id),
            Timer::CancelEnd(id),
        ] {
            self.timers.cancel(timer);
        }
        self.emit_session(id, SessionEvent::Ended { cause });
    }

    /// A request that may move this side's Contact, or set up a dialog.
    fn add_contact(&self, flow: FlowId, request: &mut Request) -> Result<(), UaError> {
        let contact = self.flows.get(&flow).ok_or(UaError::NoSuchFlow)?.contact.clone();
        request.headers.push(HeaderName::Contact, NameAddr::new(contact))?;
        request.headers.push(HeaderName::Allow, ALLOW)?;
        request.headers.push(HeaderName::Supported, SUPPORTED.join(", "))?;
        Ok(())
    }

    /// ACK to a 2xx: a request of its own, outside of any transaction, with the credentials of its INVITE (section
    /// 13.2.2.4).
    fn acknowledge(&mut self, flow: FlowId, dialog: &Dialog, invite: &Request) -> Option<Bytes> {
        let branch = self.new_branch();
        let info = self.flows.get(&flow)?;
        let via = super::client_tx::via(info, &branch).ok()?;
        let mut ack = dialog.request_numbered(Method::Ack, invite.headers.cseq()?.number).ok()?;
        for challenger in Challenger::ALL {
            let name = challenger.credentials_header();
            for credentials in invite.headers.all(&name) {
                ack.headers.push(name.clone(), credentials).ok()?;
            }
        }
        ack.headers.push_via_front(&via);
        let bytes = ack.to_bytes();
        self.send(flow, bytes.clone());
        Some(bytes)
    }

    /// The dialog of a request that this side sent.
    pub(super) fn dialog_of_own(&mut self, request: &Request) -> Option<&mut Dialog> {
        let (from, to) = (request.headers.from()?, request.headers.to()?);
        let key = (request.headers.call_id()?.to_owned(), from.tag()?.to_owned());
        let id = *self.dialogs.get(&key)?;
        self.sessions.get_mut(&id)?.dialog_with(to.tag()?)
    }

    /// From now on requests find the session.
    fn keep(&mut self, id: SessionId, session: Session) {
        self.dialogs.insert(session.key.clone(), id);
        self.sessions.insert(id, session);
    }
}

fn set_sdp(request: &mut Request, sdp: &Bytes) -> Result<(), InvalidValue> {
    if !sdp.is_empty() {
        request.headers.set(HeaderName::ContentType, SDP)?;
        request.body = sdp.clone();
    }
    Ok(())
}

fn sdp_of(body: &Bytes) -> Option<Bytes> {
    (!body.is_empty()).then(|| body.clone())
}

fn allows_update(headers: &crate::msg::Headers) -> bool {
    headers.contains_token(&HeaderName::Allow, "UPDATE")
}

fn reasons(request: &Request) -> Vec<String> {
    request.headers.all(&HeaderName::Reason).map(str::to_owned).collect()
}

fn requires_100rel(response: &Response) -> bool {
    response.headers.contains_token(&HeaderName::Require, "100rel")
}
