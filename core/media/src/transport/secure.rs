//! The path to a WebRTC peer: ICE finds it, DTLS makes the keys, SRTP carries the voice.
//!
//! Sans-I/O but for sending: the session's task reads the sockets and the clock and hands both in. ICE may change its path
//! below ([`Paths`]); DTLS and SRTP move along (RFC 8842 section 4.4: a new path does not need a new handshake).

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::srtp::context::Context;

use super::{
    Fault,
    dtls::{DtlsLink, Outcome, fingerprint},
    ice::{Credentials, IcePath, PathState, Patience},
    inbound::{Control, Inbound},
    outbound::{Outbound, Route},
    paths::Paths,
    rtp::Kind,
    socket::Socket,
};
use crate::sdp::{LocalSecurity, RemoteSecurity, Setup};

/// What the path tells the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    Up,
    Silent,
    Failed,
    Goodbye,
    /// What was up belonged to another party: `Up` follows for this one.
    Replaced,
}

/// The path to one WebRTC peer.
pub(crate) struct SecureLink {
    outbound: Arc<Outbound>,
    paths: Paths,
    remote: Option<RemoteSecurity>,
    dtls: Option<DtlsLink>,
    keys: Option<Box<Context>>,
    /// Where DTLS came from, for answers before a pair is chosen.
    dtls_from: Option<Route>,
    told: Option<LinkEvent>,
}

impl SecureLink {
    pub(crate) fn new(
        now: Instant,
        sockets: Vec<Arc<Socket>>,
        outbound: Arc<Outbound>,
        patience: Patience,
    ) -> Result<Self, Fault> {
        Ok(Self {
            outbound,
            paths: Paths::new(now, sockets, patience)?,
            remote: None,
            dtls: None,
            keys: None,
            dtls_from: None,
            told: None,
        })
    }

    pub(crate) fn sockets(&self) -> &[Arc<Socket>] {
        self.paths.sockets()
    }

    /// Makes the next offer restart ICE, on other sockets if given.
    pub(crate) fn stage_restart(
        &mut self,
        now: Instant,
        sockets: Option<Vec<Arc<Socket>>>,
    ) -> Result<(), Fault> {
        self.paths.stage(now, sockets)
    }

    /// What an offer says now.
    pub(crate) fn offer(&self, cname: &str) -> Result<LocalSecurity, Fault> {
        self.describe(self.paths.offered(), Setup::ActPass, false, cname)
    }

