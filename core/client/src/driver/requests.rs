//! What the application asks of the driver, and its way there.

use doorstep_call::{CallHandle, Command, OrderId, PushOutcome, Sensitive};
use tokio::sync::{mpsc, oneshot};

use crate::{ApiError, Call, PushMessage};

/// Requests of the application that may wait; each waits for its answer, so this is callers, not work.
const REQUESTS: usize = 32;

/// What the application asks of the driver.
pub(crate) enum Request {
    Command { command: Command, reply: oneshot::Sender<Result<(), ApiError>> },
    Start { target: Start, reply: oneshot::Sender<Result<Call, ApiError>> },
    NetworkChanged,
    Push(Push),
}

/// A push, and who wants to know what comes of it.
pub(crate) struct Push {
    pub(crate) message: PushMessage,
    pub(crate) reply: oneshot::Sender<PushOutcome>,
}

/// How the application ends the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    NotYet,
    /// Reachable no longer.
    ShutDown,
    /// A push is to wake the closed app.
    Leave,
}

/// Whom a new call is for.
pub(crate) enum Start {
    Order(OrderId),
    Uri(Sensitive<String>),
}

/// The application's way to the driver.
#[derive(Clone)]
pub(crate) struct Commands(mpsc::Sender<Request>);

impl Commands {
    pub(super) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        (Self(requests), receiver)
    }

    pub(crate) async fn call(&self, command: Command) -> Result<(), ApiError> {
        self.ask(|reply| Request::Command { command, reply }).await
    }

    pub(crate) async fn start(&self, target: Start) -> Result<Call, ApiError> {
        self.ask(|reply| Request::Start { target, reply }).await
    }

    pub(crate) async fn tell(&self, request: Request) -> Result<(), ApiError> {
        self.0.send(request).await.map_err(|_| ApiError::ShutDown)
    }

    /// Without waiting: the caller may be a system callback.
    pub(crate) fn push(&self, push: Push) -> Result<(), ApiError> {
        self.0.try_send(Request::Push(push)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ApiError::TooBusy,
            mpsc::error::TrySendError::Closed(_) => ApiError::ShutDown,
        })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, ApiError>>) -> Request,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await?;
        answer.await.map_err(|_| ApiError::ShutDown)?
    }
}

/// The call that a command names, by which its refusal is known.
pub(super) fn call_of(command: &Command) -> Option<CallHandle> {
    match command {
        Command::Contact { call, .. }
        | Command::Dial { call, .. }
        | Command::Answer { call }
        | Command::Reject { call, .. }
        | Command::HangUp { call }
        | Command::Hold { call }
        | Command::Resume { call }
        | Command::Mute { call, .. }
        | Command::SendDtmf { call, .. }
        | Command::Transfer { call, .. }
        | Command::TransferTo { call, .. } => Some(*call),
        Command::SetPush(_)
        | Command::Register
        | Command::Unregister
        | Command::Background(_)
        | Command::Shutdown
        | Command::Leave => None,
    }
}
