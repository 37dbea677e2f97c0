//! One media leg: carries out the endpoint's commands in their order, and tells what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use doorstep_call::{LegId, MediaCommand, MediaEvent, MediaFailure, OpId, Quality, Sdp};
use doorstep_media::sdp::{Direction, SdpError};
use doorstep_media::session::{MediaSession, SessionError};
use doorstep_media::transport::TransportEvent;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::voice::{Voice, VoiceEvent};
use super::{Happening, LegFactory};

pub(super) async fn run(
    leg: LegId,
    factory: LegFactory,
    mut commands: mpsc::Receiver<MediaCommand>,
    happenings: mpsc::Sender<Happening>,
) {
    // The first command decides nothing but that there is a session: it makes one or answers why not.
    let mut quality = factory.media.quality_interval.map(|every| {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    let mut task = Leg { leg, factory, happenings, path: None };
    loop {
        tokio::select! {
            // What ends the leg comes before what it has still to say.
            biased;
            command = commands.recv() => match command {
                Some(MediaCommand::Close { .. }) | None => break,
                Some(command) => task.command(command).await,
            },
            event = next(&mut task.path) => task.happened(event).await,
            () = tick(&mut quality), if task.path.is_some() => task.tell_quality().await,
        }
    }
    if let Some(path) = task.path {
        path.voice.stop().await;
        path.session.close().await;
    }
}

struct Leg {
    leg: LegId,
    factory: LegFactory,
    happenings: mpsc::Sender<Happening>,
    /// From the first offer or answer on.
    path: Option<Path>,
}

struct Path {
    session: Arc<MediaSession>,
    events: mpsc::Receiver<TransportEvent>,
    voice: Voice,
    /// The digit that is being sent.
    digit: Option<OpId>,
}

enum PathEvent {
    Transport(Option<TransportEvent>),
    Voice(VoiceEvent),
}

async fn next(path: &mut Option<Path>) -> PathEvent {
    let Some(path) = path else { return std::future::pending().await };
    tokio::select! {
        event = path.events.recv() => PathEvent::Transport(event),
        event = path.voice.next() => PathEvent::Voice(event),
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

impl Leg {
    async fn command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::CreateOffer { op, hold, .. } => {
                let offered = self.offer(hold, false).await;
                self.described(op, offered).await;
            }
            MediaCommand::RestartIce { op, hold, .. } => {
                let offered = self.offer(hold, true).await;
                self.described(op, offered).await;
            }
            MediaCommand::CreateAnswer { op, offer, hold, .. } => {
                let answered = self.answer(&offer, hold).await;
                self.described(op, answered).await;
            }
            MediaCommand::ApplyAnswer { op, answer, .. } => {
                let applied = self.apply(&answer).await;
                self.done(op, applied).await;
            }
            MediaCommand::OpenSpeaker { .. } => {
                if let Some(path) = &mut self.path
                    && let Err(reason) = path.voice.open_speaker().await
                {
                    self.say(MediaEvent::Failed { leg: self.leg, op: None, reason }).await;
                }
            }
            MediaCommand::OpenMicrophone { .. } => {
                if let Some(path) = &mut self.path {
                    path.voice.open_microphone();
                }
            }
            MediaCommand::SetMute { on, .. } => {
                if let Some(path) = &mut self.path {
                    path.voice.set_mute(on);
                }
            }
            MediaCommand::SetHold { on, .. } => {
                if let Some(path) = &mut self.path {
                    path.voice.set_hold(on);
                }
            }
            MediaCommand::SendDtmf { op, digit, duration, .. } => {
                let begun = match &mut self.path {
                    Some(path) if path.session.negotiated().and_then(|n| n.telephone_event).is_none() => {
                        Err(MediaFailure::NoTelephoneEvent)
                    }
                    Some(path) => {
                        let before = path.digit.replace(op);
                        debug_assert!(before.is_none(), "the endpoint sends one digit after the other");
                        path.voice.send_digit(digit, duration)
                    }
                    None => Err(MediaFailure::NoSuchLeg),
                };
                if let Err(reason) = begun {
                    if let Some(path) = &mut self.path {
                        path.digit = None;
                    }
                    self.say(MediaEvent::Failed { leg: self.leg, op: Some(op), reason }).await;
                }
            }
            // Ends the loop, see `run`.
            MediaCommand::Close { .. } => {}
        }
    }

    async fn offer(&mut self, hold: bool, restart: bool) -> Result<Sdp, MediaFailure> {
        let addresses = self.factory.media.addresses(&self.factory.gateway);
        let path = self.path()?;
        if restart {
            path.session.restart_ice(addresses).await.map_err(failure)?;
        }
        let sdp = path.session.create_offer(direction(hold)).await.map_err(failure)?;
        Ok(Sdp::new(sdp))
    }

    async fn answer(&mut self, offer: &Sdp, hold: bool) -> Result<Sdp, MediaFailure> {
        let path = self.path()?;
        let sdp = path.session.create_answer(offer.expose(), direction(hold)).await.map_err(failure)?;
        path.voice.negotiated()?;
        Ok(Sdp::new(sdp))
    }

    async fn apply(&mut self, answer: &Sdp) -> Result<(), MediaFailure> {
        let path = self.path.as_mut().ok_or(MediaFailure::NoSuchLeg)?;
        path.session.apply_answer(answer.expose()).await.map_err(failure)?;
        path.voice.negotiated()
    }

    /// The leg's session; made when it is first wanted.
    fn path(&mut self) -> Result<&mut Path, MediaFailure> {
        if self.path.is_none() {
            let config = self.factory.media.session(&self.factory.gateway);
            let (session, events) = MediaSession::new(config).map_err(failure)?;
            let session = Arc::new(session);
            let voice = Voice::new(Arc::clone(&session), &self.factory.audio);
            self.path = Some(Path { session, events, voice, digit: None });
        }
        self.path.as_mut().ok_or(MediaFailure::NoResources)
    }

    async fn happened(&mut self, event: PathEvent) {
        let leg = self.leg;
        let failed = |reason| MediaEvent::Failed { leg, op: None, reason };
        let event = match event {
            PathEvent::Transport(Some(TransportEvent::Connected)) => MediaEvent::Connected { leg },
            PathEvent::Transport(Some(TransportEvent::Disconnected)) => MediaEvent::Disconnected { leg },
            PathEvent::Transport(Some(TransportEvent::Failed)) => failed(MediaFailure::Transport),
            // The endpoint reads the direction in the SDP; who says goodbye in RTCP says it in SIP, too.
            PathEvent::Transport(Some(TransportEvent::RemoteDirection(_) | TransportEvent::Goodbye)) => {
                return;
            }
            PathEvent::Transport(Some(TransportEvent::Closed) | None) => {
                self.path = None;
                failed(MediaFailure::NoResources)
            }
            PathEvent::Voice(VoiceEvent::FirstAudio) => MediaEvent::FirstAudio { leg },
            PathEvent::Voice(VoiceEvent::Digit(digit)) => MediaEvent::Digit { leg, digit },
            PathEvent::Voice(VoiceEvent::DigitSent) => {
                let Some(op) = self.path.as_mut().and_then(|path| path.digit.take()) else { return };
                MediaEvent::Done { leg, op }
            }
            PathEvent::Voice(VoiceEvent::DeviceFailed) => failed(MediaFailure::Device),
        };
        self.say(event).await;
    }

    async fn tell_quality(&mut self) {
        let Some(path) = &self.path else { return };
        let stats = path.session.stats();
        let quality = Quality {
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
            packets_sent: stats.packets_sent,
            jitter: milliseconds(stats.jitter_ms),
            round_trip: stats.round_trip_ms.map(milliseconds),
            concealed_samples: path.voice.concealed_samples(),
        };
        self.say(MediaEvent::Quality { leg: self.leg, quality }).await;
    }

    async fn described(&self, op: OpId, result: Result<Sdp, MediaFailure>) {
        let leg = self.leg;
        self.say(match result {
            Ok(sdp) => MediaEvent::LocalDescription { leg, op, sdp },
            Err(reason) => MediaEvent::Failed { leg, op: Some(op), reason },
        })
        .await;
    }

    async fn done(&self, op: OpId, result: Result<(), MediaFailure>) {
        let leg = self.leg;
        self.say(match result {
            Ok(()) => MediaEvent::Done { leg, op },
            Err(reason) => MediaEvent::Failed { leg, op: Some(op), reason },
        })
        .await;
    }

    async fn say(&self, event: MediaEvent) {
        // A driver that is gone does not hear; the leg's commands then end, too.
        let _driver_may_be_gone = self.happenings.send(Happening::Media(event)).await;
    }
}

fn direction(hold: bool) -> Direction {
    if hold { Direction::SendOnly } else { Direction::SendRecv }
}

fn failure(error: SessionError) -> MediaFailure {
    match error {
        SessionError::Config | SessionError::NoResources | SessionError::Closed => MediaFailure::NoResources,
        SessionError::Description(SdpError::TooLarge | SdpError::Malformed) | SessionError::NoOffer => {
            MediaFailure::BadSdp
        }
        SessionError::Description(_) | SessionError::Refused => MediaFailure::NoCommonCodec,
        SessionError::Transport => MediaFailure::Transport,
    }
}

fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}
