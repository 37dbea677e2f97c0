//! Phones, a network and what stands behind it, in virtual time. One thing happens at a time; what happens follows from
//! the seed, which a failing test prints.

mod parcel;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorstep_call::{
    CallHandle, CallState, Command, DownReason, EndReason, EndpointConfig, FlowId, Input, MalformedPush,
    OrderId, PushPayload, TransportInput, TransportKind,
};
use doorstep_sip::Timestamp;

use crate::network::{Conditions, Network};
use crate::phone::{EndpointPeer, Wish};
use crate::server::{Peer, PeerOutput, Switchboard};
use parcel::Parcel;

/// 20 ms each way.
pub const HOP: Duration = Duration::from_millis(20);

/// A way through the network: to or from a phone's flow.
type Way = (usize, FlowId, bool);

/// See the [module](self).
pub struct World<P> {
    /// Now.
    pub now: Timestamp,
    /// The phones.
    pub phones: Vec<EndpointPeer>,
    /// What they are connected to.
    pub server: P,
    /// What the way between them is like.
    pub conditions: Conditions,
    /// What carries the connections.
    pub kind: TransportKind,
    /// Round trips that a connection takes: 1 unless a test says otherwise. TCP, TLS 1.3 and the WebSocket are 3.
    pub handshakes: u32,
    /// Connections are refused with this.
    pub refuses: Option<DownReason>,
    /// Only the newest token of a phone is taken.
    pub checks_tokens: bool,
    seed: u64,
    network: Network<Way, Parcel>,
    /// The server's numbers of connections that stand there.
    at_server: BTreeMap<FlowId, (usize, FlowId)>,
    by_phone: BTreeMap<(usize, FlowId), FlowId>,
    next_flow: u64,
    /// Phones whose network is cut: nothing gets through and nobody is told.
    cut: BTreeSet<usize>,
}

impl World<Switchboard> {
    /// Two phones that are joined by a [`Switchboard`] over WebSocket-like connections, registered.
    pub fn pair() -> Self {
        Self::pair_over(TransportKind::Wss, Conditions::stream(HOP), 1)
    }

    /// The same over something else.
    pub fn pair_over(kind: TransportKind, conditions: Conditions, seed: u64) -> Self {
        let mut world = Self::idle_pair_over(kind, conditions, seed);
        for phone in 0..2 {
            world.command(phone, Command::Register);
        }
        world.pass(Duration::from_secs(1));
        world
    }

    /// The same, but the phones are offline.
    pub fn idle_pair_over(kind: TransportKind, conditions: Conditions, seed: u64) -> Self {
        let configs = ["anna", "ben"].map(|user| {
            EndpointConfig::new(
                "gw.example",
                user,
                format!("urn:uuid:00000000-0000-4000-8000-{:012}", user.len()),
            )
        });
        Self::new(configs, Switchboard::default(), kind, conditions, seed)
    }
}

impl<P: Peer> World<P> {
    /// Phones that are offline, in the order of their configurations.
    pub fn new(
        phones: impl IntoIterator<Item = EndpointConfig>,
        server: P,
        kind: TransportKind,
        conditions: Conditions,
        seed: u64,
    ) -> Self {
        let of = |(at, config)| {
            let mut own = [u8::try_from(at + 1).unwrap_or(u8::MAX); 32];
            for (byte, more) in own.iter_mut().zip(seed.to_be_bytes()) {
                *byte ^= more;
            }
            EndpointPeer::new(config, own)
        };
        Self {
            now: Timestamp::ZERO,
            phones: phones.into_iter().enumerate().map(of).collect(),
            server,
            conditions,
            kind,
            handshakes: 1,
            refuses: None,
            checks_tokens: false,
            seed,
            network: Network::new(seed),
            at_server: BTreeMap::new(),
            by_phone: BTreeMap::new(),
            next_flow: 0,
            cut: BTreeSet::new(),
        }
    }

    /// Gives a phone a command.
    pub fn command(&mut self, phone: usize, command: Command) {
        let now = self.now;
        self.phones[phone].command(now, command);
        self.drain();
    }

    /// Calls the customer of an order.
    pub fn contact(&mut self, phone: usize, order: &str) -> CallHandle {
        let call = self.phones[phone].new_handle();
        self.command(phone, Command::Contact { call, order: OrderId::from(order) });
        call
    }

    /// A push reaches a phone.
    pub fn push(&mut self, phone: usize, payload: PushPayload, unix_ms: u64) {
        let now = self.now;
        self.phones[phone].input(now, Input::Push { payload, unix_ms });
        self.drain();
    }

