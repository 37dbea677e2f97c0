//! An endpoint with a fake voice engine and a fake token provider, as a courier's phone has it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{
    CallHandle, CallSnapshot, CallState, Command, DownReason, EndReason, Endpoint, EndpointConfig, Event,
    FlowId, Input, OpId, Output, PushKind, PushPayload, Record, TokenFailure, TokenGrant, TransportInput,
    TransportKind,
};
use doorstep_sip::Timestamp;

use crate::fake_media::FakeMedia;
use crate::order::EventOrder;

/// The company's backend, which mints tokens.
#[derive(Debug)]
pub struct FakeTokens {
    /// How long it takes to answer; `None`, and it never does.
    pub delay: Option<Duration>,
    /// How long its tokens live.
    pub lifetime: Option<Duration>,
    /// It mints none.
    pub fails: Option<TokenFailure>,
    /// How often it was asked.
    pub asked: usize,
    /// The questions that it has not answered.
    pub open: BTreeMap<OpId, Option<Timestamp>>,
    /// The newest token.
    pub newest: Option<OpId>,
}

impl Default for FakeTokens {
    fn default() -> Self {
        Self {
            delay: Some(Duration::ZERO),
            lifetime: None,
            fails: None,
            asked: 0,
            open: BTreeMap::new(),
            newest: None,
        }
    }
}

/// What a phone wants of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A connection.
    Open {
        /// The phone's number for it.
        flow: FlowId,
        /// The token that it shows.
        token: Option<OpId>,
    },
    /// No longer.
    Close {
        /// Which.
        flow: FlowId,
    },
    /// Send.
    Send {
        /// Where.
        flow: FlowId,
        /// What.
        bytes: Bytes,
    },
}

/// See the [module](self).
pub struct EndpointPeer {
    /// The endpoint itself.
    pub endpoint: Endpoint,
    /// Its voice engine.
    pub media: FakeMedia,
    /// Its token provider.
    pub tokens: FakeTokens,
    /// What it told, with the time; the order was checked.
    pub events: Vec<(Timestamp, Event)>,
    /// All that went in, as lines.
    pub recording: String,
    /// All that came out.
    pub outputs: Vec<Output>,
    /// How it was made, for a replay.
    pub made: (EndpointConfig, [u8; 32]),
    order: EventOrder,
    read: usize,
    wishes: VecDeque<Wish>,
    next_handle: u64,
}

