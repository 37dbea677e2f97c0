use doorstep_call::{
    CallHandle, CallSnapshot, CommandError, ConnectionState, EndReason, PushOutcome, Quality,
    RegistrationState, TransferProgress,
};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Call;
use crate::transport::TransportError;

/// What happened, in the order in which it happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The connection to the gateway is not as it was.
    Connection(ConnectionState),
    /// A connection could not be made; [`TransportError::text`] is for the courier. It is tried again by itself.
    ConnectFailed(TransportError),
    /// Whether this client is reachable.
    Registration(RegistrationState),
    /// A call has come; it rings here.
    Incoming(Call),
    /// A call is not as it was. For an incoming call it comes after [`Incoming`](Self::Incoming).
    CallChanged(CallSnapshot),
    /// The far side sent a digit.
    DigitReceived {
        /// In which call.
        call: CallHandle,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// The first audio of the far side is there.
    FirstAudio {
        /// In which call.
        call: CallHandle,
    },
    /// How a transfer goes.
    Transfer {
        /// The call that is transferred.
        call: CallHandle,
        /// How it goes.
        progress: TransferProgress,
    },
    /// How well a call carries.
    Quality {
        /// Which call.
        call: CallHandle,
        /// Counters since its start.
        quality: Quality,
    },
    /// Something that was taken on could not be done after all.
    Refused {
        /// In which call.
        call: CallHandle,
        /// Why.
        error: CommandError,
    },
    /// What came of a push that was handed in, one for each: a call rings for it, or the call that the system shows for it
    /// is to be taken off the screen ([`PushOutcome::end_reason`]).
    Push {
        /// The `call` of the push, where it names one.
        call_id: Option<String>,
        /// What came of it.
        outcome: PushOutcome,
    },
    /// A call is over: its last event.
    CallEnded {
        /// Which call.
        call: CallHandle,
        /// Why.
        reason: EndReason,
        /// What the courier should read.
        text: String,
    },
    /// This reader was so slow that events are gone. Calls were not slowed; [`Client::calls`](crate::Client::calls)
    /// tells how they stand.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The client is shut down: the last event.
    Closed,
}

/// Events for one reader, which may be as slow as it likes: once the queue is full, the oldest go and
/// [`Event::Lagged`] says how many.
#[derive(Debug)]
pub struct EventStream {
    receiver: Option<broadcast::Receiver<Event>>,
}

impl EventStream {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` after [`Event::Closed`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        let event = match self.receiver.as_mut()?.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "a reader of events is too slow");
                Event::Lagged { missed }
            }
            Err(RecvError::Closed) => Event::Closed,
        };
        if matches!(event, Event::Closed) {
            self.receiver = None;
        }
        Some(event)
    }
}
