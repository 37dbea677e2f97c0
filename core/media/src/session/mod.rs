//! One SDP audio session with one far side, over WebRTC or plain RTP: offers and answers in, packets in and out.
//!
//! [`MediaSession`] is a handle; the work is done by a task of the async runtime that was current when it was made. The
//! path (ICE, DTLS, or simply UDP) comes up as soon as both descriptions are known, whether or not the call is answered;
//! what is sent over it, and when, is up to whoever holds the [sink](MediaSession::sink). Outgoing packets are protected and sent
//! on the caller's thread, incoming ones are handed over from the session's task.
//!
//! A session's descriptions are made from nothing but its configuration and random numbers; an answer repeats of its
//! offer what RFC 3264 asks for (sections, payload types, tag) and no more.
//!
//! Measured on loopback on a 2-core machine, workspace debug profile (`examples/connect_time.rs`): 1.8 ms from the answer
//! to `Connected` on both sides (p50 of 50; p95 2.1 ms), ICE, DTLS and keys included; an offer takes 0.1 ms, the first
//! one of a process 0.6 ms, since it makes the certificate.

mod config;
mod driver;
mod negotiation;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

pub use self::config::{LocalAddress, Profile, SessionConfig, SessionError};
use self::driver::{Command, Driver};
pub use crate::transport::SourcePolicy;
use crate::{
    sdp::Direction,
    transport::{
        InboundShared, Negotiated, Outbound, PacketReceiver, PacketSink, TransportEvent, TransportStats,
    },
};

/// Commands that may wait; each caller waits for its answer, so this is callers, not work.
const COMMAND_QUEUE: usize = 8;
/// Events that may wait for a slow reader; then only the latest of each kind is kept.
const EVENT_QUEUE: usize = 16;

/// One audio session. Dropping it closes it.
pub struct MediaSession {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// What the handle and the task both see.
struct Shared {
    epoch: Instant,
    outbound: Arc<Outbound>,
    inbound: Arc<InboundShared>,
    negotiated: Mutex<Option<Negotiated>>,
}

impl fmt::Debug for MediaSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSession").field("negotiated", &self.negotiated()).finish_non_exhaustive()
    }
}

impl MediaSession {
    /// Binds the sockets and starts the session's task. The second part hears what becomes of it, last of all
    /// [`TransportEvent::Closed`].
    ///
    /// # Errors
    /// [`SessionError::Config`]; [`SessionError::NoResources`] when the port range is used up or no tokio runtime is
    /// current; [`SessionError::Transport`].
    pub fn new(config: SessionConfig) -> Result<(Self, mpsc::Receiver<TransportEvent>), SessionError> {
        let runtime = Handle::try_current().map_err(|_| SessionError::NoResources)?;
        let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
        let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            outbound: Arc::new(Outbound::new(config.profile == Profile::WebRtc)),
            inbound: Arc::default(),
            negotiated: Mutex::new(None),
        });
        let driver = Driver::new(config, shared.clone())?;
        runtime.spawn(driver.run(command_receiver, event_sender));
        Ok((Self { commands, shared }, events))
    }

    /// An SDP offer: the first, or a later one that holds (`SendOnly`, `Inactive`), resumes, or restarts ICE. It takes
    /// effect with its answer; an offer that was refused is simply followed by the next.
    ///
    /// # Errors
    /// [`SessionError::Closed`] or [`SessionError::Description`].
    pub async fn create_offer(&self, direction: Direction) -> Result<String, SessionError> {
        self.ask(|reply| Command::Offer { direction, reply }).await
    }

    /// The answer to the far side's SDP offer, the first or a later one. `direction` is what this side wants; the answer
    /// takes of it what the offer allows. An offer of this side that was not answered is forgotten.
    ///
    /// # Errors
    /// [`SessionError::Description`] if nothing in the offer can be used: the session is as before, and
    /// [`SessionError::sip_status`] says how to reject. [`SessionError::Transport`], [`SessionError::Closed`].
    pub async fn create_answer(&self, offer: &str, direction: Direction) -> Result<String, SessionError> {
        self.ask(|reply| Command::Answer { offer: offer.to_owned(), direction, reply }).await
    }

    /// Takes the far side's answer to the last offer. May come again with another answer to the same offer (one branch's
    /// early media, then the answer of another): the last one counts.
    ///
    /// # Errors
    /// [`SessionError::NoOffer`], [`SessionError::Refused`], [`SessionError::Description`],
    /// [`SessionError::Transport`], [`SessionError::Closed`]; the session is as before.
    pub async fn apply_answer(&self, answer: &str) -> Result<(), SessionError> {
        self.ask(|reply| Command::Apply { answer: answer.to_owned(), reply }).await
    }

    /// Makes the next offer restart ICE, on sockets at `addresses` (the network changed), or on the same ones if empty.
    /// Voice goes on over the old path until the new one works. Does nothing on plain RTP.
    ///
    /// # Errors
    /// As [`Self::new`], and [`SessionError::Closed`].
    pub async fn restart_ice(&self, addresses: Vec<LocalAddress>) -> Result<(), SessionError> {
        self.ask(|reply| Command::Restart { addresses, reply }).await
    }

    /// Takes one more candidate of a far side that trickles (RFC 8840): the value of an `a=candidate` line. One that
    /// cannot be used is ignored.
    ///
    /// # Errors
    /// [`SessionError::Closed`].
    pub async fn add_remote_candidate(&self, line: &str) -> Result<(), SessionError> {
        self.ask(|reply| Command::Candidate { line: line.to_owned(), reply }).await
    }

    /// What both sides agreed on last; `None` before the first answer.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        *self.shared.negotiated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where packets go out. Stays valid, and mute, after the session is closed.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn PacketSink> {
        self.shared.outbound.clone()
    }

    /// Who gets the packets that come in, instead of whoever got them before. Packets that nobody wants are counted and
    /// dropped; so are those of a far side that this side holds.
    pub fn set_receiver(&self, receiver: Box<dyn PacketReceiver>) {
        self.shared.inbound.set_receiver(receiver);
    }

    /// Who sees every datagram that arrives from now on.
    #[cfg(feature = "tap")]
    pub fn set_tap(&self, tap: Box<dyn crate::transport::PacketTap>) {
        self.shared.inbound.set_tap(tap);
    }

    /// Time since the session's epoch, the clock of [`PacketReceiver::receive`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    /// Counters so far; the last ones after the session is closed.
    #[must_use]
    pub fn stats(&self) -> TransportStats {
        let sent = self.shared.outbound.sent();
        let figures = self.shared.inbound.figures();
        TransportStats {
            packets_sent: sent.packets,
            bytes_sent: sent.bytes,
            packets_dropped: sent.dropped,
            packets_received: figures.packets,
            bytes_received: figures.bytes,
            packets_discarded: figures.discarded,
            packets_lost: figures.lost,
            jitter_ms: figures.jitter_ms,
            remote_lost: figures.remote_lost,
            remote_jitter_ms: figures.remote_jitter_ms,
            round_trip_ms: figures.round_trip_ms,
        }
    }

    /// Says goodbye to the far side and frees the ports; returns when they are free. Again does nothing.
    pub async fn close(&self) {
        // A session whose task is gone is closed.
        let _closed: Result<(), _> = self.ask(|reply| Command::Close { reply }).await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, SessionError>>) -> Command,
    ) -> Result<T, SessionError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| SessionError::Closed)?;
        answer.await.map_err(|_| SessionError::Closed)?
    }
}