impl EndpointPeer {
    /// A phone that is offline.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        Self {
            endpoint: Endpoint::new(config.clone(), seed),
            media: FakeMedia::default(),
            tokens: FakeTokens::default(),
            events: Vec::new(),
            recording: String::new(),
            outputs: Vec::new(),
            made: (config, seed),
            order: EventOrder::default(),
            read: 0,
            wishes: VecDeque::new(),
            next_handle: 0,
        }
    }

    /// A number for a call that the application starts.
    pub fn new_handle(&mut self) -> CallHandle {
        self.next_handle += 1;
        CallHandle(self.next_handle)
    }

    /// Applies one input and does what comes out.
    pub fn input(&mut self, now: Timestamp, input: Input) {
        let record = Record { at: now, input: input.clone() };
        match record.to_line() {
            Ok(line) => {
                self.recording.push_str(&line);
                self.recording.push('\n');
            }
            Err(error) => assert!(!self.recording.is_empty(), "an input could not be recorded: {error}"),
        }
        self.endpoint.handle_input(now, input);
        while let Some(output) = self.endpoint.poll_output() {
            self.outputs.push(output.clone());
            match output {
                Output::Send { flow, bytes } => self.wishes.push_back(Wish::Send { flow, bytes }),
                Output::OpenTransport { flow, token } => self.wishes.push_back(Wish::Open { flow, token }),
                Output::CloseTransport { flow } => self.wishes.push_back(Wish::Close { flow }),
                Output::Media(command) => self.media.handle(now, command),
                Output::FetchToken { op } => {
                    // A question that the provider never answers is given up after a while.
                    let answerable = self.tokens.open.values().flatten().count();
                    assert_eq!(answerable, 0, "one token is asked for at a time");
                    self.tokens.open.clear();
                    self.tokens.asked += 1;
                    self.tokens.open.insert(op, self.tokens.delay.map(|delay| now + delay));
                }
                Output::Event(event) => {
                    self.order.see(&event);
                    self.events.push((now, event));
                }
            }
        }
    }

    /// Gives a command.
    pub fn command(&mut self, now: Timestamp, command: Command) {
        self.input(now, Input::Command(command));
    }

    /// When something of its own is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let tokens = self.tokens.open.values().flatten().copied().min();
        [self.endpoint.next_deadline(), self.media.next_answer(), tokens].into_iter().flatten().min()
    }

    /// Does one thing of its own that is due. Returns whether there was one.
    pub fn handle_deadline(&mut self, now: Timestamp) -> bool {
        if let Some(event) = self.media.answer(now) {
            self.input(now, Input::Media(event));
            return true;
        }
        let due = self.tokens.open.iter().find(|(_, at)| at.is_some_and(|at| at <= now)).map(|(op, _)| *op);
        if let Some(op) = due {
            self.answer_token(now, op);
            return true;
        }
        if self.endpoint.next_deadline().is_some_and(|at| at <= now) {
            self.input(now, Input::Deadline);
            return true;
        }
        false
    }

    /// The provider answers.
    pub fn answer_token(&mut self, now: Timestamp, op: OpId) {
        self.tokens.open.remove(&op);
        let result = match self.tokens.fails {
            Some(failure) => Err(failure),
            None => {
                self.tokens.newest = Some(op);
                Ok(TokenGrant { expires_in: self.tokens.lifetime })
            }
        };
        self.input(now, Input::Token { op, result });
    }

    /// What it wants of the network, in its order.
    pub fn poll(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// A connection came up.
    pub fn up(&mut self, now: Timestamp, flow: FlowId, kind: TransportKind) {
        self.input(now, Input::Transport(TransportInput::Up { flow, kind, local: None }));
    }

    /// A connection is gone.
    pub fn down(&mut self, now: Timestamp, flow: FlowId, reason: DownReason) {
        self.input(now, Input::Transport(TransportInput::Down { flow, reason }));
    }

    /// Events that no test has looked at.
    pub fn unread(&mut self) -> Vec<Event> {
        let unread = self.events.get(self.read..).unwrap_or_default();
        let unread = unread.iter().map(|(_, event)| event.clone()).collect();
        self.read = self.events.len();
        unread
    }

    /// The calls that stand.
    pub fn calls(&self) -> Vec<CallSnapshot> {
        self.endpoint.calls().collect()
    }

    /// The state of a call; the last one told when it is over.
    pub fn state(&self, call: CallHandle) -> Option<CallState> {
        let over = self.ended(call).map(CallState::Ended);
        over.or_else(|| {
            self.endpoint.calls().find(|snapshot| snapshot.call == call).map(|snapshot| snapshot.state)
        })
    }

    /// Why a call is over.
    pub fn ended(&self, call: CallHandle) -> Option<EndReason> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::CallEnded { call: over, reason, .. } if *over == call => Some(*reason),
            _ => None,
        })
    }

    /// The call that stands, if there is exactly one.
    pub fn only_call(&self) -> Option<CallSnapshot> {
        let mut calls = self.endpoint.calls();
        calls.next().filter(|_| calls.next().is_none())
    }

    /// The call that rings or was announced.
    pub fn incoming(&self) -> Option<CallHandle> {
        let mut calls = self.endpoint.calls();
        calls.find(|call| matches!(call.state, CallState::Incoming)).map(|call| call.call)
    }
}

/// A push about order 4711, sent at `unix_ms` and good for `left`.
pub fn push(kind: PushKind, call: &str, unix_ms: u64, left: Duration) -> PushPayload {
    PushPayload {
        v: 1,
        call: call.to_owned(),
        order: Some("4711".into()),
        label: Some("Order 4711".to_owned().into()),
        gateway: Some("wss://elsewhere.example/ws".to_owned()),
        sent_at: unix_ms,
        expires_at: unix_ms + u64::try_from(left.as_millis()).unwrap_or(u64::MAX / 2),
        kind,
    }
}