    /// Takes the far side's offer and says what to answer.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        remote: &RemoteSecurity,
        cname: &str,
    ) -> Result<LocalSecurity, Fault> {
        let known = self.remote.as_ref();
        let same_path = known.is_some_and(|known| known.ufrag == remote.ufrag && known.pwd == remote.pwd);
        if known.is_some() && !same_path {
            self.paths.renew(now)?;
        }
        let client = match (remote.setup, &self.dtls) {
            (Setup::Active, _) => false,
            (Setup::Passive, _) | (Setup::ActPass, None) => true,
            (Setup::ActPass, Some(dtls)) => dtls.is_client() || !self.is_same_peer(remote),
        };
        self.adopt(now, remote, remote.lite, client, false)?;
        let setup = if client { Setup::Active } else { Setup::Passive };
        self.describe(self.paths.current(), setup, remote.trickle, cname)
    }

    /// Takes the far side's answer to the last offer, or another answer of another branch.
    pub(crate) fn apply_answer(&mut self, now: Instant, remote: &RemoteSecurity) -> Result<(), Fault> {
        let mut other_peer = false;
        let restarted = self.paths.take_staged();
        let known = self.remote.as_ref();
        if !restarted && known.is_some_and(|known| known.ufrag != remote.ufrag || known.pwd != remote.pwd) {
            // Nobody asked for other credentials: this is another party (RFC 3261 section 13.1, forking).
            other_peer = true;
            self.paths.start_over(now)?;
        }
        let client = remote.setup == Setup::Passive;
        self.adopt(now, remote, true, client, other_peer)
    }

    /// One more address of the far side (RFC 8840).
    pub(crate) fn add_candidate(&mut self, address: SocketAddr, priority: u32) {
        self.paths.add_candidate(address, priority);
    }

    /// Takes one datagram that came to `socket`.
    pub(crate) fn input(
        &mut self,
        now: Instant,
        arrival: Duration,
        socket: &Arc<Socket>,
        from: SocketAddr,
        datagram: &[u8],
        inbound: &mut Inbound,
    ) {
        let kind = Kind::of(datagram);
        if matches!(kind, Kind::Stun | Kind::Dtls | Kind::Other) {
            inbound.arrived(kind, from, datagram);
        }
        let taken = match kind {
            Kind::Stun => self.paths.stun(now, socket.advertised, from, datagram),
            Kind::Dtls if self.paths.knows(from) => {
                self.dtls_from = Some(Route { socket: socket.clone(), to: from });
                self.dtls(now, datagram)
            }
            Kind::Rtp if self.paths.knows(from) => {
                match self.keys.as_mut().map(|keys| keys.decrypt_rtp(datagram)) {
                    Some(Ok(packet)) => {
                        inbound.arrived(Kind::Rtp, from, &packet);
                        inbound.media(&packet, arrival);
                        return;
                    }
                    Some(Err(_)) | None => false,
                }
            }
            Kind::Rtcp if self.paths.knows(from) => {
                match self.keys.as_mut().map(|keys| keys.decrypt_rtcp(datagram)) {
                    Some(Ok(packet)) => {
                        inbound.arrived(Kind::Rtcp, from, &packet);
                        let own = self.outbound.own_stream();
                        if inbound.control(&packet, arrival, own) == Control::Goodbye {
                            self.told = Some(LinkEvent::Goodbye);
                        }
                        return;
                    }
                    Some(Err(_)) | None => false,
                }
            }
            Kind::Dtls | Kind::Rtp | Kind::Rtcp | Kind::Other => false,
        };
        if !taken {
            if matches!(kind, Kind::Rtp | Kind::Rtcp) {
                inbound.arrived(Kind::Other, from, datagram);
            }
            inbound.discard();
        }
        self.pump(now);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(DtlsLink::deadline);
        self.paths.deadline().into_iter().chain(dtls).min()
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        self.paths.handle_deadline(now);
        if self.dtls.as_mut().is_some_and(|dtls| dtls.handle_deadline(now).is_err()) {
            self.dtls = None;
            self.told = Some(LinkEvent::Failed);
        }
        self.pump(now);
    }

    pub(crate) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.told.take()
    }

    /// Media can flow.
    pub(crate) fn is_up(&self) -> bool {
        self.keys.is_some() && self.paths.route().is_some()
    }

    /// Says goodbye to the far side.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
        self.pump(now);
    }

    fn describe(
        &self,
        path: &IcePath,
        setup: Setup,
        trickle: bool,
        cname: &str,
    ) -> Result<LocalSecurity, Fault> {
        let Credentials { ufrag, pwd } = path.credentials().clone();
        Ok(LocalSecurity {
            ufrag,
            pwd,
            fingerprint: fingerprint()?,
            setup,
            trickle,
            candidates: path.candidates().to_vec(),
            ssrc: self.outbound.own_stream().0,
            cname: cname.to_owned(),
        })
    }

    fn is_same_peer(&self, remote: &RemoteSecurity) -> bool {
        self.remote.as_ref().is_some_and(|known| known.fingerprints == remote.fingerprints)
    }

    /// Brings ICE and DTLS to what the far side now says.
    fn adopt(
        &mut self,
        now: Instant,
        remote: &RemoteSecurity,
        controlling: bool,
        client: bool,
        other_peer: bool,
    ) -> Result<(), Fault> {
        if other_peer || self.dtls.is_none() || !self.is_same_peer(remote) {
            self.dtls = Some(DtlsLink::new(client, remote.fingerprints.clone())?);
            if self.keys.take().is_some() {
                self.told = Some(LinkEvent::Replaced);
            }
            self.dtls_from = None;
            self.outbound.protect(None);
        }
        self.remote = Some(remote.clone());
        self.paths.adopt(now, controlling, remote)?;
        self.pump(now);
        Ok(())
    }

    fn dtls(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(dtls) = &mut self.dtls else { return false };
        match dtls.input(now, datagram) {
            Outcome::Continue => {}
            Outcome::Keyed(keys) => {
                self.keys = Some(keys.inbound);
                self.outbound.protect(Some(keys.outbound));
                self.told = Some(LinkEvent::Up);
            }
            Outcome::Closed => self.told = Some(LinkEvent::Goodbye),
            Outcome::Failed => self.told = Some(LinkEvent::Failed),
        }
        true
    }

    /// Sends what waits and takes over what changed.
    fn pump(&mut self, now: Instant) {
        if let Some(state) = self.paths.update(now) {
            self.path_changed(now, state);
        }
        self.paths.transmit();
        let route = self.paths.route().or_else(|| self.dtls_from.clone());
        if let Some(dtls) = &mut self.dtls {
            while let Some(message) = dtls.transmit() {
                if let Some(route) = &route {
                    // So are lost flights.
                    let _sent = route.socket.send(&message, route.to);
                }
            }
        }
    }

    fn path_changed(&mut self, now: Instant, state: PathState) {
        match state {
            PathState::Checking => return,
            PathState::Connected => {
                if self.dtls.as_mut().is_some_and(|dtls| dtls.start(now).is_err()) {
                    self.told = Some(LinkEvent::Failed);
                } else if self.keys.is_some() {
                    self.told = Some(LinkEvent::Up);
                }
            }
            PathState::Silent => self.told = Some(LinkEvent::Silent),
            PathState::Failed => self.told = Some(LinkEvent::Failed),
        }
        let route = self.paths.route();
        self.outbound.route(route.clone(), route);
    }
}
