use std::fmt;

use doorstep_call::{
    CallHandle, CallSnapshot, CallState, Command, EndReason, OrderId, Quality, Sensitive, Target,
};
use tokio::sync::watch;

use super::error::ApiError;
use crate::driver::Commands;

/// One call: a handle, of which there may be several. Dropping it does not end the call.
#[derive(Clone)]
pub struct Call {
    commands: Commands,
    snapshot: watch::Receiver<CallSnapshot>,
    rest: watch::Receiver<Rest>,
}

/// What a snapshot does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) ended: Option<Ended>,
    pub(crate) quality: Quality,
}

/// How a call ended. An error where it ended too early, see [`Call::answered`]; it reads as its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// What the courier should read: the gateway's words where it sent some, else [`EndReason::text`].
    pub text: String,
}

impl Call {
    pub(crate) fn new(
        commands: Commands,
        snapshot: watch::Receiver<CallSnapshot>,
        rest: watch::Receiver<Rest>,
    ) -> Self {
        Self { commands, snapshot, rest }
    }

    /// Its number within the client; never used twice.
    pub fn id(&self) -> CallHandle {
        self.snapshot.borrow().call
    }

    /// How it stands now.
    pub fn snapshot(&self) -> CallSnapshot {
        self.snapshot.borrow().clone()
    }

    /// How it stands, to be watched; the last value is [`CallState::Ended`].
    pub fn state(&self) -> watch::Receiver<CallSnapshot> {
        self.snapshot.clone()
    }

    /// Takes the call. Pressed before its INVITE has come (after a push), the wish is kept. Other calls that are active
    /// are put on hold.
    ///
    /// # Errors
    /// [`ApiError::WrongState`] when there is nothing to answer, [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn answer(&self) -> Result<(), ApiError> {
        self.command(Command::Answer { call: self.id() }).await
    }

    /// Refuses the call: the caller hears that it was declined.
    ///
    /// # Errors
    /// [`ApiError::WrongState`] when it does not ring here, [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn reject(&self) -> Result<(), ApiError> {
        self.command(Command::Reject { call: self.id(), busy: false }).await
    }

    /// Refuses the call: the caller hears that the courier is on the phone.
    ///
    /// # Errors
    /// As [`reject`](Self::reject).
    pub async fn reject_busy(&self) -> Result<(), ApiError> {
        self.command(Command::Reject { call: self.id(), busy: true }).await
    }

    /// Ends the call, whatever its state.
    ///
    /// # Errors
    /// [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn hang_up(&self) -> Result<(), ApiError> {
        self.command(Command::HangUp { call: self.id() }).await
    }

    /// Puts the answered call on hold.
    ///
    /// # Errors
    /// [`ApiError::WrongState`] before the answer, [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn hold(&self) -> Result<(), ApiError> {
        self.command(Command::Hold { call: self.id() }).await
    }

    /// Goes on with the held call. Other calls that are active are put on hold.
    ///
    /// # Errors
    /// [`ApiError::WrongState`] when it is not held here, [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn resume(&self) -> Result<(), ApiError> {
        self.command(Command::Resume { call: self.id() }).await
    }

    /// Microphone off (`true`) or on; possible before the answer, too.
    ///
    /// # Errors
    /// [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn mute(&self, on: bool) -> Result<(), ApiError> {
        self.command(Command::Mute { call: self.id(), on }).await
    }

    /// Sends digits (`0`–`9`, `*`, `#`, `A`–`D`), one after the other. Returns when they are taken on, not when they are
    /// out; before the answer they wait.
    ///
    /// # Errors
    /// [`ApiError::InvalidDigit`], [`ApiError::TooManyDigits`], [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn send_dtmf(&self, digits: impl Into<String>) -> Result<(), ApiError> {
        self.command(Command::SendDtmf { call: self.id(), digits: digits.into() }).await
    }

    /// Asks the far side to go on with somebody else. [`Event::Transfer`](crate::Event::Transfer) tells how it goes; when
    /// it works, the call ends.
    ///
    /// # Errors
    /// [`ApiError::InvalidTarget`], [`ApiError::WrongState`] before the answer, [`ApiError::CallOver`],
    /// [`ApiError::ShutDown`].
    pub async fn transfer(&self, target: Target) -> Result<(), ApiError> {
        self.command(Command::Transfer { call: self.id(), target }).await
    }

    /// As [`transfer`](Self::transfer), to the customer of another order.
    ///
    /// # Errors
    /// As there.
    pub async fn transfer_to_order(&self, order: impl Into<String>) -> Result<(), ApiError> {
        self.transfer(Target::Order(OrderId(order.into()))).await
    }

    /// As [`transfer`](Self::transfer), to a `sip:`, `sips:` or `tel:` URI.
    ///
    /// # Errors
    /// As there.
    pub async fn transfer_to_uri(&self, uri: impl Into<String>) -> Result<(), ApiError> {
        self.transfer(Target::Uri(Sensitive::new(uri.into()))).await
    }

    /// Joins the far sides of this call and another. When it works, both calls end here.
    ///
    /// # Errors
    /// [`ApiError::WrongState`] unless both are answered, [`ApiError::CallOver`], [`ApiError::ShutDown`].
    pub async fn join(&self, other: &Self) -> Result<(), ApiError> {
        self.command(Command::TransferTo { call: self.id(), other: other.id() }).await
    }

    /// The latest counters of its voice, zero before the first ones; they come every few seconds.
    pub fn stats(&self) -> Quality {
        self.rest.borrow().quality
    }

    /// Waits until both can talk.
    ///
    /// # Errors
    /// How the call ended, if it ends first.
    pub async fn answered(&self) -> Result<(), Ended> {
        let mut snapshot = self.snapshot.clone();
        let answered = |s: &CallSnapshot| s.state.is_answered() || matches!(s.state, CallState::Ended(_));
        let answered = match snapshot.wait_for(answered).await {
            Ok(snapshot) => snapshot.state.is_answered(),
            Err(_) => false,
        };
        if answered { Ok(()) } else { Err(self.ended().await) }
    }

    /// Waits until the call is over.
    pub async fn ended(&self) -> Ended {
        let mut rest = self.rest.clone();
        let ended = rest.wait_for(|rest| rest.ended.is_some()).await.ok().and_then(|rest| rest.ended.clone());
        // The driver is gone without a word: its runtime was stopped.
        ended.unwrap_or_else(|| Ended {
            reason: EndReason::Shutdown,
            text: EndReason::Shutdown.text().to_owned(),
        })
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<Ended> {
        self.rest.borrow().ended.clone()
    }

    async fn command(&self, command: Command) -> Result<(), ApiError> {
        if self.rest.borrow().ended.is_some() {
            return Err(ApiError::CallOver);
        }
        self.commands.call(command).await
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot.borrow();
        f.debug_struct("Call")
            .field("id", &snapshot.call)
            .field("state", &snapshot.state)
            .finish_non_exhaustive()
    }
}
