//! The embedded media plane: one [`MediaSession`](doorstep_media::session::MediaSession) per leg, joined two by two, transcoded packet by packet (docs/adr/0006).
//!
//! Packets never pass through the plane's tasks: what a leg's session receives is decoded, encoded and sent on within that
//! session's own task. Beside the sessions there is one task that sees the commands, one for each leg's descriptions and
//! events, and one that paces all legs together: every 20 ms it sends digits, and silence to whom nothing else was sent. All of
//! them are tasks of the async runtime; none is a thread.
//!
//! Two legs meet in audio and digits alone. Descriptions, SSRCs, timestamps and names of one never reach the other.

mod clip;
mod dispatch;
mod ear;
mod leg;
mod outlet;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    ops::RangeInclusive,
    sync::Arc,
};

use doorstep_media::session::{LocalAddress, SessionConfig, SourcePolicy};
use tokio::sync::mpsc;

use crate::{
    config,
    core::{LegId, LegProfile, MediaCommand, MediaEvent, MediaFailure, OpId},
    driver::MediaPlane,
};

pub use clip::{Clip, ClipError};

/// Commands that wait to be looked at: some for each of the calls of a busy gateway.
const COMMAND_QUEUE: usize = 4_096;
/// Events that wait for the core.
const EVENT_QUEUE: usize = 4_096;

/// Where the plane's sockets are.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Told to couriers' apps, most preferred first.
    pub edge: Vec<IpAddr>,
    /// Where RTP with the carrier is bound.
    pub trunk: IpAddr,
    /// What the carrier is told instead of `trunk`.
    pub trunk_advertised: Option<IpAddr>,
}

/// Why the plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum MediaStartError {
    /// There is nothing to tell the couriers' apps.
    #[error("no address for couriers' media")]
    NoEdgeAddress,
    /// No socket can be bound there.
    #[error("no media on {ip}: {error}")]
    Address {
        /// The gateway's own address.
        ip: IpAddr,
        /// The system's reason.
        error: io::Error,
    },
}

/// The way to the plane. Dropping it ends all legs.
#[derive(Debug)]
pub struct EmbeddedPlane {
    commands: mpsc::Sender<MediaCommand>,
    events: mpsc::Sender<MediaEvent>,
}

/// What the legs' sessions are made of.
#[derive(Debug, Clone)]
struct Settings {
    edge: Vec<LocalAddress>,
    trunk: LocalAddress,
    ports: Option<RangeInclusive<u16>>,
    policy: SourcePolicy,
    /// Of the couriers' voice, in Hz: the carrier's telephones play no more, and Opus is asked to spend nothing on it.
    audio_rate: u32,
    /// By [`ClipId`](crate::core::ClipId).
    clips: Arc<[Clip]>,
}

/// Starts the plane on the current tokio runtime. An edge address that is not this machine's own is taken for that of a
/// one-to-one NAT before it: it is told, and sockets are bound on all addresses. `clips` are what `Play` may name, by their places.
///
/// # Errors
/// [`MediaStartError`].
pub fn start(
    config: &config::Media,
    addresses: Addresses,
    clips: Vec<Clip>,
) -> Result<(EmbeddedPlane, mpsc::Receiver<MediaEvent>), MediaStartError> {
    let edge: Vec<_> = addresses.edge.into_iter().map(local).collect::<Result<_, _>>()?;
    if edge.is_empty() {
        return Err(MediaStartError::NoEdgeAddress);
    }
    let mut trunk = local(addresses.trunk)?;
    trunk.advertised = addresses.trunk_advertised.unwrap_or(trunk.advertised);
    let settings = Settings {
        edge,
        trunk,
        ports: config.ports.map(|(first, last)| first..=last),
        policy: if config.strict_source { SourcePolicy::Strict } else { SourcePolicy::Symmetric },
        audio_rate: config.audio_rate,
        clips: clips.into(),
    };
    let (commands, waiting) = mpsc::channel(COMMAND_QUEUE);
    let (events, heard) = mpsc::channel(EVENT_QUEUE);
    dispatch::spawn(settings, waiting, events.clone());
    Ok((EmbeddedPlane { commands, events }, heard))
}

impl EmbeddedPlane {
    /// Takes a command without waiting. One for which there is no room is answered by [`MediaEvent::Failed`] with
    /// [`MediaFailure::NoResources`].
    pub fn send(&self, command: MediaCommand) {
        let Err(refused) = self.commands.try_send(command) else { return };
        let (mpsc::error::TrySendError::Full(command) | mpsc::error::TrySendError::Closed(command)) = refused;
        let (leg, op) = target(&command);
        tracing::error!(leg = leg.0, "the media plane takes no more commands");
        let event = MediaEvent::Failed { leg, op, reason: MediaFailure::NoResources };
        if self.events.try_send(event).is_err() {
            metrics::counter!("doorstep_media_events_lost_total").increment(1);
        }
    }
}

impl MediaPlane for EmbeddedPlane {
    fn send(&mut self, command: MediaCommand) {
        Self::send(self, command);
    }
}

impl Settings {
    fn session(&self, profile: LegProfile) -> SessionConfig {
        let base = match profile {
            LegProfile::WebRtc => SessionConfig {
                audio_rate: Some(self.audio_rate),
                ..SessionConfig::web_rtc(self.edge.clone())
            },
            LegProfile::Rtp => SessionConfig::rtp(self.trunk),
        };
        SessionConfig { ports: self.ports.clone(), source_policy: self.policy, ..base }
    }
}

/// The leg a command is for, and the id it is answered under.
fn target(command: &MediaCommand) -> (LegId, Option<OpId>) {
    match command {
        MediaCommand::CreateOffer { leg, op, .. }
        | MediaCommand::CreateAnswer { leg, op, .. }
        | MediaCommand::ApplyAnswer { leg, op, .. } => (*leg, Some(*op)),
        MediaCommand::Join { a: leg, .. }
        | MediaCommand::SetForward { leg, .. }
        | MediaCommand::SendDtmf { leg, .. }
        | MediaCommand::Play { leg, .. }
        | MediaCommand::Close { leg } => (*leg, None),
    }
}

/// Where to bind for `ip`.
fn local(ip: IpAddr) -> Result<LocalAddress, MediaStartError> {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    match UdpSocket::bind((ip, 0)) {
        Ok(_) if ip.is_unspecified() => {
            Err(MediaStartError::Address { ip, error: io::ErrorKind::AddrNotAvailable.into() })
        }
        Ok(_) => Ok(LocalAddress::direct(ip)),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            Ok(LocalAddress { bind: any, advertised: ip })
        }
        Err(error) => Err(MediaStartError::Address { ip, error }),
    }
}

#[cfg(test)]
mod tests;
