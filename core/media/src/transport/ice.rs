//! One ICE session of a single component (RFC 8445): the `rtc` crate's agent, paced for voice.
//!
//! The agent probes on one fixed timer. Here its timer runs as fast as it may and this module decides when it is asked:
//! every 20 ms at first, so that a call connects within one round trip, then more and more rarely, so that an app on a
//! bad network keeps trying for as long as the session waits.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rand::{RngExt, distr::Alphanumeric};
use rtc::{
    ice::{
        Agent, AgentConfig, Event,
        candidate::{CandidateConfig, candidate_host::CandidateHostConfig},
        mdns::MulticastDnsMode,
        state::ConnectionState,
    },
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};

use super::Fault;
use crate::sdp::{LocalCandidate, RemoteSecurity};

/// Lengths with more than the 24 and 128 bits of chance that RFC 8445 section 5.3 asks for.
const UFRAG_LENGTH: usize = 8;
const PWD_LENGTH: usize = 28;
/// Probes in the first second, until the fifth, and afterwards.
const FAST: Duration = Duration::from_millis(20);
const MIDDLE: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(250);
/// After an answer to a probe, the next step (nomination) follows at once.
const STEP: Duration = Duration::from_millis(2);
/// How often a connected path looks after itself.
const IDLE: Duration = Duration::from_millis(500);
/// Consent is asked for this often (RFC 7675 section 5.1 asks for 4 to 6 s on average; quicker notices a dead path
/// sooner).
const CONSENT: Duration = Duration::from_secs(2);
/// Probes per pair before it is given up: more than the paces above send in a minute.
const MAX_PROBES: u16 = 1_000;
/// Host candidates: type preference 126, component 1 (RFC 8445 section 5.1.2.1).
const HOST_PRIORITY: u32 = (126 << 24) | 255;

/// What the path is like now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathState {
    /// Looking for a pair of addresses that works.
    Checking,
    Connected,
    /// The far side stopped consenting; it may come back.
    Silent,
    Failed,
}

/// Random names that probes carry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
}

impl Credentials {
    pub(crate) fn random() -> Self {
        Self { ufrag: random_text(UFRAG_LENGTH), pwd: random_text(PWD_LENGTH) }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Letters and digits from the thread's cryptographic generator.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng().sample_iter(&Alphanumeric).take(length).map(char::from).collect()
}

/// When silence becomes `Silent` and then `Failed`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) silent: Duration,
    pub(crate) failed: Duration,
}

/// One ICE session, from its own credentials to its end.
pub(crate) struct IcePath {
    agent: Agent,
    credentials: Credentials,
    locals: Vec<LocalCandidate>,
    started: Option<Instant>,
    last_step: Instant,
    next_step: Instant,
    state: PathState,
}

