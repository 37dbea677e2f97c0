//! The connection to the gateway: when it is made, left for another, and given up.
//!
//! At most three exist at once: the one in use, the one that is being made, and one that is being left, on which calls
//! that nobody has answered yet finish.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{Host, SipUri};
use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind};
use doorstep_sip::{Sensitive, Timestamp};
use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;

use super::call::Negotiation;
use super::token::Usable;
use super::{Deadline, Endpoint};
use crate::{ConnectionState, DownReason, EndReason, Event, Output};

/// A connection that is not up by then is given up, whatever the driver still hopes.
const OPENING: Duration = Duration::from_secs(15);
/// A connection that nobody needs stays this long, for the next call and for the last words of the one before.
const LINGER: Duration = Duration::from_secs(5);
/// RFC 5626 section 3.5.1.
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

#[derive(Debug)]
pub(super) struct Link {
    /// The one in use.
    up: Option<Up>,
    opening: Option<FlowId>,
    /// Being left.
    retiring: Option<FlowId>,
    /// Another is wanted beside the one in use.
    replace: Option<Replace>,
    /// Failures in a row.
    attempts: u32,
    background: bool,
    told: ConnectionState,
    /// The name in Via and Contact where the address is nobody's business: random, `.invalid` (RFC 7118 section 5).
    name: String,
}

#[derive(Debug, Clone, Copy)]
struct Up {
    flow: FlowId,
    since: Timestamp,
    /// When something came on it last.
    heard: Timestamp,
}

/// Why another connection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Replace {
    /// There is a newer token; the old one does as long as calls are running.
    TokenInTime,
    /// The gateway takes the old token no longer.
    TokenNow,
    /// A push came where its INVITE should have come.
    Silent,
    /// The device has changed its network.
    Network,
}

impl Link {
    pub(super) fn new(rng: &mut ChaCha12Rng) -> Self {
        Self {
            up: None,
            opening: None,
            retiring: None,
            replace: None,
            attempts: 0,
            background: false,
            told: ConnectionState::Offline,
            name: format!("{:016x}.invalid", rng.random::<u64>()),
        }
    }

    /// The connection that new requests go out on.
    pub(super) fn flow(&self) -> Option<FlowId> {
        self.up.map(|up| up.flow)
    }

    /// When something came last on the connection in use, if there is one.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.up.map(|up| up.heard)
    }

    pub(super) fn replacing(&self) -> Option<Replace> {
        self.replace
    }

    pub(super) fn set_background(&mut self, on: bool) {
        self.background = on;
    }
}

impl Endpoint {
    /// Makes or gives up connections as they are needed.
    pub(super) fn tend_link(&mut self) {
        if self.link_is_needed() {
            self.deadlines.cancel(Deadline::Linger);
            let calm = self.calls.is_empty();
            let another = match self.link.replace {
                Some(Replace::TokenInTime) => calm,
                Some(Replace::TokenNow | Replace::Silent | Replace::Network) => true,
                None => false,
            };
            let free = self.link.opening.is_none() && !self.deadlines.runs(Deadline::Reconnect);
            if free && (self.link.up.is_none() || another) {
                self.open();
            }
        } else if self.link.up.is_some() {
            if !self.deadlines.runs(Deadline::Linger) {
                self.deadlines.set(Deadline::Linger, self.now + LINGER);
            }
        } else {
            self.stop_opening();
            self.deadlines.cancel(Deadline::Reconnect);
        }
        self.tell_connection();
    }

    fn link_is_needed(&self) -> bool {
        let reachable = self.registrar.needs_link() && !self.token.is_denied();
        reachable || !self.calls.is_empty() || !self.orphans.is_empty()
    }

    fn open(&mut self) {
        let token = match self.usable_token() {
            Usable::Not => return,
            Usable::NoneNeeded => None,
            Usable::Token(op) => Some(op),
        };
        let flow = FlowId(self.next_number());
        self.link.opening = Some(flow);
        self.deadlines.set(Deadline::Opening, self.now + OPENING);
        self.outputs.push_back(Output::OpenTransport { flow, token });
    }

    fn stop_opening(&mut self) {
        self.deadlines.cancel(Deadline::Opening);
        if let Some(flow) = self.link.opening.take() {
            self.outputs.push_back(Output::CloseTransport { flow });
        }
    }

