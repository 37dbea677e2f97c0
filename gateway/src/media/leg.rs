//! One leg's task: carries out its commands one after the other and tells the core what its session tells.

use std::sync::Arc;

use doorstep_media::{
    sdp::{Direction, SdpError},
    session::{MediaSession, SessionConfig, SessionError},
    transport::TransportEvent,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    clip::Clip,
    ear::{Ear, Listener, Note},
    outlet::Outlet,
};
use crate::core::{ClipId, LegId, LegProfile, LegStats, MediaCommand, MediaEvent, MediaFailure, Sdp};

/// Notes of the session's task that wait; a person types no faster.
const NOTE_QUEUE: usize = 64;

/// A leg before and after its session.
pub(super) struct Leg {
    id: LegId,
    profile: LegProfile,
    config: SessionConfig,
    ear: Arc<Ear>,
    outlet: Arc<Outlet>,
    clips: Arc<[Clip]>,
    session: Option<Session>,
    held: bool,
    /// Done when the recording that is played is over.
    playing: Option<oneshot::Receiver<()>>,
}

struct Session {
    session: MediaSession,
    events: mpsc::Receiver<TransportEvent>,
    notes: mpsc::Receiver<Note>,
}

/// What a leg's task wakes up for.
enum Wake {
    Command(Option<MediaCommand>),
    Transport(Option<TransportEvent>),
    Note(Option<Note>),
    Played,
}

impl Leg {
    pub(super) fn new(
        id: LegId,
        profile: LegProfile,
        config: SessionConfig,
        ear: Arc<Ear>,
        outlet: Arc<Outlet>,
        clips: Arc<[Clip]>,
    ) -> Self {
        Self { id, profile, config, ear, outlet, clips, session: None, held: false, playing: None }
    }
}

/// Runs a leg until it is closed, by command or with the plane.
pub(super) async fn run(
    mut leg: Leg,
    mut commands: mpsc::Receiver<MediaCommand>,
    events: mpsc::Sender<MediaEvent>,
) {
    loop {
        let Leg { session, playing, .. } = &mut leg;
        let wake = match session {
            None => tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                () = over(playing) => Wake::Played,
            },
            Some(session) => tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                event = session.events.recv() => Wake::Transport(event),
                note = session.notes.recv() => Wake::Note(note),
                () = over(playing) => Wake::Played,
            },
        };
        let answers = match wake {
            Wake::Command(None) => break,
            Wake::Command(Some(MediaCommand::Close { .. })) => {
                let stats = leg.close().await;
                // A core that is gone hears nothing, here and below.
                let _heard = events.send(MediaEvent::Stats { leg: leg.id, stats }).await;
                break;
            }
            Wake::Command(Some(command)) => leg.carry_out(command).await,
            Wake::Transport(event) => leg.transport_said(event),
            Wake::Note(note) => note.map(|note| leg.noted(note)).into_iter().collect(),
            Wake::Played => {
                leg.playing = None;
                vec![MediaEvent::Played { leg: leg.id }]
            }
        };
        for answer in answers {
            if events.send(answer).await.is_err() {
                break;
            }
        }
    }
    leg.close().await;
}

/// Waits for the end of the recording that is played; for ever without one.
async fn over(playing: &mut Option<oneshot::Receiver<()>>) {
    match playing {
        // It ends by losing its sender.
        Some(ended) => drop(ended.await),
        None => std::future::pending().await,
    }
}

impl Leg {
    async fn carry_out(&mut self, command: MediaCommand) -> Vec<MediaEvent> {
        let id = self.id;
        let (op, done) = match command {
            MediaCommand::CreateOffer { op, hold, .. } => {
                let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
                let made = match self.session() {
                    Ok(session) => session.create_offer(direction).await.map_err(failure),
                    Err(reason) => Err(reason),
                };
                (op, made.map(Some))
            }
            MediaCommand::CreateAnswer { op, offer, .. } => {
                let made = match self.session() {
                    Ok(session) => {
                        session.create_answer(offer.expose(), Direction::SendRecv).await.map_err(failure)
                    }
                    Err(reason) => Err(reason),
                };
                (op, made.map(Some))
            }
            MediaCommand::ApplyAnswer { op, answer, .. } => {
                let done = match &self.session {
                    Some(session) => session.session.apply_answer(answer.expose()).await.map_err(failure),
                    None => Err(MediaFailure::NoSuchLeg),
                };
                (op, done.map(|()| None))
            }
            MediaCommand::Play { clip, .. } => return self.play(clip),
            // The dispatcher's own.
            MediaCommand::Join { .. }
            | MediaCommand::SetForward { .. }
            | MediaCommand::SendDtmf { .. }
            | MediaCommand::Close { .. } => return Vec::new(),
        };
        if let Some(negotiated) = self.session.as_ref().and_then(|session| session.session.negotiated()) {
            self.outlet.agree(&negotiated);
        }
        vec![match done {
            Ok(Some(text)) => MediaEvent::LocalDescription { leg: id, op, sdp: Sdp::new(text) },
            Ok(None) => MediaEvent::Done { leg: id, op },
            Err(reason) => MediaEvent::Failed { leg: id, op: Some(op), reason },
        }]
    }

