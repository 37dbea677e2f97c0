//! The endpoint's state. Each file holds what one concern does to it.

mod call;
mod commands;
mod deadlines;
mod digits;
mod ending;
mod incoming;
mod link;
mod media;
mod negotiation;
mod outcome;
mod outgoing;
mod push;
mod recovery;
mod registrar;
mod sdp;
mod sessions;
mod shutdown;
mod token;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use doorstep_sip::Timestamp;
use doorstep_sip::digest::Credentials;
use doorstep_sip::ua::{SessionId, UaConfig, UaEvent, UaOutput, UserAgent};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use crate::{
    Auth, CallHandle, CallSnapshot, EndpointConfig, Event, Input, LegId, MediaCommand, OpId, Output,
    TransportInput,
};
use call::{Call, Doing};
use deadlines::{Deadline, Deadlines};
use link::Link;
use push::Tombstones;
use registrar::Registrar;
use shutdown::Life;
use token::Token;

/// See the [crate](crate).
pub struct Endpoint {
    config: EndpointConfig,
    now: Timestamp,
    rng: ChaCha12Rng,
    /// Of flows, legs, operations and calls: none is given twice.
    numbers: u64,
    /// The application's highest call number so far.
    last_number: Option<u64>,
    life: Life,
    ua: UserAgent,
    link: Link,
    token: Token,
    registrar: Registrar,
    calls: BTreeMap<CallHandle, Call>,
    sessions: BTreeMap<SessionId, CallHandle>,
    ops: BTreeMap<OpId, (CallHandle, Doing)>,
    /// Sessions that the user has ended while there was no connection to say so.
    orphans: BTreeSet<SessionId>,
    tombstones: Tombstones,
    deadlines: Deadlines,
    heard: VecDeque<UaEvent>,
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint that is offline and wants nothing. The seed makes its tags, Call-IDs and waits; never give the same
    /// twice, but to replay a recording.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let ua_config = UaConfig {
            product: config.product.clone(),
            session_expires: Some(config.session_expires),
            // Calls that the user has ended may still wait for the far side's last word.
            max_sessions: config.max_calls.saturating_mul(4),
            max_transactions: 1_000,
            ..UaConfig::default()
        };
        let mut ua = UserAgent::new(ua_config, rng.random());
        if let Auth::Digest { username, password } = &config.auth {
            ua.set_credentials(Some(Credentials::new(username.clone(), password.expose().clone())));
        }
        Self {
            now: Timestamp::ZERO,
            link: Link::new(&mut rng),
            registrar: Registrar::new(&config, &mut rng),
            tombstones: Tombstones::new(config.max_tombstones),
            rng,
            numbers: 0,
            last_number: None,
            life: Life::Running,
            ua,
            token: Token::default(),
            calls: BTreeMap::new(),
            sessions: BTreeMap::new(),
            ops: BTreeMap::new(),
            orphans: BTreeSet::new(),
            deadlines: Deadlines::default(),
            heard: VecDeque::new(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Applies one input. `now` never goes back; an earlier time counts as the last one.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        if self.life == Life::Over {
            return;
        }
        self.now = self.now.max(now);
        match input {
            Input::Command(command) => self.command(command),
            Input::Transport(TransportInput::Up { flow, kind, local }) => {
                self.transport_up(flow, kind, local)
            }
            Input::Transport(TransportInput::Down { flow, reason }) => self.transport_down(flow, reason),
            Input::Transport(TransportInput::Frame { flow, bytes }) => self.frame_came(flow, &bytes),
            Input::Transport(TransportInput::NetworkChanged) => self.network_changed(),
            Input::Media(event) => self.media_said(event),
            Input::Token { op, result } => self.token_came(op, result),
            Input::Push { payload, unix_ms } => self.push_came(payload, unix_ms),
            Input::MalformedPush(push) => self.malformed_push_came(push),
            Input::Deadline => self.do_what_is_due(),
        }
        self.settle();
    }

    /// The next thing to do; drain it to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Deadline`], if nothing else comes before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.life == Life::Over {
            return None;
        }
        [self.ua.next_deadline(), self.deadlines.next(), self.registrar.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Every call that is not over, in the order of their numbers.
    pub fn calls(&self) -> impl Iterator<Item = CallSnapshot> {
        self.calls.values().map(Call::snapshot)
    }

    /// What is kept at the moment; for tests that nothing is left behind.
    pub fn load(&self) -> Load {
        Load {
            calls: self.calls.len(),
            sessions: self.ua.session_count(),
            operations: self.ops.len(),
            deadlines: self.deadlines.len(),
            orphans: self.orphans.len(),
        }
    }

    fn do_what_is_due(&mut self) {
        self.ua.handle_timeout(self.now);
        self.registration_due();
        while let Some(deadline) = self.deadlines.pop_due(self.now) {
            self.pull();
            match deadline {
                Deadline::Opening => self.opening_took_too_long(),
                Deadline::Reconnect => {}
                Deadline::Linger => self.lingered(),
                Deadline::Ping => self.ping(),
                Deadline::Pong => self.no_pong(),
                Deadline::RetiringPong => self.retiring_is_dead(),
                Deadline::TokenAnswer => self.token_took_too_long(),
                Deadline::TokenRefresh => self.refresh_token(),
                Deadline::TokenRetry => {}
                Deadline::Shutdown => self.shut_down_now(),
                Deadline::Connect(call) => self.not_connected(call),
                Deadline::Ring(call) => self.rang_too_long(call),
                Deadline::Wake(call) => self.woken_in_vain(call),
                Deadline::Window(call) => self.not_reconnected(call),
                Deadline::Offer(_) => {}
                Deadline::Path(call) => self.path_did_not_come_back(call),
                Deadline::Digit(call) => self.next_digit(call),
                Deadline::Transfer(call) => self.transfer_failed(call, 408),
                Deadline::Transferred(call) => self.transferred_away(call),
                Deadline::Orphan(session) => self.give_up_orphan(session),
            }
        }
    }

    /// Follows up on an input until nothing more comes of it.
    fn settle(&mut self) {
        loop {
            self.pull();
            while let Some(event) = self.heard.pop_front() {
                self.ua_said(event);
                self.pull();
            }
            self.tend_registration();
            self.tend_calls();
            self.tend_retiring();
            self.tend_link();
            self.tend_shutdown();
            self.pull();
            if self.heard.is_empty() {
                return;
            }
        }
    }

    /// Takes what the user agent has to say, its messages before anything that this side says next.
    fn pull(&mut self) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { flow, bytes } => self.outputs.push_back(Output::Send { flow, bytes }),
                UaOutput::Event(event) => self.heard.push_back(event),
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn tell_changed(&mut self, call: CallHandle) {
        if let Some(call) = self.calls.get(&call) {
            let snapshot = call.snapshot();
            self.tell(Event::CallChanged(snapshot));
        }
    }

    fn order_media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn next_op(&mut self, call: CallHandle, doing: Doing) -> OpId {
        let op = OpId(self.next_number());
        self.ops.insert(op, (call, doing));
        op
    }

    /// Gives a call its leg, if it has none.
    fn leg_of(&mut self, call: CallHandle) -> Option<LegId> {
        let fresh = LegId(self.next_number());
        Some(*self.calls.get_mut(&call)?.leg.get_or_insert(fresh))
    }

    /// Full jitter: up to `base`, doubled with each attempt, never more than the cap.
    fn wait_after(&mut self, attempts: u32) -> Duration {
        let most =
            self.config.backoff_base.saturating_mul(1 << attempts.min(16)).min(self.config.backoff_cap);
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.rng.random_range(0..=most))
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("load", &self.load())
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// How much an endpoint keeps at a moment; see [`Endpoint::load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Calls that are not over.
    pub calls: usize,
    /// SIP sessions, those of ended calls that wait for the far side's last word among them.
    pub sessions: usize,
    /// Questions to the voice engine that are not answered.
    pub operations: usize,
    /// Running deadlines, the user agent's apart.
    pub deadlines: usize,
    /// Ended sessions that wait for a connection to say so.
    pub orphans: usize,
}
