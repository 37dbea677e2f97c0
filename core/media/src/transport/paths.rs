//! The ICE sessions to one peer: the one in force, one that a restart has offered, and one that is on its way out.
//!
//! When the network changes, a second session is set up beside the first, and the first is kept until the second works
//! and the far side has had the time to move over too.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Fault,
    ice::{Credentials, IcePath, PathState, Patience, addressed_to, is_request},
    outbound::Route,
    socket::Socket,
};
use crate::sdp::RemoteSecurity;

/// How long the path before is still listened to: the far side moves over a moment later, and packets are under way.
const GRACE: Duration = Duration::from_secs(2);
/// Addresses of either side that are remembered of earlier paths: several restarts' worth.
const MOST_FORMER: usize = 16;

/// All ICE sessions to one peer, and the sockets below them.
pub(super) struct Paths {
    patience: Patience,
    /// Sockets of all ICE sessions below.
    sockets: Vec<Arc<Socket>>,
    /// The ICE session in force, or about to be.
    current: IcePath,
    /// One that a restart offered and nobody answered yet.
    staged: Option<IcePath>,
    /// The one before, for as long as the current one does not work, and a little longer.
    retiring: Option<IcePath>,
    /// When the one before ends.
    retired_at: Option<Instant>,
    /// Both sides' addresses on paths that are gone. The far side moves over in its own time, perhaps only to the path after
    /// next, and what it sends meanwhile is still its own: its keys tell.
    former: Former,
}

impl Paths {
    pub(super) fn new(now: Instant, sockets: Vec<Arc<Socket>>, patience: Patience) -> Result<Self, Fault> {
        let current = IcePath::new(now, Credentials::random(), &addresses(&sockets), patience)?;
        Ok(Self {
            patience,
            sockets,
            current,
            staged: None,
            retiring: None,
            retired_at: None,
            former: Former::default(),
        })
    }

    pub(super) fn sockets(&self) -> &[Arc<Socket>] {
        &self.sockets
    }

    pub(super) fn current(&self) -> &IcePath {
        &self.current
    }

    /// What an offer is about: the restart that waits, or what is in force.
    pub(super) fn offered(&self) -> &IcePath {
        self.staged.as_ref().unwrap_or(&self.current)
    }

    /// Prepares a restart, on other sockets if given.
    pub(super) fn stage(&mut self, now: Instant, sockets: Option<Vec<Arc<Socket>>>) -> Result<(), Fault> {
        let sockets = sockets.unwrap_or_else(|| self.sockets_of(&self.current));
        self.staged = Some(IcePath::new(now, Credentials::random(), &addresses(&sockets), self.patience)?);
        self.sockets.extend(sockets);
        self.drop_unused_sockets();
        Ok(())
    }

    /// The far side has answered: the restart that waited is in force. `false` when none did.
    pub(super) fn take_staged(&mut self) -> bool {
        let Some(staged) = self.staged.take() else { return false };
        let before = std::mem::replace(&mut self.current, staged);
        self.retire(before);
        true
    }

    /// The far side has restarted: a fresh session on the same sockets, and the one before until it works.
    pub(super) fn renew(&mut self, now: Instant) -> Result<(), Fault> {
        let before = self.replace(now, Credentials::random())?;
        self.retire(before);
        Ok(())
    }

    /// Another party answers the same offer: all that was belongs to the first.
    pub(super) fn start_over(&mut self, now: Instant) -> Result<(), Fault> {
        self.replace(now, self.current.credentials().clone())?;
        (self.retiring, self.retired_at) = (None, None);
        self.former = Former::default();
        Ok(())
    }

    /// Brings the session in force to what the far side now says.
    pub(super) fn adopt(
        &mut self,
        now: Instant,
        controlling: bool,
        remote: &RemoteSecurity,
    ) -> Result<(), Fault> {
        if !self.current.is_started() {
            return self.current.start(now, controlling, remote);
        }
        for (address, priority) in &remote.candidates {
            self.add_candidate(*address, *priority);
        }
        Ok(())
    }

    /// One more address of the far side (RFC 8840).
    pub(super) fn add_candidate(&mut self, address: SocketAddr, priority: u32) {
        if self.current.is_started() && !self.current.knows(address) {
            // What cannot be used is not tried.
            let _added = self.current.add_remote(address, priority);
        }
    }

    /// Takes one STUN message; `false` when it is for none of these.
    pub(super) fn stun(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, message: &[u8]) -> bool {
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

    pub(super) fn deadline(&self) -> Option<Instant> {
        let paths = [Some(&self.current), self.retiring.as_ref()];
        let ice = paths.into_iter().flatten().filter_map(IcePath::deadline).min();
        ice.into_iter().chain(self.retired_at).min()
    }

    pub(super) fn handle_deadline(&mut self, now: Instant) {
        if self.retired_at.take_if(|at| now >= *at).is_some() {
            self.retiring = None;
            self.former = Former::default();
            self.drop_unused_sockets();
        }
        self.current.handle_deadline(now);
        if let Some(path) = &mut self.retiring {
            path.handle_deadline(now);
        }
    }

    /// How the session in force is, when it is not as it was.
    pub(super) fn update(&mut self, now: Instant) -> Option<PathState> {
        let changed = self.current.update().then(|| self.current.state());
        if changed == Some(PathState::Connected) && self.retiring.is_some() {
            self.retired_at.get_or_insert(now + GRACE);
        }
        if let Some(path) = &mut self.retiring {
            path.update();
        }
        changed
    }

    /// Sends the probes that wait.
    pub(super) fn transmit(&mut self) {
        for path in [Some(&mut self.current), self.retiring.as_mut()].into_iter().flatten() {
            while let Some((from, to, message)) = path.transmit() {
                if let Some(socket) = self.sockets.iter().find(|socket| socket.advertised == from) {
                    // Lost probes are repeated.
                    let _sent = socket.send(&message, to);
                }
            }
        }
    }

    /// Where to send: the chosen pair, or the one before while the new one is sought.
    pub(super) fn route(&self) -> Option<Route> {
        [Some(&self.current), self.retiring.as_ref()].into_iter().flatten().find_map(|path| {
            let (local, to) = path.selected()?;
            let socket = self.sockets.iter().find(|socket| socket.advertised == local)?.clone();
            Some(Route { socket, to })
        })
    }

    /// Whether this is, or was, an address of the far side.
    pub(super) fn knows(&self, from: SocketAddr) -> bool {
        self.current.knows(from)
            || self.retiring.as_ref().is_some_and(|path| path.knows(from))
            || self.former.remotes.contains(&from)
    }

    /// Puts a fresh session on the sockets of the current one, and returns that.
    fn replace(&mut self, now: Instant, credentials: Credentials) -> Result<IcePath, Fault> {
        let sockets = self.sockets_of(&self.current);
        let fresh = IcePath::new(now, credentials, &addresses(&sockets), self.patience)?;
        Ok(std::mem::replace(&mut self.current, fresh))
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
