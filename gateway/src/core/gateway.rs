//! The gateway without its sockets. See [`GatewayCore`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use doorstep_sip::ua::{SessionId, UaOutput};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::calls::CallEntry;
use super::config::CoreConfig;
use super::counting::Counting;
use super::edge::Edge;
use super::ids::{CallId, FlowId, Frame, LegId, OpId, Side, Timestamp};
use super::io::{Command, GatewayEvent, Input, Output, Peer};
use super::lookup::Lookup;
use super::media_port::MediaEvent;
use super::pending::Pending;
use super::refusal::ErrorCode;
use super::trunk::Trunk;
use crate::bridge::{CallInput, CallRules, call_of_leg};

/// The gateway's state and decisions: two SIP user agents, the registrar, the carriers' health and every call.
///
/// Sans-IO: it has no clock, no random source and no socket. Hand in an input, then take out every output, then wait for the
/// next input or for [`next_deadline`](Self::next_deadline). Slow answers come back as inputs under their operation's id; one
/// that comes too late is dropped.
pub struct GatewayCore {
    pub(super) config: CoreConfig,
    pub(super) rules: CallRules,
    pub(super) rng: ChaCha12Rng,
    pub(super) edge: Edge,
    pub(super) trunk: Trunk,
    /// By the number that their legs and operations carry.
    pub(super) calls: BTreeMap<u64, CallEntry>,
    /// Calls that have ended, by number, while their media are being counted.
    pub(super) counting: BTreeMap<u64, Counting>,
    pub(super) numbers: u64,
    /// Which leg of which call a SIP session is.
    pub(super) sessions: BTreeMap<(Side, SessionId), LegId>,
    pub(super) call_deadlines: BTreeSet<(Timestamp, u64)>,
    pub(super) pending: BTreeMap<OpId, Pending>,
    ops: u64,
    outputs: VecDeque<Output>,
    stopping: Option<Stopping>,
}

/// How long a stop waits for a carrier's first word on a call: two INVITEs have gone out by then (RFC 3261 timer A), and without an answer to
/// either no CANCEL may (section 9.1).
const FIRST_WORD: Duration = Duration::from_secs(1);

/// After [`Input::Shutdown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    Draining {
        /// Who has not said a word is not waited for any longer; `None`: it was done.
        silence: Option<Timestamp>,
        /// `Drained` is told at the latest then.
        until: Timestamp,
    },
    Drained,
}

impl GatewayCore {
    /// A core without flows or calls. The seed makes all its ids, tags and nonces; never give the same twice.
    pub fn new(config: CoreConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let rules = CallRules {
            limits: config.limits,
            grace: config.flow_grace,
            contact_centre: config.contact_centre.clone(),
        };
        let edge = Edge::new(&config, &mut rng);
        let trunk = Trunk::new(&config, &mut rng);
        Self {
            config,
            rules,
            rng,
            edge,
            trunk,
            calls: BTreeMap::new(),
            counting: BTreeMap::new(),
            // The operations of number 0 are the core's own questions to the store.
            numbers: 0,
            sessions: BTreeMap::new(),
            call_deadlines: BTreeSet::new(),
            pending: BTreeMap::new(),
            ops: 0,
            outputs: VecDeque::new(),
            stopping: None,
        }
    }