impl IcePath {
    /// Host candidates at `addresses`, most preferred first.
    pub(crate) fn new(
        now: Instant,
        credentials: Credentials,
        addresses: &[SocketAddr],
        patience: Patience,
    ) -> Result<Self, Fault> {
        let config = AgentConfig {
            local_ufrag: credentials.ufrag.clone(),
            local_pwd: credentials.pwd.clone(),
            multicast_dns_mode: MulticastDnsMode::Disabled,
            disconnected_timeout: Some(patience.silent),
            failed_timeout: Some(
                patience.failed.saturating_sub(patience.silent).max(Duration::from_millis(1)),
            ),
            keepalive_interval: Some(CONSENT.min(patience.silent / 3)),
            check_interval: Duration::from_millis(1),
            max_binding_requests: Some(MAX_PROBES),
            host_acceptance_min_wait: Some(Duration::ZERO),
            srflx_acceptance_min_wait: Some(Duration::ZERO),
            prflx_acceptance_min_wait: Some(Duration::ZERO),
            relay_acceptance_min_wait: Some(Duration::ZERO),
            ..AgentConfig::default()
        };
        let mut agent = Agent::new(now, Arc::new(config), super::dtls::crypto()?).map_err(|_| Fault)?;
        let mut locals = Vec::with_capacity(addresses.len());
        for (index, address) in addresses.iter().enumerate() {
            let preference = u32::from(u16::MAX).saturating_sub(index as u32);
            let candidate = LocalCandidate { address: *address, priority: HOST_PRIORITY | (preference << 8) };
            agent.add_local_candidate(host(*address, candidate.priority)?).map_err(|_| Fault)?;
            locals.push(candidate);
        }
        Ok(Self {
            agent,
            credentials,
            locals,
            started: None,
            last_step: now,
            next_step: now,
            state: PathState::Checking,
        })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn candidates(&self) -> &[LocalCandidate] {
        &self.locals
    }

    pub(crate) fn state(&self) -> PathState {
        self.state
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// Begins to probe. `controlling`: this side nominates (RFC 8445 section 6.1.1).
    pub(crate) fn start(
        &mut self,
        now: Instant,
        controlling: bool,
        remote: &RemoteSecurity,
    ) -> Result<(), Fault> {
        self.agent
            .start_connectivity_checks(now, controlling, remote.ufrag.clone(), remote.pwd.clone())
            .map_err(|_| Fault)?;
        self.started = Some(now);
        self.next_step = now;
        for (address, priority) in &remote.candidates {
            self.add_remote(*address, *priority)?;
        }
        Ok(())
    }

    /// One more address to try.
    pub(crate) fn add_remote(&mut self, address: SocketAddr, priority: u32) -> Result<(), Fault> {
        self.agent.add_remote_candidate(host(address, priority)?).map_err(|_| Fault).map(|_| ())
    }

    /// Whether `address` is known as the far side's: named by it, or seen in an authenticated probe.
    pub(crate) fn knows(&self, address: SocketAddr) -> bool {
        self.agent.get_remote_candidates().iter().any(|candidate| candidate.addr() == address)
    }

    /// All addresses that are known as the far side's.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = SocketAddr> {
        self.agent.get_remote_candidates().iter().map(|candidate| candidate.addr())
    }

    /// The pair in use: this side's advertised address and the far side's.
    pub(crate) fn selected(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.agent.get_selected_candidate_pair().map(|(local, remote)| (local.addr(), remote.addr()))
    }

    /// Takes a STUN message that came to `local`; `false` if it is not for this path.
    pub(crate) fn input(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        message: &[u8],
    ) -> bool {
        let transport = TransportContext {
            local_addr: local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let taken = self
            .agent
            .handle_read(TaggedBytesMut { now, transport, message: BytesMut::from(message) })
            .is_ok();
        if taken && self.state == PathState::Checking {
            self.next_step = self.next_step.min(self.last_step + STEP);
        }
        taken
    }

    /// The next STUN message to send: from, to, bytes.
    pub(crate) fn transmit(&mut self) -> Option<(SocketAddr, SocketAddr, BytesMut)> {
        self.agent.poll_write().map(|out| (out.transport.local_addr, out.transport.peer_addr, out.message))
    }

    /// Takes over what the agent has to tell; `true` if the state or the pair in use changed.
    pub(crate) fn update(&mut self) -> bool {
        let mut changed = false;
        while let Some(told) = self.agent.poll_event() {
            changed = true;
            match told.event {
                Event::ConnectionStateChange(ConnectionState::Connected | ConnectionState::Completed) => {
                    self.state = PathState::Connected;
                }
                Event::ConnectionStateChange(ConnectionState::Disconnected) => self.state = PathState::Silent,
                Event::ConnectionStateChange(ConnectionState::Failed) => self.state = PathState::Failed,
                // The agent's own enum: the rest is of no concern here.
                _ => {}
            }
        }
        changed
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.started.is_some() && self.state != PathState::Failed).then_some(self.next_step)
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        let Some(started) = self.started.filter(|_| now >= self.next_step) else { return };
        // The agent's timer never fails.
        let _done = self.agent.handle_timeout(now);
        self.last_step = now;
        self.next_step = now
            + match self.state {
                PathState::Checking => match now.saturating_duration_since(started).as_secs() {
                    0 => FAST,
                    1..5 => MIDDLE,
                    _ => SLOW,
                },
                PathState::Connected | PathState::Silent | PathState::Failed => IDLE,
            };
    }
}

/// The local name that a STUN request is addressed to: the part of USERNAME before the colon (RFC 8445 section 7.2.2).
pub(crate) fn addressed_to(message: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    let mut attributes = message.get(20..)?;
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if u16::from_be_bytes([head[0], head[1]]) == USERNAME {
            return std::str::from_utf8(value).ok()?.split_once(':').map(|(ufrag, _)| ufrag);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Whether a STUN message is a request (RFC 8489 section 5: both class bits are 0).
pub(crate) fn is_request(message: &[u8]) -> bool {
    matches!(message, [first, second, ..] if first & 0x01 == 0 && second & 0x10 == 0)
}

fn host(address: SocketAddr, priority: u32) -> Result<rtc::ice::candidate::Candidate, Fault> {
    CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            priority,
            ..CandidateConfig::default()
        },
        ..CandidateHostConfig::default()
    }
    .new_candidate_host()
    .map_err(|_| Fault)
}