    /// Each `Play` is answered: the one before ends with this one.
    fn play(&mut self, clip: ClipId) -> Vec<MediaEvent> {
        let played = MediaEvent::Played { leg: self.id };
        let clip = usize::try_from(clip.0).ok().and_then(|place| self.clips.get(place).cloned());
        let Some(clip) = clip else {
            tracing::error!("a recording that is not loaded cannot be played");
            return vec![played];
        };
        let before = self.playing.replace(self.outlet.play(clip));
        before.map(|_| played).into_iter().collect()
    }

    /// The leg's session, made when it is first needed.
    fn session(&mut self) -> Result<&MediaSession, MediaFailure> {
        if self.session.is_none() {
            let (session, events) = MediaSession::new(self.config.clone()).map_err(failure)?;
            let (notes_in, notes) = mpsc::channel(NOTE_QUEUE);
            session.set_receiver(Box::new(Listener::new(self.ear.clone(), notes_in)));
            self.outlet.attach(Some(session.sink()));
            self.session = Some(Session { session, events, notes });
        }
        self.session.as_ref().map(|session| &session.session).ok_or(MediaFailure::NoResources)
    }

    fn transport_said(&mut self, event: Option<TransportEvent>) -> Vec<MediaEvent> {
        let leg = self.id;
        match event {
            Some(TransportEvent::Connected) => vec![MediaEvent::Connected { leg }],
            Some(TransportEvent::Disconnected) => vec![MediaEvent::Disconnected { leg }],
            // Phones end one stream and begin another within a call; an app that says goodbye is gone.
            Some(TransportEvent::Goodbye) => match self.profile {
                LegProfile::WebRtc => vec![MediaEvent::Disconnected { leg }],
                LegProfile::Rtp => Vec::new(),
            },
            Some(TransportEvent::Failed) => {
                vec![MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport }]
            }
            Some(TransportEvent::RemoteDirection(direction)) => {
                let held = match direction {
                    Direction::SendOnly | Direction::Inactive => true,
                    Direction::SendRecv | Direction::RecvOnly => false,
                };
                let changed = std::mem::replace(&mut self.held, held) != held;
                if changed { vec![MediaEvent::RemoteHold { leg, held }] } else { Vec::new() }
            }
            Some(TransportEvent::Closed) | None => {
                // Not by command: its task is gone.
                self.session = None;
                self.outlet.attach(None);
                vec![MediaEvent::Failed { leg, op: None, reason: MediaFailure::Transport }]
            }
        }
    }

    fn noted(&self, note: Note) -> MediaEvent {
        match note {
            Note::FirstAudio => MediaEvent::FirstAudio { leg: self.id },
            Note::Digit(digit) => MediaEvent::Dtmf { leg: self.id, digit: digit.to_char() },
        }
    }

    async fn close(&mut self) -> LegStats {
        self.outlet.attach(None);
        let Some(session) = self.session.take() else { return LegStats::default() };
        session.session.close().await;
        let stats = session.session.stats();
        LegStats {
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
            packets_sent: stats.packets_sent,
            jitter_ms: stats.jitter_ms,
            round_trip_ms: stats.round_trip_ms,
        }
    }
}

fn failure(error: SessionError) -> MediaFailure {
    match error {
        SessionError::Description(SdpError::TooLarge | SdpError::Malformed) | SessionError::NoOffer => {
            MediaFailure::BadSdp
        }
        SessionError::Description(
            SdpError::NoAudio | SdpError::NoCommonCodec | SdpError::NoCommonTransport,
        )
        | SessionError::Refused => MediaFailure::NoCommonCodec,
        SessionError::NoResources | SessionError::Config => MediaFailure::NoResources,
        SessionError::Transport => MediaFailure::Transport,
        SessionError::Closed => MediaFailure::NoSuchLeg,
    }
}