    /// Applies one input. Take out all outputs before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::FlowOpened { flow, peer, info } => match peer {
                Peer::App(identity) => self.edge.flow_opened(flow, info.into_exposed(), identity),
                Peer::Carrier { carrier, outbound } => {
                    self.carrier_flow_opened(now, flow, info.into_exposed(), &carrier, outbound);
                }
            },
            Input::FlowClosed { side, flow } => match side {
                Side::Edge => self.edge.flow_closed(now, flow),
                Side::Trunk => self.trunk.flow_closed(now, flow),
            },
            Input::Message { side, flow, bytes } => self.message(now, side, flow, &bytes),
            Input::Lookup { op, result } => self.looked_up(now, op, result),
            Input::Media(event) => {
                if let MediaEvent::Stats { leg, stats } = &event {
                    self.counted(*leg, stats);
                }
                self.tell_call(now, call_of_leg(event.leg()), CallInput::Media(event));
            }
            Input::PushResult { call, outcome } => self.wake_went(now, &call, outcome),
            Input::DeviceGone { courier, device } => self.device_gone(courier, device),
            Input::Command(command) => self.command(now, command),
            Input::Deadline => self.deadline(now),
            Input::Shutdown => self.shut_down(now),
        }
        self.pump(now);
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Deadline`].
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let call = self.call_deadlines.first().map(|(at, _)| *at);
        let stop = match self.stopping {
            Some(Stopping::Draining { silence, until }) => Some(silence.unwrap_or(until)),
            Some(Stopping::Drained) | None => None,
        };
        let agents = [self.edge.ua.next_deadline(), self.trunk.ua.next_deadline()];
        let counting = self.next_counting_deadline();
        let carriers = if self.is_stopping() { None } else { self.trunk.next_deadline() };
        agents.into_iter().chain([call, stop, counting, carriers]).flatten().min()
    }

    /// How many calls there are.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// How many SIP sessions and questions to the store are open: none, when the gateway is at rest.
    pub fn open_count(&self) -> usize {
        self.edge.ua.session_count()
            + self.trunk.ua.session_count()
            + self.pending.len()
            + self.sessions.len()
            + self.counting.len()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn event(&mut self, event: GatewayEvent) {
        self.output(Output::Event(event));
    }

    /// Asks the store; the answer finds what waits for it.
    pub(super) fn ask(&mut self, lookup: Lookup, pending: Pending) {
        let op = self.next_op();
        self.pending.insert(op, pending);
        self.output(Output::Lookup { op, lookup });
    }

    /// Tells the store; whatever it answers changes nothing.
    pub(super) fn tell(&mut self, lookup: Lookup) {
        let op = self.next_op();
        self.output(Output::Lookup { op, lookup });
    }

    fn next_op(&mut self) -> OpId {
        self.ops += 1;
        // The calls' operations have the call's number in their high bits; these have 1 on top.
        OpId(self.ops | (1 << 63))
    }

    pub(super) fn new_call_id(&mut self) -> CallId {
        CallId(format!("{:016x}{:016x}", self.rng.random::<u64>(), self.rng.random::<u64>()))
    }

    fn message(&mut self, now: Timestamp, side: Side, flow: FlowId, bytes: &Frame) {
        match side {
            Side::Edge => self.edge.ua.handle_message(now, flow, bytes.expose()),
            Side::Trunk => self.trunk.ua.handle_message(now, flow, bytes.expose()),
        }
    }

    fn deadline(&mut self, now: Timestamp) {
        if let Some(Stopping::Draining { silence, .. }) = &mut self.stopping
            && silence.take_if(|at| *at <= now).is_some()
        {
            self.edge.ua.abandon_silent();
            self.trunk.ua.abandon_silent();
        }
        self.edge.ua.handle_timeout(now);
        self.trunk.ua.handle_timeout(now);
        self.carriers_due(now);
        self.counting_due(now);
        while let Some((at, number)) = self.call_deadlines.first().copied() {
            if at > now {
                break;
            }
            self.call_due(now, number);
        }
    }

    fn command(&mut self, now: Timestamp, command: Command) {
        match command {
            Command::Connect { op, order, first } => {
                if self.is_stopping() {
                    self.output(Output::CommandDone { op, result: Err(ErrorCode::Unavailable) });
                    return;
                }
                let lookup = Lookup::MayCall { courier: None, order };
                self.ask(lookup, Pending::Connect { op, first });
            }
            Command::HangUp { op, call } => {
                let found = self.calls.iter().find(|(_, entry)| entry.record.id == call);
                let result = match found.map(|(number, _)| *number) {
                    Some(number) => {
                        self.tell_call(now, number, CallInput::CompanyHungUp);
                        Ok(call)
                    }
                    None => Err(ErrorCode::NoSuchCall),
                };
                self.output(Output::CommandDone { op, result });
            }
        }
    }

    fn shut_down(&mut self, now: Timestamp) {
        if self.stopping.is_some() {
            return;
        }
        let until = now + self.config.drain_time;
        self.stopping = Some(Stopping::Draining { silence: Some((now + FIRST_WORD).min(until)), until });
        for (_, pending) in std::mem::take(&mut self.pending) {
            self.give_up(now, pending);
        }
        for number in self.calls.keys().copied().collect::<Vec<_>>() {
            self.tell_call(now, number, CallInput::Shutdown);
        }
        self.unregister_from_carriers(now);
    }

    /// Passes on what the user agents have to say, until they have no more.
    fn pump(&mut self, now: Timestamp) {
        loop {
            let (side, output) = match (self.edge.ua.poll(), Side::Edge) {
                (Some(output), side) => (side, output),
                (None, _) => match self.trunk.ua.poll() {
                    Some(output) => (Side::Trunk, output),
                    None => break,
                },
            };
            match output {
                UaOutput::Send { flow, bytes } => {
                    self.output(Output::Send { side, flow, bytes: Frame::new(bytes) });
                }
                UaOutput::Event(event) => match side {
                    Side::Edge => self.edge_event(now, event),
                    Side::Trunk => self.trunk_event(now, event),
                },
            }
        }
        if let Some(Stopping::Draining { until, .. }) = self.stopping {
            let agents = [&self.edge.ua, &self.trunk.ua];
            let quiet = agents.iter().all(|ua| ua.session_count() == 0 && ua.requests_under_way() == 0);
            if (quiet && self.calls.is_empty() && self.counting.is_empty()) || now >= until {
                self.stopping = Some(Stopping::Drained);
                self.output(Output::Drained);
            }
        }
    }
}
