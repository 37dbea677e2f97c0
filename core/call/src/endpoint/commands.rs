//! What the application wants.

use doorstep_sip::msg::{Host, SipUri, StatusCode, Uri};
use doorstep_sip::ua::Reply;

use super::call::{Call, Calling, Phase};
use super::shutdown::Binding;
use super::{Deadline, Endpoint, Life};
use crate::{CallHandle, Command, CommandError, Direction, EndReason, Event, MediaCommand, OrderId, Target};

/// Longer names for an order are a mistake.
const MAX_ORDER: usize = 200;

impl Endpoint {
    pub(super) fn command(&mut self, command: Command) {
        let refused = match command {
            Command::Contact { call, order } => self.dial(call, &Target::Order(order)),
            Command::Dial { call, target } => self.dial(call, &Target::Uri(target)),
            Command::Answer { call } => self.answer(call).map_err(|error| (call, error)),
            Command::Reject { call, busy } => self.reject(call, busy).map_err(|error| (call, error)),
            Command::HangUp { call } => self.hang_up(call).map_err(|error| (call, error)),
            Command::Hold { call } => self.hold(call, true).map_err(|error| (call, error)),
            Command::Resume { call } => self.hold(call, false).map_err(|error| (call, error)),
            Command::Mute { call, on } => self.mute(call, on).map_err(|error| (call, error)),
            Command::SendDtmf { call, digits } => {
                self.send_dtmf(call, &digits).map_err(|error| (call, error))
            }
            Command::Transfer { call, target } => self.transfer(call, &target).map_err(|error| (call, error)),
            Command::TransferTo { call, other } => {
                self.transfer_to(call, other).map_err(|error| (call, error))
            }
            Command::SetPush(push) => {
                self.set_push(push);
                Ok(())
            }
            Command::Register => {
                if self.life == Life::Running {
                    self.register();
                }
                Ok(())
            }
            Command::Unregister => {
                self.unregister();
                Ok(())
            }
            Command::Background(on) => {
                self.link.set_background(on);
                Ok(())
            }
            Command::Shutdown => {
                self.shut_down(Binding::Removed);
                Ok(())
            }
            Command::Leave => {
                self.shut_down(Binding::Kept);
                Ok(())
            }
        };
        if let Err((call, error)) = refused {
            self.tell(Event::CommandRefused { call, error });
        }
    }

    fn dial(&mut self, handle: CallHandle, target: &Target) -> Result<(), (CallHandle, CommandError)> {
        if handle.is_own() || self.last_number.is_some_and(|last| handle.0 <= last) {
            return Err((handle, CommandError::HandleTaken));
        }
        self.last_number = Some(handle.0);
        self.forget_waits();
        let reason = match self.resolve(target) {
            _ if self.life != Life::Running => EndReason::Shutdown,
            _ if self.calls.len() >= self.config.max_calls => EndReason::TooManyCalls,
            None => EndReason::NoSuchTarget,
            Some(uri) => {
                self.hold_others(handle);
                let mut call =
                    Call::new(handle, Direction::Outgoing, Phase::Calling(Calling::new(uri)), self.now);
                call.order = match target {
                    Target::Order(order) => Some(order.clone()),
                    Target::Uri(_) => None,
                };
                self.begin_call(call);
                return Ok(());
            }
        };
        self.tell(Event::CallEnded { call: handle, reason, text: reason.text().to_owned() });
        Ok(())
    }

    /// The address of a target, if it can be called.
    pub(super) fn resolve(&self, target: &Target) -> Option<Uri> {
        match target {
            Target::Order(OrderId(id)) => {
                let good = !id.is_empty() && id.len() <= MAX_ORDER;
                let host = Host::domain(&self.config.domain).ok().filter(|_| good)?;
                Some(SipUri::new(host).with_user(&format!("order.{id}")).into())
            }
            Target::Uri(uri) => {
                let uri: Uri = uri.expose().parse().ok()?;
                let callable = match &uri {
                    Uri::Sip(uri) => !uri.has_headers(),
                    Uri::Other(_) => uri.telephone_number().is_some(),
                };
                callable.then_some(uri)
            }
        }
    }

    /// Starts an outgoing call: the voice engine makes the offer while the connection comes up.
    pub(super) fn begin_call(&mut self, call: Call) {
        let handle = call.handle;
        self.calls.insert(handle, call);
        self.deadlines.set(Deadline::Connect(handle), self.now + self.config.connect_timeout);
        self.make_first_offer(handle);
        self.tell_changed(handle);
    }

    fn reject(&mut self, handle: CallHandle, busy: bool) -> Result<(), CommandError> {
        let call = self.calls.get_mut(&handle).ok_or(CommandError::NoSuchCall)?;
        if call.ringing_mut().is_none() {
            return Err(CommandError::WrongState);
        }
        let status = if busy { StatusCode::BUSY_HERE } else { StatusCode::DECLINE };
        self.refuse(handle, status, EndReason::DeclinedHere);
        Ok(())
    }

    /// Refuses a call that rings here, or will.
    pub(super) fn refuse(&mut self, handle: CallHandle, status: StatusCode, reason: EndReason) {
        let Some(call) = self.calls.get(&handle) else { return };
        if let Some(session) = call.session {
            // A session that ended by itself meanwhile needs no answer.
            let _ = self.ua.reject(self.now, session, Reply::new(status));
        }
        self.bury(handle, status, reason);
        self.end(handle, reason);
    }

    fn hang_up(&mut self, handle: CallHandle) -> Result<(), CommandError> {
        let call = self.calls.get(&handle).ok_or(CommandError::NoSuchCall)?;
        match &call.phase {
            Phase::Ringing(_) => self.refuse(handle, StatusCode::DECLINE, EndReason::DeclinedHere),
            Phase::Calling(_) | Phase::Active(_) => self.drop_call(handle, EndReason::HungUpHere),
        }
        Ok(())
    }

    fn mute(&mut self, handle: CallHandle, on: bool) -> Result<(), CommandError> {
        let call = self.calls.get_mut(&handle).ok_or(CommandError::NoSuchCall)?;
        if std::mem::replace(&mut call.muted, on) == on {
            return Ok(());
        }
        let leg = call.leg;
        if let Some(leg) = leg {
            self.order_media(MediaCommand::SetMute { leg, on });
        }
        self.tell_changed(handle);
        Ok(())
    }
}
