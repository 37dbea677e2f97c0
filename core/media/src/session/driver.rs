//! The session's task: reads the sockets and the clock, and lets descriptions and packets meet.

use std::{
    collections::VecDeque,
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rand::RngExt;
use tokio::{
    io::ReadBuf,
    sync::{mpsc, oneshot},
};

use super::{
    LocalAddress, Profile, SessionConfig, SessionError, Shared,
    negotiation::{Agreement, Negotiation, Place},
};
use crate::{
    sdp::{Direction, RemoteDescription, RemoteSecurity, SdpError, candidate},
    transport::{
        Fault, Inbound, Kind, LinkEvent, Patience, PlainLink, SecureLink, Socket, TransportEvent, bind,
        bind_pair, random_text, report,
    },
};

/// Larger than any datagram of a voice call; what is longer is cut and then fails its checks.
const DATAGRAM: usize = 2_048;
/// Datagrams read from one socket before the others and the clock get their turn.
const BURST: usize = 32;
/// Mean time between RTCP reports (RFC 3550 section 6.2), and until the first.
const REPORT_EVERY: Duration = Duration::from_secs(5);
const FIRST_REPORT: Duration = Duration::from_secs(1);
/// When nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);
/// 96 random bits (RFC 7022 section 4.2).
const CNAME_LENGTH: usize = 16;

pub(super) type Reply<T> = oneshot::Sender<Result<T, SessionError>>;

pub(super) enum Command {
    Offer { direction: Direction, reply: Reply<String> },
    Answer { offer: String, direction: Direction, reply: Reply<String> },
    Apply { answer: String, reply: Reply<()> },
    Restart { addresses: Vec<LocalAddress>, reply: Reply<()> },
    Candidate { line: String, reply: Reply<()> },
    Close { reply: Reply<()> },
}

enum Link {
    Plain(Box<PlainLink>),
    Secure(Box<SecureLink>),
}

pub(super) struct Driver {
    config: SessionConfig,
    shared: Arc<Shared>,
    link: Link,
    inbound: Inbound,
    negotiation: Negotiation,
    cname: String,
    report_at: Option<Instant>,
    events: Events,
    buffer: Vec<u8>,
}

/// Events that wait for their reader: in order while few, the latest of each kind when many.
#[derive(Default)]
struct Events {
    queue: VecDeque<TransportEvent>,
    /// The last of `Connected`, `Disconnected` and `Failed`.
    state: Option<TransportEvent>,
}

impl Events {
    /// More never wait: the queue then holds one of each kind.
    const MOST: usize = 8;

    fn push(&mut self, event: TransportEvent) {
        if self.queue.len() >= Self::MOST {
            let kind = std::mem::discriminant(&event);
            self.queue.retain(|waiting| std::mem::discriminant(waiting) != kind);
        }
        self.queue.push_back(event);
    }

    fn push_state(&mut self, event: TransportEvent) {
        if self.state != Some(event) {
            self.state = Some(event);
            self.push(event);
        }
    }
}

impl Driver {
    pub(super) fn new(config: SessionConfig, shared: Arc<Shared>) -> Result<Self, SessionError> {
        let voice = config.codecs.iter().any(|codec| codec.is_voice());
        if !voice || config.addresses.is_empty() || config.failed_after <= config.disconnected_after {
            return Err(SessionError::Config);
        }
        check_addresses(&config.addresses)?;
        let patience = Patience { silent: config.disconnected_after, failed: config.failed_after };
        let link = match config.profile {
            Profile::Rtp => {
                let at = config.addresses[0];
                let (rtp, rtcp) = bind_pair(at.bind, at.advertised, config.ports.as_ref())
                    .map_err(|_| SessionError::NoResources)?;
                let outbound = shared.outbound.clone();
                let link =
                    PlainLink::new(Arc::new(rtp), Arc::new(rtcp), outbound, config.source_policy, patience);
                Link::Plain(Box::new(link))
            }
            Profile::WebRtc => {
                let sockets = bind_all(&config.addresses, &config)?;
                let link = SecureLink::new(Instant::now(), sockets, shared.outbound.clone(), patience)?;
                Link::Secure(Box::new(link))
            }
        };
        let voice = config.codecs.iter().copied().filter(|codec| codec.is_voice()).collect();
        Ok(Self {
            inbound: Inbound::new(shared.inbound.clone()),
            negotiation: Negotiation::new(voice, config.audio_rate),
            cname: random_text(CNAME_LENGTH),
            report_at: None,
            events: Events::default(),
            buffer: vec![0; DATAGRAM],
            config,
            shared,
            link,
        })
    }

    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<TransportEvent>,
    ) {
        let sleep = tokio::time::sleep_until(Instant::now().into());
        tokio::pin!(sleep);
        let mut reader = true;
        let done = loop {
            let deadline = tokio::time::Instant::from_std(self.deadline());
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => break None,
                    Some(Command::Close { reply }) => break Some(reply),
                    Some(command) => self.handle_command(command),
                },
                permit = events.reserve(), if reader && !self.events.queue.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.events.queue.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => reader = false,
                },
                () = poll_fn(|context| self.poll_sockets(context)) => {}
                () = &mut sleep => self.handle_deadline(Instant::now()),
            }
        };
        self.close();
        // Frees the ports.
        drop(self);
        // A reader that does not read hears of the end by the channel's own end.
        let _told = events.try_send(TransportEvent::Closed);
        if let Some(reply) = done {
            respond(reply, Ok(()));
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Offer { direction, reply } => respond(reply, self.offer(direction)),
            Command::Answer { offer, direction, reply } => respond(reply, self.answer(&offer, direction)),
            Command::Apply { answer, reply } => respond(reply, self.apply(&answer)),
            Command::Restart { addresses, reply } => respond(reply, self.restart(&addresses)),
            Command::Candidate { line, reply } => {
                if let (Link::Secure(link), Some((address, priority))) =
                    (&mut self.link, remote_candidate(&line))
                {
                    link.add_candidate(address, priority);
                }
                respond(reply, Ok(()));
            }
            Command::Close { reply } => drop(reply.send(Ok(()))),
        }
        self.take_link_events();
    }

    fn offer(&mut self, direction: Direction) -> Result<String, SessionError> {
        match &self.link {
            Link::Plain(link) => {
                self.negotiation.offer(direction, &Place { address: link.address(), security: None })
            }
            Link::Secure(link) => {
                let security = link.offer(&self.cname)?;
                let address = security.candidates.first().ok_or(SessionError::Transport)?.address;
                self.negotiation.offer(direction, &Place { address, security: Some(&security) })
            }
        }
    }

    fn answer(&mut self, offer: &str, direction: Direction) -> Result<String, SessionError> {
        let remote = RemoteDescription::parse(offer)?;
        self.negotiation.check(&remote)?;
        let theirs = self.check_transport(&remote)?;
        let (text, agreement) = match (&mut self.link, theirs) {
            (Link::Secure(link), Some(theirs)) => {
                let security = link.answer(Instant::now(), theirs, &self.cname)?;
                let address = security.candidates.first().ok_or(SessionError::Transport)?.address;
                self.negotiation.answer(&remote, direction, &Place { address, security: Some(&security) })?
            }
            (Link::Plain(link), _) => self.negotiation.answer(
                &remote,
                direction,
                &Place { address: link.address(), security: None },
            )?,
            (Link::Secure(_), None) => return Err(SdpError::NoCommonTransport.into()),
        };
        self.agreed(&agreement, &remote);
        Ok(text)
    }

    fn apply(&mut self, answer: &str) -> Result<(), SessionError> {
        let remote = RemoteDescription::parse(answer)?;
        if !self.negotiation.has_offered() {
            return Err(SessionError::NoOffer);
        }
        if remote.audio.refused {
            return Err(SessionError::Refused);
        }
        self.negotiation.check(&remote)?;
        let theirs = self.check_transport(&remote)?;
        if let (Link::Secure(link), Some(theirs)) = (&mut self.link, theirs) {
            link.apply_answer(Instant::now(), theirs)?;
        }
        let agreement = self.negotiation.apply_answer(&remote)?;
        self.agreed(&agreement, &remote);
        Ok(())
    }

    fn check_transport<'a>(
        &self,
        remote: &'a RemoteDescription,
    ) -> Result<Option<&'a RemoteSecurity>, SdpError> {
        match (&self.link, &remote.security) {
            (Link::Secure(_), None) => Err(SdpError::NoCommonTransport),
            (Link::Secure(_), Some(security)) => Ok(Some(security)),
            (Link::Plain(_), _) if remote.keyed || remote.audio.dtls => Err(SdpError::NoCommonTransport),
            (Link::Plain(_), _) => Ok(None),
        }
    }

    fn agreed(&mut self, agreement: &Agreement, remote: &RemoteDescription) {
        let negotiated = agreement.negotiated;
        let mut shared = self.shared.negotiated.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shared.replace(negotiated).map_or(Direction::SendRecv, |before| before.remote_direction);
        drop(shared);
        self.inbound.accept(&agreement.receive);
        self.inbound.open = negotiated.local_direction.receives();
        let sends = negotiated.local_direction.sends();
        self.shared.outbound.accept(if sends { agreement.send.clone() } else { Vec::new() });
        if let Link::Plain(link) = &mut self.link {
            let awaits = negotiated.local_direction.receives() && negotiated.remote_direction.sends();
            let audio = &remote.audio;
            link.apply(Instant::now(), audio.address, remote.rtcp, audio.rtcp_mux, awaits);
        }
        if before != negotiated.remote_direction {
            self.events.push(TransportEvent::RemoteDirection(negotiated.remote_direction));
        }
        self.report_at.get_or_insert_with(|| Instant::now() + FIRST_REPORT);
    }

    fn restart(&mut self, addresses: &[LocalAddress]) -> Result<(), SessionError> {
        check_addresses(addresses)?;
        let Link::Secure(link) = &mut self.link else { return Ok(()) };
        let sockets = if addresses.is_empty() { None } else { Some(bind_all(addresses, &self.config)?) };
        link.stage_restart(Instant::now(), sockets)?;
        Ok(())
    }

    fn deadline(&self) -> Instant {
        let link = match &self.link {
            Link::Plain(link) => link.deadline(),
            Link::Secure(link) => link.deadline(),
        };
        link.into_iter().chain(self.report_at).min().unwrap_or_else(|| Instant::now() + IDLE)
    }

    fn handle_deadline(&mut self, now: Instant) {
        match &mut self.link {
            Link::Plain(link) => link.handle_deadline(now),
            Link::Secure(link) => link.handle_deadline(now),
        }
        if self.report_at.is_some_and(|at| now >= at) {
            self.send_report(now, false);
            // Spread, so that many sessions do not report in step (RFC 3550 section 6.2).
            self.report_at = Some(now + REPORT_EVERY.mul_f64(rand::rng().random_range(0.5..1.5)));
        }
        self.take_link_events();
    }

    fn send_report(&mut self, now: Instant, goodbye: bool) {
        let up = match &self.link {
            Link::Plain(link) => link.is_up(),
            Link::Secure(link) => link.is_up(),
        };
        if !up {
            return;
        }
        let outbound = &self.shared.outbound;
        let block = self.inbound.report(now.saturating_duration_since(self.shared.epoch));
        let mut compound = Vec::with_capacity(128);
        report::write(
            &mut compound,
            outbound.own_stream().0,
            outbound.sender_info(now),
            block,
            &self.cname,
            goodbye,
        );
        // The next report makes up for a lost one.
        let _sent = outbound.send_control(&compound);
    }

    /// Reads what the sockets hold; ready once anything came.
    fn poll_sockets(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut any = false;
        let mut index = 0;
        // The set of sockets may change with each datagram.
        while let Some(socket) = self.sockets().get(index).cloned() {
            for _ in 0..BURST {
                let mut read = ReadBuf::new(&mut buffer);
                match socket.poll_receive(context, &mut read) {
                    Poll::Ready(Some(from)) => {
                        any = true;
                        self.handle_datagram(&socket, from, read.filled());
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => break,
                }
            }
            index += 1;
        }
        self.buffer = buffer;
        if any { Poll::Ready(()) } else { Poll::Pending }
    }

    fn sockets(&self) -> &[Arc<Socket>] {
        match &self.link {
            Link::Plain(link) => link.sockets(),
            Link::Secure(link) => link.sockets(),
        }
    }

    fn handle_datagram(&mut self, socket: &Arc<Socket>, from: SocketAddr, datagram: &[u8]) {
        let now = Instant::now();
        let arrival = now.saturating_duration_since(self.shared.epoch);
        match &mut self.link {
            Link::Plain(link) => {
                self.inbound.arrived(Kind::of(datagram), from, datagram);
                link.input(now, arrival, socket, from, datagram, &mut self.inbound);
            }
            Link::Secure(link) => link.input(now, arrival, socket, from, datagram, &mut self.inbound),
        }
        self.take_link_events();
    }

    fn take_link_events(&mut self) {
        while let Some(event) = match &mut self.link {
            Link::Plain(link) => link.poll_event(),
            Link::Secure(link) => link.poll_event(),
        } {
            match event {
                LinkEvent::Up => self.events.push_state(TransportEvent::Connected),
                LinkEvent::Silent => self.events.push_state(TransportEvent::Disconnected),
                LinkEvent::Failed => self.events.push_state(TransportEvent::Failed),
                LinkEvent::Goodbye => self.events.push(TransportEvent::Goodbye),
                LinkEvent::Replaced => self.events.state = None,
            }
        }
    }

    fn close(&mut self) {
        let now = Instant::now();
        self.send_report(now, true);
        if let Link::Secure(link) = &mut self.link {
            link.close(now);
        }
        // The sink may live on; the sockets must not.
        self.shared.outbound.accept(Vec::new());
        self.shared.outbound.route(None, None);
    }
}