    /// A push that cannot be read reaches a phone.
    pub fn malformed_push(&mut self, phone: usize, push: MalformedPush) {
        let now = self.now;
        self.phones[phone].input(now, Input::MalformedPush(push));
        self.drain();
    }

    /// A phone is told that its network has changed.
    pub fn network_changed(&mut self, phone: usize) {
        let now = self.now;
        self.phones[phone].input(now, Input::Transport(TransportInput::NetworkChanged));
        self.drain();
    }

    /// From now on nothing gets through to or from a phone, and nobody is told. What is on its way is lost.
    pub fn cut(&mut self, phone: usize) {
        self.cut.insert(phone);
        self.network.lose(|parcel| parcel.phone() == phone);
    }

    /// Whatever is sent from now on gets through again. Connections that stood before the cut are dead.
    pub fn heal(&mut self, phone: usize) {
        self.cut.remove(&phone);
    }

    /// Both ends of a phone's connections are told at once that they are gone.
    pub fn reset(&mut self, phone: usize) {
        self.network.lose(|parcel| parcel.phone() == phone);
        let flows: Vec<_> =
            self.by_phone.keys().filter(|(of, _)| *of == phone).map(|(_, flow)| *flow).collect();
        for flow in flows {
            self.close_at_server(phone, flow);
            let now = self.now;
            self.phones[phone].down(now, flow, DownReason::Closed);
        }
        self.drain();
    }

    /// Goes on until something is so. Fails the test when it is not within `limit`.
    pub fn until(&mut self, what: &str, limit: Duration, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !is_so(self) {
            let more = self.step(end);
            assert!(more || is_so(self), "never within {limit:?}: {what}; {}", self.story());
        }
    }

    /// Goes on until a call of a phone is in a state.
    pub fn until_state(&mut self, phone: usize, call: CallHandle, state: CallState) {
        let what = format!("{state:?} of call {call} at phone {phone}");
        self.until(&what, Duration::from_secs(200), |world| world.phones[phone].state(call) == Some(state));
    }

    /// Goes on until a call of a phone is over.
    pub fn until_ended(&mut self, phone: usize, call: CallHandle) -> EndReason {
        self.until("the call's end", Duration::from_secs(300), |world| {
            world.phones[phone].ended(call).is_some()
        });
        self.phones[phone].ended(call).unwrap_or(EndReason::ProtocolError)
    }

    /// Goes on until a phone rings.
    pub fn until_rings(&mut self, phone: usize) -> CallHandle {
        self.until("ringing", Duration::from_secs(200), |world| world.phones[phone].incoming().is_some());
        self.phones[phone].incoming().unwrap_or(CallHandle(0))
    }

    /// A call from phone 0 to phone 1 in which both talk.
    pub fn talking(&mut self) -> (CallHandle, CallHandle) {
        let a = self.contact(0, "4711");
        let b = self.until_rings(1);
        self.command(1, Command::Answer { call: b });
        self.until_state(0, a, ACTIVE);
        self.until_state(1, b, ACTIVE);
        self.pass(Duration::from_secs(1));
        (a, b)
    }

    /// Lets time pass.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets the next thing happen, if there is one before `end`.
    pub fn step(&mut self, end: Timestamp) -> bool {
        self.drain();
        let phones = self.phones.iter().filter_map(EndpointPeer::next_deadline).min();
        let next =
            [phones, self.network.next_arrival(), self.server.next_deadline()].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        let now = self.now;
        if let Some(parcel) = self.network.arrived(now) {
            self.deliver(parcel);
        } else if self.server.next_deadline().is_some_and(|at| at <= now) {
            self.server.handle_deadline(now);
        } else {
            for phone in &mut self.phones {
                if phone.handle_deadline(now) {
                    break;
                }
            }
        }
        self.drain();
        true
    }

    /// When all is over, nothing may be left anywhere.
    pub fn assert_nothing_left(&mut self) {
        for (at, phone) in self.phones.iter().enumerate() {
            let load = phone.endpoint.load();
            assert_eq!(
                (load.calls, load.operations, load.orphans, load.sessions),
                (0, 0, 0, 0),
                "phone {at}: {load:?}"
            );
            assert_eq!(phone.media.legs().count(), 0, "phone {at}: legs");
        }
        assert!(self.server.is_clean(), "the server keeps something");
    }