    pub(super) fn transport_up(
        &mut self,
        flow: FlowId,
        kind: TransportKind,
        local: Option<Sensitive<SocketAddr>>,
    ) {
        if self.link.opening != Some(flow) {
            if self.link.flow() != Some(flow) && self.link.retiring != Some(flow) {
                // Nobody waits for it any more.
                self.outputs.push_back(Output::CloseTransport { flow });
            }
            return;
        }
        self.link.opening = None;
        self.deadlines.cancel(Deadline::Opening);
        let Some(info) = self.flow_info(kind, local) else {
            self.outputs.push_back(Output::CloseTransport { flow });
            self.opening_failed();
            return;
        };
        if let Some(before) = self.link.up.take() {
            self.leave(before.flow);
        }
        self.link.up = Some(Up { flow, since: self.now, heard: self.now });
        self.link.replace = None;
        self.ua.flow_opened(flow, info);
        self.token_was_taken();
        if let Some(interval) = self.config.keep_alive {
            self.deadlines.set(Deadline::Ping, self.now + interval);
        }
        self.deadlines.cancel(Deadline::Pong);
        // REGISTER goes out first, and INVITEs right behind it: they do not wait for its answer.
        self.registration_moves(flow);
    }

    fn flow_info(&self, kind: TransportKind, local: Option<Sensitive<SocketAddr>>) -> Option<FlowInfo> {
        let (transport, web) = match kind {
            // RFC 7118 has one name for both in Contacts, and what carries the gateway's TLS is not the far side's business.
            TransportKind::Ws | TransportKind::Wss => (TransportKind::Ws, true),
            TransportKind::Udp | TransportKind::Tcp | TransportKind::Tls => (kind, false),
        };
        let (host, port) = match local.filter(|_| !web) {
            Some(address) => (Host::Address(address.expose().ip()), Some(address.expose().port())),
            None => (Host::domain(&self.link.name).ok()?, None),
        };
        let mut contact = self.config.named(SipUri::new(host.clone()));
        contact.port = port;
        if !matches!(transport, TransportKind::Udp) {
            contact.params.set_escaped("transport", Some(&transport.as_str().to_ascii_lowercase())).ok()?;
        }
        Some(FlowInfo { transport, host, port, contact, remote: None })
    }

    pub(super) fn transport_down(&mut self, flow: FlowId, reason: DownReason) {
        if self.link.opening == Some(flow) {
            self.link.opening = None;
            self.deadlines.cancel(Deadline::Opening);
            match reason {
                DownReason::Unauthorized => self.token_was_refused(),
                DownReason::Closed
                | DownReason::Unreachable
                | DownReason::Tls
                | DownReason::Refused
                | DownReason::TimedOut => {}
            }
            self.opening_failed();
        } else if self.link.flow() == Some(flow) {
            self.link_lost();
        } else if self.link.retiring == Some(flow) {
            self.link.retiring = None;
            self.deadlines.cancel(Deadline::RetiringPong);
            self.ua.flow_closed(self.now, flow);
        }
    }

    fn opening_failed(&mut self) {
        let wait = self.wait_after(self.link.attempts);
        self.link.attempts = self.link.attempts.saturating_add(1);
        self.deadlines.set(Deadline::Reconnect, self.now + wait);
    }

    /// The connection in use is gone.
    fn link_lost(&mut self) {
        let Some(up) = self.link.up.take() else { return };
        self.deadlines.cancel(Deadline::Ping);
        self.deadlines.cancel(Deadline::Pong);
        self.ua.flow_closed(self.now, up.flow);
        self.registration_lost_flow();
        if self.now.saturating_since(up.since) >= self.config.stable_after {
            self.link.attempts = 0;
        }
        if self.link.opening.is_none() {
            self.opening_failed();
        }
    }

    pub(super) fn opening_took_too_long(&mut self) {
        if self.link.opening.is_some() {
            self.stop_opening();
            self.opening_failed();
        }
    }

    pub(super) fn network_changed(&mut self) {
        self.forget_waits();
        self.stop_opening();
        if self.link.up.is_some() {
            self.link.replace = Some(Replace::Network);
        }
        for active in self.calls.values_mut().filter_map(|call| call.active_mut()) {
            // Offered when the call has moved to a connection over the new network.
            active.restart_ice = true;
        }
    }

    /// What is wanted now is tried now.
    pub(super) fn forget_waits(&mut self) {
        self.link.attempts = 0;
        self.deadlines.cancel(Deadline::Reconnect);
        self.forget_token_wait();
    }

    pub(super) fn replace_link(&mut self, why: Replace) {
        if self.link.up.is_some() || self.link.opening.is_some() {
            self.link.replace = self.link.replace.max(Some(why));
        }
    }

