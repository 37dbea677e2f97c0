//! What happens, told in order.

use std::sync::Arc;
use std::thread;

use doorstep::EventStream;
use tokio::sync::watch;

use crate::{
    CallEnd, CallSnapshot, CallbackError, Connection, DoorstepError, EndReason, PushResult, Quality,
    Registration, TransferProgress, runtime,
};

/// What happened. Events of one call come in order, and its last is `CallEnded`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// The connection to the gateway is not as it was.
    ConnectionChanged {
        /// How it is.
        connection: Connection,
    },
    /// A connection could not be made; it is tried again by itself.
    ConnectFailed {
        /// What the courier should read.
        text: String,
    },
    /// Whether this client is reachable.
    RegistrationChanged {
        /// How it is.
        registration: Registration,
    },
    /// A call has come; it rings here.
    IncomingCall {
        /// The call.
        call: CallSnapshot,
    },
    /// A call is not as it was.
    CallChanged {
        /// The call.
        call: CallSnapshot,
    },
    /// The far side sent a digit.
    DigitReceived {
        /// In which call.
        id: u64,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: String,
    },
    /// The first sound of the far side is there.
    FirstAudio {
        /// In which call.
        id: u64,
    },
    /// How a transfer goes.
    Transfer {
        /// The call that is transferred.
        id: u64,
        /// How it goes.
        progress: TransferProgress,
    },
    /// How well a call carries.
    QualityMeasured {
        /// Which call.
        id: u64,
        /// Counters since its start.
        quality: Quality,
    },
    /// Something that was taken on could not be done after all.
    Refused {
        /// In which call.
        id: u64,
        /// Why.
        error: DoorstepError,
    },
    /// What came of a push.
    Push {
        /// The `call` of the push, where it names one.
        call_id: Option<String>,
        /// What came of it.
        result: PushResult,
    },
    /// A call is over: its last event.
    CallEnded {
        /// Which call.
        id: u64,
        /// How.
        end: CallEnd,
    },
    /// This listener was so slow that events are gone.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The client is shut down: the last event.
    Closed,
}

impl From<doorstep::Event> for Event {
    fn from(event: doorstep::Event) -> Self {
        match event {
            doorstep::Event::Connection(state) => Self::ConnectionChanged { connection: state.into() },
            doorstep::Event::ConnectFailed(error) => Self::ConnectFailed { text: error.text().to_owned() },
            doorstep::Event::Registration(state) => Self::RegistrationChanged { registration: state.into() },
            doorstep::Event::Incoming(call) => Self::IncomingCall { call: call.snapshot().into() },
            doorstep::Event::CallChanged(snapshot) => Self::CallChanged { call: snapshot.into() },
            doorstep::Event::DigitReceived { call, digit } => {
                Self::DigitReceived { id: call.0, digit: digit.to_string() }
            }
            doorstep::Event::FirstAudio { call } => Self::FirstAudio { id: call.0 },
            doorstep::Event::Transfer { call, progress } => {
                Self::Transfer { id: call.0, progress: progress.into() }
            }
            doorstep::Event::Quality { call, quality } => {
                Self::QualityMeasured { id: call.0, quality: quality.into() }
            }
            doorstep::Event::Refused { call, error } => {
                Self::Refused { id: call.0, error: doorstep::ApiError::from(error).into() }
            }
            doorstep::Event::Push { call_id, outcome } => Self::Push { call_id, result: outcome.into() },
            doorstep::Event::CallEnded { call, reason, text } => {
                Self::CallEnded { id: call.0, end: CallEnd { reason: EndReason::from(reason), text } }
            }
            doorstep::Event::Lagged { missed } => Self::Lagged { missed },
            doorstep::Event::Closed => Self::Closed,
        }
    }
}

/// Hears what happens. Written by the platform's layer.
#[uniffi::export(with_foreign)]
pub trait EventListener: Send + Sync {
    /// The next event. It may take its time: calls go on, and the listener misses the oldest events once too many wait.
    ///
    /// # Errors
    /// Anything; it is logged, and the next event comes all the same.
    fn on_event(&self, event: Event) -> Result<(), CallbackError>;
}

/// Ends with [`stop`](Self::stop) or when it is dropped.
#[derive(Debug, uniffi::Object)]
pub struct Subscription {
    stopped: watch::Sender<bool>,
}

#[uniffi::export]
impl Subscription {
    /// No event is told after the one that is being told now. May be called from within the listener.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

/// A thread of its own: a listener that blocks holds up nobody else.
pub(crate) fn subscribe(
    mut events: EventStream,
    listener: Arc<dyn EventListener>,
) -> Result<Arc<Subscription>, DoorstepError> {
    let runtime = runtime::handle()?;
    let (stopped, mut stop) = watch::channel(false);
    let tell = move || {
        while let Some(event) = runtime.block_on(async {
            tokio::select! {
                biased;
                // Its end means that the subscription was dropped.
                _ = stop.wait_for(|stop| *stop) => None,
                event = events.next() => event,
            }
        }) {
            if let Err(error) = listener.on_event(event.into()) {
                tracing::warn!(%error, "a listener failed");
            }
        }
    };
    thread::Builder::new()
        .name("doorstep-events".to_owned())
        .spawn(tell)
        .map_err(|_| DoorstepError::Platform)?;
    Ok(Arc::new(Subscription { stopped }))
}
