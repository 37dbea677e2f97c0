//! The voice of a leg: the device that the app's factory makes, joined with the leg's session.
//!
//! The device is opened beside the signalling, which does not wait for it before the call is answered.

use std::sync::Arc;
use std::time::Duration;

use doorstep_call::MediaFailure;
use doorstep_media::device::{AudioDevice, DeviceError};
use doorstep_media::dtmf::{self, Digit};
use doorstep_media::session::MediaSession;
use doorstep_media::voice::{self, VoiceConfig, VoiceError, VoicePath};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::audio::AudioFactory;

pub(super) enum VoiceEvent {
    FirstAudio,
    Digit(char),
    DigitSent,
    DeviceFailed,
}

pub(super) struct Voice {
    session: Arc<MediaSession>,
    stage: Stage,
    muted: bool,
    held: bool,
    /// When the digit that is being sent is out.
    digit_out: Option<Instant>,
}

type Opened = Result<Result<Box<dyn AudioDevice>, DeviceError>, JoinError>;

enum Stage {
    /// The device is being opened.
    Opening(JoinHandle<Result<Box<dyn AudioDevice>, DeviceError>>),
    Joined {
        path: Arc<VoicePath>,
        events: mpsc::Receiver<voice::VoiceEvent>,
    },
    /// There is no device.
    Failed,
}

enum Next {
    Opened(Opened),
    Said(Option<voice::VoiceEvent>),
    DigitOut,
}

impl Voice {
    pub(super) fn new(session: Arc<MediaSession>, audio: &Arc<dyn AudioFactory>) -> Self {
        let audio = Arc::clone(audio);
        let stage = Stage::Opening(spawn_blocking(move || audio.device()));
        Self { session, stage, muted: false, held: false, digit_out: None }
    }

    /// What happens next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> VoiceEvent {
        loop {
            let next = match &mut self.stage {
                Stage::Opening(opening) => Next::Opened(opening.await),
                Stage::Joined { events, .. } => tokio::select! {
                    event = events.recv() => Next::Said(event),
                    () = out(self.digit_out) => Next::DigitOut,
                },
                Stage::Failed => std::future::pending().await,
            };
            match next {
                Next::Opened(opened) => {
                    if self.join(opened).is_err() {
                        return VoiceEvent::DeviceFailed;
                    }
                }
                Next::DigitOut => {
                    self.digit_out = None;
                    return VoiceEvent::DigitSent;
                }
                Next::Said(Some(event)) => {
                    if let Some(event) = heard(event) {
                        return event;
                    }
                }
                Next::Said(None) => self.stage = Stage::Failed,
            }
        }
    }

    fn join(&mut self, opened: Opened) -> Result<(), MediaFailure> {
        self.stage = Stage::Failed;
        let device = opened.map_err(|_| MediaFailure::Device)?.map_err(|error| {
            tracing::warn!(%error, "no sound device");
            MediaFailure::Device
        })?;
        let (path, events) = VoicePath::new(device, VoiceConfig::default());
        path.set_muted(self.muted);
        path.set_held(self.held);
        self.session.set_receiver(path.receiver());
        self.stage = Stage::Joined { path: Arc::new(path), events };
        self.negotiated()
    }

    /// Both sides have agreed, or agreed anew.
    pub(super) fn negotiated(&mut self) -> Result<(), MediaFailure> {
        match (self.path(), self.session.negotiated()) {
            (Some(path), Some(negotiated)) => path.connect(self.session.sink(), &negotiated).map_err(failure),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// Starts the device: what comes is heard.
    pub(super) async fn open_speaker(&mut self) -> Result<(), MediaFailure> {
        if let Stage::Opening(opening) = &mut self.stage {
            let opened = opening.await;
            self.join(opened)?;
        }
        let path = self.path().ok_or(MediaFailure::Device)?;
        // Hardware may take its time.
        let started = spawn_blocking(move || path.start()).await.map_err(|_| MediaFailure::Device)?;
        started.map_err(failure)
    }

    pub(super) fn open_microphone(&self) {
        if let Some(path) = self.path() {
            path.start_sending();
        }
    }

    pub(super) fn set_mute(&mut self, on: bool) {
        self.muted = on;
        if let Some(path) = self.path() {
            path.set_muted(on);
        }
    }

    pub(super) fn set_hold(&mut self, on: bool) {
        self.held = on;
        if let Some(path) = self.path() {
            path.set_held(on);
        }
    }

    /// `DigitSent` follows.
    pub(super) fn send_digit(&mut self, digit: char, duration: Duration) -> Result<(), MediaFailure> {
        let digit = Digit::from_char(digit).ok_or(MediaFailure::NoTelephoneEvent)?;
        let path = self.path().ok_or(MediaFailure::Device)?;
        path.send_dtmf(digit, duration).map_err(failure)?;
        let lasts = duration.clamp(dtmf::MIN_DURATION, dtmf::MAX_DURATION) + dtmf::GAP;
        self.digit_out = Some(Instant::now() + lasts);
        Ok(())
    }

    pub(super) fn concealed_samples(&self) -> u64 {
        self.path().map_or(0, |path| path.stats().jitter.concealed_samples)
    }

    /// Stops the device, which waits for its threads.
    pub(super) async fn stop(self) {
        if let Some(path) = self.path() {
            let _a_panicked_device_is_stopped_too = spawn_blocking(move || path.stop()).await;
        }
    }

    fn path(&self) -> Option<Arc<VoicePath>> {
        match &self.stage {
            Stage::Joined { path, .. } => Some(Arc::clone(path)),
            Stage::Opening(_) | Stage::Failed => None,
        }
    }
}

fn heard(event: voice::VoiceEvent) -> Option<VoiceEvent> {
    match event {
        // What the far side's gateway sends before the answer is silence: what counts is what can be heard.
        voice::VoiceEvent::FirstAudible => return Some(VoiceEvent::FirstAudio),
        voice::VoiceEvent::Digit(digit) => return Some(VoiceEvent::Digit(digit.to_char())),
        voice::VoiceEvent::DeviceFailed(error) => {
            tracing::warn!(%error, "the sound device has failed");
            return Some(VoiceEvent::DeviceFailed);
        }
        voice::VoiceEvent::NoAudio(silent) => {
            tracing::warn!(seconds = silent.as_secs(), "nothing comes from the far side");
        }
        voice::VoiceEvent::NoMicrophone => tracing::warn!("the microphone delivers nothing"),
        voice::VoiceEvent::NoSpeaker => tracing::warn!("the speaker asks for nothing"),
        voice::VoiceEvent::FirstAudio
        | voice::VoiceEvent::AudioBack
        | voice::VoiceEvent::MicrophoneBack
        | voice::VoiceEvent::SpeakerBack => {}
    }
    None
}

async fn out(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn failure(error: VoiceError) -> MediaFailure {
    tracing::warn!(%error, "the voice path does not do what it should");
    match error {
        VoiceError::Device(_) | VoiceError::Rate(_) => MediaFailure::Device,
        VoiceError::Codec(_) => MediaFailure::NoCommonCodec,
        VoiceError::NoDigits | VoiceError::DigitsFull => MediaFailure::NoTelephoneEvent,
        VoiceError::NoThread => MediaFailure::NoResources,
    }
}
