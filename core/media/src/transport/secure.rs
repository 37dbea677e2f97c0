//! The path to a WebRTC peer: ICE finds it, DTLS makes the keys, SRTP carries the voice.
//!
//! Sans-I/O but for sending: the session's task reads the sockets and the clock and hands both in. When the network
//! changes, a second ICE session is set up beside the first; DTLS and SRTP move over to it once it works (RFC 8842
//! section 4.4: a new path does not need a new handshake).

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::srtp::context::Context;

use super::{
    Fault,
    dtls::{DtlsLink, Outcome, fingerprint},
    ice::{Credentials, IcePath, PathState, Patience, addressed_to, is_request},
    inbound::{Control, Inbound},
    outbound::{Outbound, Route},
    rtp::Kind,
    socket::Socket,
};
use crate::sdp::{LocalSecurity, RemoteSecurity, Setup};

/// How long the path before is still listened to: the far side moves over a moment later, and packets are under way.
const GRACE: Duration = Duration::from_secs(2);
/// Addresses of either side that are remembered of earlier paths: several restarts' worth.
const MOST_FORMER: usize = 16;

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
    patience: Patience,
    /// Sockets of all ICE sessions below.
    sockets: Vec<Arc<Socket>>,
    /// The ICE session in force, or about to be.
    current: IcePath,
    /// One that a restart offered and nobody answered yet.
    staged: Option<IcePath>,
    /// The one before, for as long as the current one does not work, and a little longer.
    retiring: Option<IcePath>,
    /// Both sides' addresses on paths that are gone. The far side moves over in its own time, perhaps only to the path after
    /// next, and what it sends meanwhile is still its own: its keys tell.
    former: Former,
    /// When the one before ends.
    retired_at: Option<Instant>,
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
        let current = IcePath::new(now, Credentials::random(), &addresses(&sockets), patience)?;
        Ok(Self {
            outbound,
            patience,
            sockets,
            current,
            staged: None,
            retiring: None,
            former: Former::default(),
            retired_at: None,
            remote: None,
            dtls: None,
            keys: None,
            dtls_from: None,
            told: None,
        })
    }

    pub(crate) fn sockets(&self) -> &[Arc<Socket>] {
        &self.sockets
    }

    /// Makes the next offer restart ICE, on other sockets if given.
    pub(crate) fn stage_restart(
        &mut self,
        now: Instant,
        sockets: Option<Vec<Arc<Socket>>>,
    ) -> Result<(), Fault> {
        let current: Vec<_> = self.sockets_of(&self.current);
        let sockets = sockets.unwrap_or(current);
        self.staged = Some(IcePath::new(now, Credentials::random(), &addresses(&sockets), self.patience)?);
        self.sockets.extend(sockets);
        self.drop_unused_sockets();
        Ok(())
    }

    /// What an offer says now.
    pub(crate) fn offer(&self, cname: &str) -> Result<LocalSecurity, Fault> {
        self.describe(self.staged.as_ref().unwrap_or(&self.current), Setup::ActPass, false, cname)
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
            self.renew(now, Credentials::random(), true)?;
        }
        let client = match (remote.setup, &self.dtls) {
            (Setup::Active, _) => false,
            (Setup::Passive, _) | (Setup::ActPass, None) => true,
            (Setup::ActPass, Some(dtls)) => dtls.is_client() || !self.is_same_peer(remote),
        };
        self.adopt(now, remote, remote.lite, client, false)?;
        let setup = if client { Setup::Active } else { Setup::Passive };
        self.describe(&self.current, setup, remote.trickle, cname)
    }

    /// Takes the far side's answer to the last offer, or another answer of another branch.
    pub(crate) fn apply_answer(&mut self, now: Instant, remote: &RemoteSecurity) -> Result<(), Fault> {
        let mut other_peer = false;
        if let Some(staged) = self.staged.take() {
            let before = std::mem::replace(&mut self.current, staged);
            self.retire(before);
        } else if self
            .remote
            .as_ref()
            .is_some_and(|known| known.ufrag != remote.ufrag || known.pwd != remote.pwd)
        {
            // Nobody asked for other credentials: this is another party (RFC 3261 section 13.1, forking).
            other_peer = true;
            self.renew(now, self.current.credentials().clone(), false)?;
        }
        let client = remote.setup == Setup::Passive;
        self.adopt(now, remote, true, client, other_peer)
    }

    /// One more address of the far side (RFC 8840).
    pub(crate) fn add_candidate(&mut self, address: SocketAddr, priority: u32) {
        if self.current.is_started() && !self.current.knows(address) {
            // What cannot be used is not tried.
            let _added = self.current.add_remote(address, priority);
        }
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
            Kind::Stun => self.stun(now, socket.advertised, from, datagram),
            Kind::Dtls if self.knows(from) => {
                self.dtls_from = Some(Route { socket: socket.clone(), to: from });
                self.dtls(now, datagram)
            }
            Kind::Rtp if self.knows(from) => {
                match self.keys.as_mut().map(|keys| keys.decrypt_rtp(datagram)) {
                    Some(Ok(packet)) => {
                        inbound.arrived(Kind::Rtp, from, &packet);
                        inbound.media(&packet, arrival);
                        return;
                    }
                    Some(Err(_)) | None => false,
                }
            }
            Kind::Rtcp if self.knows(from) => {
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
        let paths = [Some(&self.current), self.retiring.as_ref()];
        let ice = paths.into_iter().flatten().filter_map(IcePath::deadline).min();
        let dtls = self.dtls.as_ref().and_then(DtlsLink::deadline);
        ice.into_iter().chain(dtls).chain(self.retired_at).min()
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        if self.retired_at.take_if(|at| now >= *at).is_some() {
            self.retiring = None;
            self.former = Former::default();
            self.drop_unused_sockets();
        }
        self.current.handle_deadline(now);
        if let Some(path) = &mut self.retiring {
            path.handle_deadline(now);
        }
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
        self.keys.is_some() && self.route().is_some()
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

    /// A fresh ICE session on the sockets of the current one.
    fn renew(&mut self, now: Instant, credentials: Credentials, keep_old: bool) -> Result<(), Fault> {
        let sockets = self.sockets_of(&self.current);
        let fresh = IcePath::new(now, credentials, &addresses(&sockets), self.patience)?;
        let before = std::mem::replace(&mut self.current, fresh);
        if keep_old {
            self.retire(before);
        } else {
            (self.retiring, self.retired_at) = (None, None);
            self.former = Former::default();
        }
        Ok(())
    }

    fn retire(&mut self, path: IcePath) {
        // An older one that works is worth more than a newer one that never did.
        let works = |path: &IcePath| path.state() == PathState::Connected;
        let gone = if works(&path) || self.retiring.as_ref().is_none_or(|older| !works(older)) {
            self.retiring.replace(path)
        } else {
            Some(path)
        };
        if let Some(gone) = gone {
            self.former.remember(&gone);
        }
        self.retired_at = None;
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
        if self.current.is_started() {
            for (address, priority) in &remote.candidates {
                self.add_candidate(*address, *priority);
            }
        } else {
            self.current.start(now, controlling, remote)?;
        }
        self.pump(now);
        Ok(())
    }

    fn stun(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, message: &[u8]) -> bool {
        let paths = [Some(&mut self.current), self.retiring.as_mut()];
        let mut started = paths.into_iter().flatten().filter(|path| path.is_started());
        if is_request(message) {
            let Some(ufrag) = addressed_to(message) else { return false };
            return started
                .find(|path| path.credentials().ufrag == ufrag)
                .is_some_and(|path| path.input(now, local, from, message));
        }
        // Only whoever asked can check an answer.
        started.filter(|path| path.knows(from)).any(|path| path.input(now, local, from, message))
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
        if self.current.update() {
            self.path_changed(now);
        }
        if let Some(path) = &mut self.retiring {
            path.update();
        }
        for path in [Some(&mut self.current), self.retiring.as_mut()].into_iter().flatten() {
            while let Some((from, to, message)) = path.transmit() {
                if let Some(socket) = self.sockets.iter().find(|socket| socket.advertised == from) {
                    // Lost probes are repeated.
                    let _sent = socket.send(&message, to);
                }
            }
        }
        let route = self.route().or_else(|| self.dtls_from.clone());
        if let Some(dtls) = &mut self.dtls {
            while let Some(message) = dtls.transmit() {
                if let Some(route) = &route {
                    // So are lost flights.
                    let _sent = route.socket.send(&message, route.to);
                }
            }
        }
    }

    fn path_changed(&mut self, now: Instant) {
        match self.current.state() {
            PathState::Checking => return,
            PathState::Connected => {
                if self.retiring.is_some() {
                    self.retired_at.get_or_insert(now + GRACE);
                }
                if self.dtls.as_mut().is_some_and(|dtls| dtls.start(now).is_err()) {
                    self.told = Some(LinkEvent::Failed);
                } else if self.keys.is_some() {
                    self.told = Some(LinkEvent::Up);
                }
            }
            PathState::Silent => self.told = Some(LinkEvent::Silent),
            PathState::Failed => self.told = Some(LinkEvent::Failed),
        }
        let route = self.route();
        self.outbound.route(route.clone(), route);
    }

    /// Where to send: the chosen pair, or the one before while the new one is sought.
    fn route(&self) -> Option<Route> {
        [Some(&self.current), self.retiring.as_ref()].into_iter().flatten().find_map(|path| {
            let (local, to) = path.selected()?;
            let socket = self.sockets.iter().find(|socket| socket.advertised == local)?.clone();
            Some(Route { socket, to })
        })
    }

    fn knows(&self, from: SocketAddr) -> bool {
        self.current.knows(from)
            || self.retiring.as_ref().is_some_and(|path| path.knows(from))
            || self.former.remotes.contains(&from)
    }

    fn sockets_of(&self, path: &IcePath) -> Vec<Arc<Socket>> {
        let owns = |socket: &&Arc<Socket>| path.candidates().iter().any(|c| c.address == socket.advertised);
        self.sockets.iter().filter(owns).cloned().collect()
    }

    fn drop_unused_sockets(&mut self) {
        let used: Vec<SocketAddr> = [Some(&self.current), self.staged.as_ref(), self.retiring.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|path| path.candidates().iter().map(|candidate| candidate.address))
            .chain(self.former.locals.iter().copied())
            .collect();
        let mut seen = Vec::new();
        self.sockets.retain(|socket| {
            let keep = used.contains(&socket.advertised) && !seen.contains(&socket.advertised);
            seen.push(socket.advertised);
            keep
        });
    }
}

/// Addresses of paths that are gone, the oldest first.
#[derive(Default)]
struct Former {
    locals: Vec<SocketAddr>,
    remotes: Vec<SocketAddr>,
}

impl Former {
    fn remember(&mut self, path: &IcePath) {
        let locals = path.candidates().iter().map(|candidate| candidate.address);
        for address in locals {
            keep(&mut self.locals, address);
        }
        for address in path.remotes() {
            keep(&mut self.remotes, address);
        }
    }
}

/// Adds `address`, and forgets the oldest when there are too many.
fn keep(addresses: &mut Vec<SocketAddr>, address: SocketAddr) {
    if !addresses.contains(&address) {
        addresses.push(address);
    }
    let surplus = addresses.len().saturating_sub(MOST_FORMER);
    addresses.drain(..surplus);
}

fn addresses(sockets: &[Arc<Socket>]) -> Vec<SocketAddr> {
    sockets.iter().map(|socket| socket.advertised).collect()
}