    /// Leaves a connection: calls that are answered move at once, others finish on it.
    fn leave(&mut self, flow: FlowId) {
        if let Some(older) = self.link.retiring.replace(flow) {
            self.close(older);
        }
        // It may be dead without anybody having noticed.
        self.outputs.push_back(Output::Send { flow, bytes: Bytes::from_static(PING) });
        self.deadlines.set(Deadline::RetiringPong, self.now + self.config.keep_alive_timeout);
    }

    /// Closes the connection that is being left, once no call is left on it.
    pub(super) fn tend_retiring(&mut self) {
        let Some(flow) = self.link.retiring else { return };
        // An answered call has moved already; the gateway learns of it by the offer that is under way.
        let needed = self.calls.values().any(|call| match call.active() {
            Some(active) => active.dirty || active.negotiation != Negotiation::Idle,
            None => call.session.is_some_and(|session| self.ua.session_flow(session) == Some(flow)),
        });
        if !needed && self.link.up.is_some() {
            self.link.retiring = None;
            self.deadlines.cancel(Deadline::RetiringPong);
            self.close(flow);
        }
    }

    pub(super) fn retiring_is_dead(&mut self) {
        if let Some(flow) = self.link.retiring.take() {
            self.close(flow);
        }
    }

    fn close(&mut self, flow: FlowId) {
        self.pull();
        self.outputs.push_back(Output::CloseTransport { flow });
        self.ua.flow_closed(self.now, flow);
    }

    pub(super) fn frame_came(&mut self, flow: FlowId, bytes: &[u8]) {
        if let Some(up) = self.link.up.as_mut().filter(|up| up.flow == flow) {
            up.heard = self.now;
            self.deadlines.cancel(Deadline::Pong);
        } else if self.link.retiring == Some(flow) {
            self.deadlines.cancel(Deadline::RetiringPong);
        } else {
            return;
        }
        if bytes == PING {
            self.outputs.push_back(Output::Send { flow, bytes: Bytes::from_static(PONG) });
        } else if bytes.iter().any(|byte| !b"\r\n".contains(byte)) {
            self.ua.handle_message(self.now, flow, bytes);
        }
    }

    pub(super) fn ping(&mut self) {
        let (Some(flow), Some(interval)) = (self.link.flow(), self.config.keep_alive) else { return };
        self.deadlines.set(Deadline::Ping, self.now + interval);
        if self.link.background && self.calls.is_empty() {
            return;
        }
        self.outputs.push_back(Output::Send { flow, bytes: Bytes::from_static(PING) });
        // The first ping that has no answer counts: a later one must not give a dead connection more time.
        if !self.deadlines.runs(Deadline::Pong) {
            self.deadlines.set(Deadline::Pong, self.now + self.config.keep_alive_timeout);
        }
    }

    pub(super) fn no_pong(&mut self) {
        if let Some(flow) = self.link.flow() {
            self.pull();
            self.outputs.push_back(Output::CloseTransport { flow });
            self.link_lost();
        }
    }

    pub(super) fn lingered(&mut self) {
        if !self.link_is_needed() {
            self.disconnect();
        }
    }

    /// Closes whatever there is.
    pub(super) fn disconnect(&mut self) {
        self.stop_opening();
        for deadline in
            [Deadline::Reconnect, Deadline::Ping, Deadline::Pong, Deadline::Linger, Deadline::RetiringPong]
        {
            self.deadlines.cancel(deadline);
        }
        self.link.replace = None;
        let flows = [self.link.retiring.take(), self.link.up.take().map(|up| up.flow)];
        for flow in flows.into_iter().flatten() {
            self.close(flow);
        }
        self.registration_lost_flow();
        self.tell_connection();
    }

    fn tell_connection(&mut self) {
        let state = if self.link.up.is_some() {
            ConnectionState::Connected
        } else if let Some(until) = self.deadlines.get(Deadline::Reconnect) {
            ConnectionState::Waiting { until }
        } else if self.link_is_needed() {
            ConnectionState::Connecting
        } else {
            ConnectionState::Offline
        };
        if state != self.link.told {
            self.link.told = state;
            self.tell(Event::Connection(state));
        }
    }

    /// Why a call that waits for a connection has none.
    pub(super) fn why_offline(&self) -> EndReason {
        if self.token.is_denied() { EndReason::Unauthorized } else { EndReason::NoNetwork }
    }
}
