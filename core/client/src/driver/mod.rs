//! The one task that owns the [`Endpoint`]: it applies one input, drains the outputs, acts, and sleeps.
//!
//! Nothing is awaited inside the drain. Connections, the token provider and the voice engine's legs are tasks of their
//! own, which answer by [`Happening`]s; events go into a ring that never makes anybody wait. Every queue is bounded: a
//! full one ends what fills it (a connection, a leg), with a warning.

mod board;
mod flows;
mod leg;
mod legs;
mod requests;
mod tokens;
mod voice;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use doorstep_call::{
    CallHandle, Command, CommandError, DownReason, Endpoint, Event as CallEvent, FlowId, Input, MediaEvent,
    OpId, Output, PushOutcome, Timestamp, TransportInput, TransportKind,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use board::Board;
use flows::Flows;
pub(crate) use legs::LegFactory;
use legs::Legs;
use requests::call_of;
pub(crate) use requests::{Commands, Push, Request, Start, Stop};
use tokens::{TokenAnswer, Tokens};

use crate::transport::{CloseCause, Gateway, TransportError};
use crate::{ApiError, Call, Event, TokenProvider};

/// What tasks have to say and the driver has not heard yet. They wait when it is full.
const HAPPENINGS: usize = 256;
/// How long connections may take to say goodbye after all is shut down.
const GOODBYE: Duration = Duration::from_secs(2);
/// When nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// What a task has to say.
pub(crate) enum Happening {
    FlowUp {
        flow: FlowId,
        kind: TransportKind,
    },
    Frame {
        flow: FlowId,
        bytes: Bytes,
    },
    /// It never came up.
    FlowFailed {
        flow: FlowId,
        error: TransportError,
    },
    FlowDown {
        flow: FlowId,
        cause: CloseCause,
    },
    Token(TokenAnswer),
    Media(MediaEvent),
}

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) endpoint: Endpoint,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) tokens: Option<Arc<dyn TokenProvider>>,
    pub(crate) legs: LegFactory,
    /// Applied first.
    pub(crate) first: Vec<Command>,
    /// Applied then: what has started the app.
    pub(crate) woken: Option<Push>,
    pub(crate) shutdown_timeout: Duration,
}

/// Ends the driver, when told or dropped; and is told when it has ended.
pub(crate) struct Life {
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) ended: watch::Receiver<()>,
}

pub(crate) fn spawn(parts: Parts, event_queue: usize) -> (Commands, Arc<Board>, Life) {
    let (commands, requests) = Commands::new();
    let (happenings, happening_receiver) = mpsc::channel(HAPPENINGS);
    let (stop, stop_receiver) = watch::channel(Stop::NotYet);
    let (ended_sender, ended) = watch::channel(());
    let (board, events) = Board::new(event_queue, commands.clone());
    let driver = Driver {
        epoch: Instant::now(),
        endpoint: parts.endpoint,
        pending: VecDeque::new(),
        flows: Flows::new(parts.gateway, happenings.clone()),
        tokens: Tokens::new(parts.tokens, happenings.clone()),
        legs: Legs::new(parts.legs, happenings),
        board: Arc::clone(&board),
        events,
        numbers: 0,
        tasks: JoinSet::new(),
        pushed: None,
        stopping: None,
        idle: false,
        shutdown_timeout: parts.shutdown_timeout,
    };
    tokio::spawn(async move {
        driver.run(parts.first, parts.woken, requests, happening_receiver, stop_receiver).await;
        drop(ended_sender);
    });
    (commands, board, Life { stop, ended })
}

struct Driver {
    epoch: Instant,
    endpoint: Endpoint,
    /// Inputs that came of acting on outputs.
    pending: VecDeque<Input>,
    flows: Flows,
    tokens: Tokens,
    legs: Legs,
    board: Arc<Board>,
    events: board::Events,
    /// Of the calls that the application has begun.
    numbers: u64,
    tasks: JoinSet<()>,
    /// Who waits for what comes of the push that is being applied.
    pushed: Option<oneshot::Sender<PushOutcome>>,
    /// When shutting down is over, done or not.
    stopping: Option<Instant>,
    idle: bool,
    shutdown_timeout: Duration,
}

