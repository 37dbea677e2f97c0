//! The path to a plain RTP peer (RFC 3550): two UDP ports, and a rule about who is believed.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    ice::Patience,
    inbound::{Control, Inbound},
    outbound::{Outbound, Route},
    rtp::Kind,
    secure::LinkEvent,
    socket::Socket,
};

/// Whose packets count as the far side's, and where this side's go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourcePolicy {
    /// The first sender of a known payload type is the far side, and is sent to, whatever its description says
    /// (symmetric RTP, RFC 4961): phones behind NAT work. When the described address itself sends, it wins for good;
    /// when the one latched on falls silent, the next may come.
    #[default]
    Symmetric,
    /// Only the address in the far side's description.
    Strict,
}

/// The path to one plain RTP peer.
pub(crate) struct PlainLink {
    outbound: Arc<Outbound>,
    /// RTP, then RTCP.
    sockets: Vec<Arc<Socket>>,
    policy: SourcePolicy,
    patience: Patience,
    /// What the description says: RTP, RTCP, and whether both share a port.
    described: Option<SocketAddr>,
    described_control: Option<SocketAddr>,
    mux: bool,
    /// Where media really comes from.
    latched: Option<SocketAddr>,
    control_from: Option<SocketAddr>,
    /// Nothing is awaited while either side holds.
    awaits_media: bool,
    heard: Option<Instant>,
    state: State,
    told: Option<LinkEvent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came yet: a phone that rings need not send.
    New,
    Up,
    Silent,
    Failed,
}

impl PlainLink {
    pub(crate) fn new(
        rtp: Arc<Socket>,
        rtcp: Arc<Socket>,
        outbound: Arc<Outbound>,
        policy: SourcePolicy,
        patience: Patience,
    ) -> Self {
        Self {
            outbound,
            sockets: vec![rtp, rtcp],
            policy,
            patience,
            described: None,
            described_control: None,
            mux: false,
            latched: None,
            control_from: None,
            awaits_media: false,
            heard: None,
            state: State::New,
            told: None,
        }
    }

    pub(crate) fn sockets(&self) -> &[Arc<Socket>] {
        &self.sockets
    }

    /// What goes into this side's descriptions.
    pub(crate) fn address(&self) -> SocketAddr {
        self.sockets[0].advertised
    }

    /// Takes over what the far side's description says.
    pub(crate) fn apply(
        &mut self,
        now: Instant,
        media: Option<SocketAddr>,
        control: Option<SocketAddr>,
        mux: bool,
        awaits_media: bool,
    ) {
        let usable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
        let media = media.filter(usable);
        // A hold with 0.0.0.0 names no new place.
        if media.is_some() && media != self.described {
            self.described = media;
            self.latched = None;
            self.control_from = None;
        }
        self.described_control = control.filter(usable);
        self.mux = mux;
        if awaits_media && !self.awaits_media {
            self.heard = Some(now);
        }
        self.awaits_media = awaits_media;
        self.set_route();
    }

    pub(crate) fn input(
        &mut self,
        now: Instant,
        arrival: Duration,
        socket: &Arc<Socket>,
        from: SocketAddr,
        datagram: &[u8],
        inbound: &mut Inbound,
    ) {
        let on_media_port = Arc::ptr_eq(socket, &self.sockets[0]);
        let taken = match Kind::of(datagram) {
            Kind::Rtp if on_media_port && self.believes(from, inbound.knows(datagram)) => {
                inbound.media(datagram, arrival)
            }
            Kind::Rtcp if on_media_port != self.mux => {
                inbound.discard();
                return;
            }
            Kind::Rtcp if self.believes_control(from) => {
                let own = self.outbound.own_stream();
                match inbound.control(datagram, arrival, own) {
                    Control::Bad => false,
                    Control::Report => true,
                    Control::Goodbye => {
                        self.told = Some(LinkEvent::Goodbye);
                        return;
                    }
                }
            }
            Kind::Rtp | Kind::Rtcp | Kind::Stun | Kind::Dtls | Kind::Other => {
                inbound.discard();
                return;
            }
        };
        if taken {
            self.heard = Some(now);
            if self.state != State::Up {
                self.state = State::Up;
                self.told = Some(LinkEvent::Up);
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let heard = self.heard.filter(|_| self.awaits_media)?;
        match self.state {
            State::Up => Some(heard + self.patience.silent),
            State::Silent => Some(heard + self.patience.failed),
            State::New | State::Failed => None,
        }
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        (self.state, self.told) = match self.state {
            State::Up => {
                self.latched = None;
                (State::Silent, Some(LinkEvent::Silent))
            }
            State::New | State::Silent | State::Failed => (State::Failed, Some(LinkEvent::Failed)),
        };
    }

    pub(crate) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.told.take()
    }

    /// Where packets go is known.
    pub(crate) fn is_up(&self) -> bool {
        self.described.is_some()
    }

    fn believes(&mut self, from: SocketAddr, known: bool) -> bool {
        if self.described.is_none() || !known {
            return false;
        }
        let described = self.described == Some(from);
        match self.policy {
            SourcePolicy::Strict => described,
            SourcePolicy::Symmetric => {
                let first = self.latched.is_none();
                if (first || described) && self.latched != Some(from) {
                    self.latched = Some(from);
                    self.set_route();
                }
                self.latched == Some(from)
            }
        }
    }

    fn believes_control(&mut self, from: SocketAddr) -> bool {
        let expected = match self.policy {
            SourcePolicy::Strict => self.described_control.or(self.described),
            SourcePolicy::Symmetric => self.latched.or(self.described),
        };
        let believed = expected.is_some_and(|expected| expected.ip() == from.ip());
        if believed && self.policy == SourcePolicy::Symmetric && !self.mux && self.control_from != Some(from)
        {
            self.control_from = Some(from);
            self.set_route();
        }
        believed
    }

    fn set_route(&self) {
        let after = |address: SocketAddr| Some(SocketAddr::new(address.ip(), address.port().checked_add(1)?));
        let media = self.latched.or(self.described);
        let control = if self.mux {
            media
        } else if self.latched.is_some() && self.latched != self.described {
            // Behind NAT, the port next to the one latched on is the best guess until RTCP comes.
            self.control_from.or_else(|| media.and_then(after))
        } else {
            self.control_from.or(self.described_control).or_else(|| media.and_then(after))
        };
        let route = |socket: usize, to: Option<SocketAddr>| {
            to.map(|to| Route { socket: self.sockets[socket].clone(), to })
        };
        self.outbound.route(route(0, media), route(usize::from(!self.mux), control));
    }
}
