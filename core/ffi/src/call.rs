//! One call.

use std::sync::Arc;

use doorstep::Call as Inner;

use crate::{CallEnd, CallSnapshot, DoorstepError, Quality, runtime};

/// One call: a handle. Dropping it does not end the call.
#[derive(Debug, uniffi::Object)]
pub struct Call(Inner);

impl Call {
    pub(crate) fn new(call: Inner) -> Arc<Self> {
        Arc::new(Self(call))
    }
}

#[uniffi::export]
impl Call {
    /// Its number within the client; never used twice.
    pub fn id(&self) -> u64 {
        self.0.id().0
    }

    /// How it stands now.
    pub fn snapshot(&self) -> CallSnapshot {
        self.0.snapshot().into()
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<CallEnd> {
        self.0.end().map(Into::into)
    }

    /// The latest counters of its voice.
    pub fn quality(&self) -> Quality {
        self.0.stats().into()
    }

    /// Takes the call, before its INVITE has come, too. Other active calls are put on hold.
    ///
    /// # Errors
    /// `WrongState`, `CallOver`, `ShutDown`.
    pub async fn answer(&self) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.answer().await?) }).await
    }

    /// Refuses the call; with `busy` the caller hears that the courier is on the phone.
    ///
    /// # Errors
    /// `WrongState`, `CallOver`, `ShutDown`.
    pub async fn reject(&self, busy: bool) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(if busy { call.reject_busy().await } else { call.reject().await }?) })
            .await
    }

    /// Ends the call, whatever its state.
    ///
    /// # Errors
    /// `CallOver`, `ShutDown`.
    pub async fn hang_up(&self) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.hang_up().await?) }).await
    }

    /// Puts the call on hold (`true`) or goes on with it; then other active calls are put on hold.
    ///
    /// # Errors
    /// `WrongState`, `CallOver`, `ShutDown`.
    pub async fn hold(&self, on: bool) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(if on { call.hold().await } else { call.resume().await }?) }).await
    }

    /// Microphone off (`true`) or on; possible before the answer, too.
    ///
    /// # Errors
    /// `CallOver`, `ShutDown`.
    pub async fn mute(&self, on: bool) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.mute(on).await?) }).await
    }

    /// Sends digits, one after the other. Returns when they are taken on.
    ///
    /// # Errors
    /// `InvalidDigit`, `TooManyDigits`, `CallOver`, `ShutDown`.
    pub async fn send_dtmf(&self, digits: String) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.send_dtmf(digits).await?) }).await
    }

    /// Asks the far side to go on with a `sip:`, `sips:` or `tel:` URI. `Event::Transfer` tells how it goes.
    ///
    /// # Errors
    /// `InvalidTarget`, `WrongState`, `CallOver`, `ShutDown`.
    pub async fn transfer_to_uri(&self, uri: String) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.transfer_to_uri(uri).await?) }).await
    }

    /// Asks the far side to go on with the customer of another order.
    ///
    /// # Errors
    /// As [`transfer_to_uri`](Self::transfer_to_uri).
    pub async fn transfer_to_order(&self, order: String) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.transfer_to_order(order).await?) }).await
    }

    /// Joins the far sides of this call and another. When it works, both end here.
    ///
    /// # Errors
    /// `WrongState` unless both are answered, `CallOver`, `ShutDown`.
    pub async fn join(&self, other: Arc<Self>) -> Result<(), DoorstepError> {
        let call = self.0.clone();
        runtime::run(async move { Ok(call.join(&other.0).await?) }).await
    }
}