impl Driver {
    async fn run(
        mut self,
        first: Vec<Command>,
        woken: Option<Push>,
        mut requests: mpsc::Receiver<Request>,
        mut happenings: mpsc::Receiver<Happening>,
        mut stop: watch::Receiver<Stop>,
    ) {
        self.flows.prepare(&mut self.tasks);
        for command in first {
            self.apply(Input::Command(command), None);
        }
        if let Some(push) = woken {
            self.push(push);
        }
        let sleep = tokio::time::sleep_until(self.epoch);
        tokio::pin!(sleep);
        while !self.idle {
            let due = self.endpoint.next_deadline().map(|deadline| self.epoch + deadline.since_epoch());
            let due = due.into_iter().chain(self.stopping).min().unwrap_or_else(|| Instant::now() + IDLE);
            sleep.as_mut().reset(due);
            tokio::select! {
                Some(request) = requests.recv() => self.request(request),
                Some(happening) = happenings.recv() => self.happened(happening),
                // Told, or the last handle is dropped.
                _ = stop.changed(), if self.stopping.is_none() => {
                    self.stopping = Some(Instant::now() + self.shutdown_timeout);
                    let command = match *stop.borrow() {
                        Stop::Leave => Command::Leave,
                        Stop::ShutDown | Stop::NotYet => Command::Shutdown,
                    };
                    self.apply(Input::Command(command), None);
                }
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        tracing::error!("a task of the client panicked");
                    }
                }
                () = &mut sleep => {
                    if self.stopping.is_some_and(|end| end <= Instant::now()) {
                        tracing::warn!("shutting down takes too long: what is left is dropped");
                        break;
                    }
                    self.apply(Input::Deadline, None);
                }
            }
        }
        requests.close();
        self.finish(happenings).await;
    }

    /// Lets connections and legs come to their end, for a while.
    async fn finish(mut self, mut happenings: mpsc::Receiver<Happening>) {
        if self.idle {
            self.flows.close_all();
            let deadline = Instant::now() + GOODBYE;
            loop {
                tokio::select! {
                    ended = self.tasks.join_next() => if ended.is_none() { break },
                    // Nobody listens any more, but the tasks must not wait.
                    Some(_) = happenings.recv() => {}
                    () = tokio::time::sleep_until(deadline) => break,
                }
            }
        }
        self.tasks.shutdown().await;
        self.board.close();
        self.events.publish(Event::Closed);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Command { command, reply } => {
                let done = if self.stopping.is_some() {
                    Err(ApiError::ShutDown)
                } else {
                    let call = call_of(&command);
                    self.apply(Input::Command(command), call).map_or(Ok(()), |error| Err(error.into()))
                };
                let _nobody_may_wait = reply.send(done);
            }
            Request::Start { target, reply } => {
                let started =
                    if self.stopping.is_some() { Err(ApiError::ShutDown) } else { self.start(target) };
                let _nobody_may_wait = reply.send(started);
            }
            Request::NetworkChanged => {
                self.apply(Input::Transport(TransportInput::NetworkChanged), None);
            }
            Request::Push(push) => self.push(push),
        }
    }

    fn push(&mut self, push: Push) {
        let input = match push.message.0 {
            Ok(payload) => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
                Input::Push { payload, unix_ms }
            }
            Err(malformed) => Input::MalformedPush(malformed),
        };
        self.pushed = Some(push.reply);
        self.apply(input, None);
    }

    fn start(&mut self, target: Start) -> Result<Call, ApiError> {
        self.numbers += 1;
        let call = CallHandle(self.numbers);
        let (command, order) = match target {
            Start::Order(order) => (Command::Contact { call, order: order.clone() }, Some(order)),
            Start::Uri(target) => (Command::Dial { call, target }, None),
        };
        // Made before the endpoint hears of it: it may end the call at once.
        let handle = self.board.expect(call, order, self.now());
        match self.apply(Input::Command(command), Some(call)) {
            None => Ok(handle),
            Some(error) => {
                self.board.forget(call);
                Err(error.into())
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        let input = match happening {
            Happening::FlowUp { flow, kind } => {
                self.flows.is_up(flow);
                Input::Transport(TransportInput::Up { flow, kind, local: None })
            }
            Happening::Frame { flow, bytes } => Input::Transport(TransportInput::Frame { flow, bytes }),
            Happening::FlowFailed { flow, error } => {
                tracing::info!(%error, "no connection to the gateway");
                let reason = self.flows.failed(flow, &error);
                self.events.publish(Event::ConnectFailed(error));
                Input::Transport(TransportInput::Down { flow, reason })
            }
            Happening::FlowDown { flow, cause } => {
                tracing::info!(%cause, "the connection to the gateway is over");
                self.flows.is_down(flow);
                Input::Transport(TransportInput::Down { flow, reason: DownReason::Closed })
            }
            Happening::Token(answer) => match self.tokens.answered(answer) {
                Some((op, result)) => Input::Token { op, result },
                None => return,
            },
            Happening::Media(event) => Input::Media(event),
        };
        self.apply(input, None);
    }

    /// Applies one input and all that comes of it. A refusal of what was asked of `call` is returned, not published.
    fn apply(&mut self, input: Input, call: Option<CallHandle>) -> Option<CommandError> {
        let now = self.now();
        let mut refused = None;
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            self.endpoint.handle_input(now, input);
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Event(CallEvent::CommandRefused { call: of, error })
                        if refused.is_none() && call == Some(of) =>
                    {
                        refused = Some(error);
                    }
                    output => self.act(output),
                }
            }
        }
        refused
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                if let Err(reason) = self.flows.send(flow, bytes) {
                    self.pending.push_back(Input::Transport(TransportInput::Down { flow, reason }));
                }
            }
            Output::OpenTransport { flow, token } => {
                let token = token.and_then(|op| self.tokens.granted(op));
                self.flows.open(flow, token, &mut self.tasks);
            }
            Output::CloseTransport { flow } => self.flows.close(flow),
            Output::Media(command) => {
                if let Err(event) = self.legs.command(command, &mut self.tasks) {
                    self.pending.push_back(Input::Media(event));
                }
            }
            Output::FetchToken { op } => self.fetch_token(op),
            Output::Event(event) => {
                self.idle |= matches!(event, CallEvent::Idle);
                if let CallEvent::Push { outcome, .. } = &event
                    && let Some(reply) = self.pushed.take()
                {
                    let _nobody_may_wait = reply.send(*outcome);
                }
                if let Some(event) = self.board.take(event) {
                    self.events.publish(event);
                }
            }
        }
    }

    fn fetch_token(&mut self, op: OpId) {
        if let Some(result) = self.tokens.fetch(op, &mut self.tasks) {
            self.pending.push_back(Input::Token { op, result: Err(result) });
        }
    }
}