    fn drain(&mut self) {
        loop {
            let mut quiet = true;
            for at in 0..self.phones.len() {
                while let Some(wish) = self.phones[at].poll() {
                    quiet = false;
                    self.grant(at, wish);
                }
            }
            while let Some(output) = self.server.poll() {
                quiet = false;
                match output {
                    PeerOutput::Send { flow, bytes } => {
                        if let Some((phone, flow)) = self.at_server.get(&flow).copied() {
                            self.send((phone, flow, false), Parcel::Down { phone, flow, bytes });
                        }
                    }
                    PeerOutput::Close { flow } => {
                        if let Some((phone, flow)) = self.at_server.get(&flow).copied() {
                            self.close_at_server(phone, flow);
                            self.send((phone, flow, false), Parcel::ClosedByServer { phone, flow });
                        }
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn grant(&mut self, phone: usize, wish: Wish) {
        match wish {
            Wish::Open { flow, token } => {
                let newest = self.phones[phone].tokens.newest;
                let refused = if self.checks_tokens && token != newest {
                    Some(DownReason::Unauthorized)
                } else {
                    self.refuses
                };
                match refused {
                    Some(reason) => self.send((phone, flow, false), Parcel::Refused { phone, flow, reason }),
                    None => {
                        let round_trips = self.handshakes;
                        self.send((phone, flow, true), Parcel::Connect { phone, flow, round_trips });
                    }
                }
            }
            Wish::Close { flow } => self.send((phone, flow, true), Parcel::ClosedByPhone { phone, flow }),
            Wish::Send { flow, bytes } => {
                // Of a connection that a reset or a cut has taken nothing more is carried.
                if self.by_phone.contains_key(&(phone, flow)) {
                    self.send((phone, flow, true), Parcel::Up { phone, flow, bytes });
                }
            }
        }
    }

    fn send(&mut self, way: Way, parcel: Parcel) {
        if self.cut.contains(&parcel.phone()) {
            return;
        }
        // Only messages get lost: that a connection stands or is gone is known for sure.
        let conditions = match parcel {
            Parcel::Up { .. } | Parcel::Down { .. } => self.conditions,
            Parcel::Connect { .. }
            | Parcel::Handshake { .. }
            | Parcel::Connected { .. }
            | Parcel::Refused { .. }
            | Parcel::ClosedByPhone { .. }
            | Parcel::ClosedByServer { .. } => Conditions { loss: 0, doubled: 0, ..self.conditions },
        };
        self.network.send(self.now, way, conditions, parcel);
    }

    fn deliver(&mut self, parcel: Parcel) {
        let now = self.now;
        match parcel {
            Parcel::Connect { phone, flow, round_trips: more @ 2.. } => {
                self.send((phone, flow, false), Parcel::Handshake { phone, flow, round_trips: more - 1 });
            }
            Parcel::Handshake { phone, flow, round_trips } => {
                self.send((phone, flow, true), Parcel::Connect { phone, flow, round_trips });
            }
            Parcel::Connect { phone, flow, round_trips: _ } => {
                self.next_flow += 1;
                let at_server = FlowId(self.next_flow);
                self.at_server.insert(at_server, (phone, flow));
                self.by_phone.insert((phone, flow), at_server);
                self.server.flow_opened(now, at_server, phone);
                self.send((phone, flow, false), Parcel::Connected { phone, flow });
            }
            Parcel::Connected { phone, flow } => {
                let kind = self.kind;
                self.phones[phone].up(now, flow, kind);
            }
            Parcel::Refused { phone, flow, reason } => self.phones[phone].down(now, flow, reason),
            Parcel::Up { phone, flow, bytes } => {
                if let Some(flow) = self.by_phone.get(&(phone, flow)) {
                    self.server.handle_frame(now, *flow, &bytes);
                }
            }
            Parcel::Down { phone, flow, bytes } => {
                self.phones[phone].input(now, Input::Transport(TransportInput::Frame { flow, bytes }));
            }
            Parcel::ClosedByPhone { phone, flow } => self.close_at_server(phone, flow),
            Parcel::ClosedByServer { phone, flow } => self.phones[phone].down(now, flow, DownReason::Closed),
        }
    }

    fn close_at_server(&mut self, phone: usize, flow: FlowId) {
        if let Some(at_server) = self.by_phone.remove(&(phone, flow)) {
            self.at_server.remove(&at_server);
            let now = self.now;
            self.server.flow_closed(now, at_server);
        }
    }

    fn story(&self) -> String {
        let mut story = String::new();
        for (number, phone) in self.phones.iter().enumerate() {
            for (at, event) in &phone.events {
                story.push_str(&format!("\nphone {number} at {:?}: {event:?}", at.since_epoch()));
            }
        }
        story
    }
}

/// Talking, with nothing pressed.
pub const ACTIVE: CallState = CallState::Active { muted: false, held_locally: false, held_remotely: false };

impl<P> Drop for World<P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world's seed was {}", self.seed);
        }
    }
}