fn respond<T>(reply: Reply<T>, answer: Result<T, SessionError>) {
    // Whoever asked may be gone: the answer is then nobody's.
    let _taken = reply.send(answer);
}

impl From<Fault> for SessionError {
    fn from(_: Fault) -> Self {
        Self::Transport
    }
}

fn check_addresses(addresses: &[LocalAddress]) -> Result<(), SessionError> {
    let nameless = |at: &LocalAddress| at.advertised.is_unspecified() || at.advertised.is_multicast();
    if addresses.iter().any(nameless) { Err(SessionError::Config) } else { Ok(()) }
}

/// Binds what can be bound; one address of a multi-homed app may be gone already.
fn bind_all(addresses: &[LocalAddress], config: &SessionConfig) -> Result<Vec<Arc<Socket>>, SessionError> {
    let bound: Vec<_> = addresses
        .iter()
        .filter_map(|at| bind(at.bind, at.advertised, config.ports.as_ref()).ok())
        .map(Arc::new)
        .collect();
    if bound.is_empty() { Err(SessionError::NoResources) } else { Ok(bound) }
}

fn remote_candidate(line: &str) -> Option<(SocketAddr, u32)> {
    let line = line.trim();
    candidate(line.strip_prefix("a=").unwrap_or(line).trim_start_matches("candidate:"))
}
