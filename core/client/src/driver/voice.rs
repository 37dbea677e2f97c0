//! The voice of a leg: the device that the app's factory makes, joined with the leg's session.

use std::sync::Arc;
use std::time::Duration;

use doorstep_call::MediaFailure;
use doorstep_media::dtmf::{self, Digit};
use doorstep_media::session::MediaSession;
use doorstep_media::voice::{self, VoiceConfig, VoiceError, VoicePath};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::audio::AudioFactory;

pub(super) enum VoiceEvent {
    FirstAudio,
    Digit(char),
    DigitSent,
    DeviceFailed,
}

pub(super) struct Voice {
    path: Arc<VoicePath>,
    events: mpsc::Receiver<voice::VoiceEvent>,
    /// When the digit that is being sent is out.
    digit_out: Option<Instant>,
}

impl Voice {
    pub(super) async fn new(
        session: &MediaSession,
        audio: &Arc<dyn AudioFactory>,
    ) -> Result<Self, MediaFailure> {
        let audio = audio.clone();
        let device = spawn_blocking(move || audio.device()).await.map_err(|_| MediaFailure::Device)?;
        let device = device.map_err(|error| {
            tracing::warn!(%error, "no sound device");
            MediaFailure::Device
        })?;
        let (path, events) = VoicePath::new(device, VoiceConfig::default());
        session.set_receiver(path.receiver());
        Ok(Self { path: Arc::new(path), events, digit_out: None })
    }

    /// What happens next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> VoiceEvent {
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = out(self.digit_out) => {
                    self.digit_out = None;
                    return VoiceEvent::DigitSent;
                }
            };
            match event {
                // What the far side's gateway sends before the answer is silence: what counts is what can be heard.
                Some(voice::VoiceEvent::FirstAudible) => return VoiceEvent::FirstAudio,
                Some(voice::VoiceEvent::Digit(digit)) => return VoiceEvent::Digit(digit.to_char()),
                Some(voice::VoiceEvent::DeviceFailed(error)) => {
                    tracing::warn!(%error, "the sound device has failed");
                    return VoiceEvent::DeviceFailed;
                }
                Some(voice::VoiceEvent::NoAudio(silent)) => {
                    tracing::warn!(seconds = silent.as_secs(), "nothing comes from the far side");
                }
                Some(voice::VoiceEvent::NoMicrophone) => tracing::warn!("the microphone delivers nothing"),
                Some(voice::VoiceEvent::NoSpeaker) => tracing::warn!("the speaker asks for nothing"),
                Some(
                    voice::VoiceEvent::FirstAudio
                    | voice::VoiceEvent::AudioBack
                    | voice::VoiceEvent::MicrophoneBack
                    | voice::VoiceEvent::SpeakerBack,
                ) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// What both sides have agreed on, or have changed.
    pub(super) fn negotiated(&mut self, session: &MediaSession) -> Result<(), MediaFailure> {
        match session.negotiated() {
            Some(negotiated) => self.path.connect(session.sink(), &negotiated).map_err(failure),
            None => Ok(()),
        }
    }

    /// Starts the device: what comes is heard.
    pub(super) async fn open_speaker(&mut self) -> Result<(), MediaFailure> {
        let path = self.path.clone();
        // Hardware may take its time.
        let started = spawn_blocking(move || path.start()).await.map_err(|_| MediaFailure::Device)?;
        started.map_err(failure)
    }

    pub(super) fn open_microphone(&mut self) {
        self.path.start_sending();
    }

    pub(super) fn set_mute(&mut self, on: bool) {
        self.path.set_muted(on);
    }

    pub(super) fn set_hold(&mut self, on: bool) {
        self.path.set_held(on);
    }

    /// `DigitSent` follows.
    pub(super) fn send_digit(&mut self, digit: char, duration: Duration) -> Result<(), MediaFailure> {
        let digit = Digit::from_char(digit).ok_or(MediaFailure::NoTelephoneEvent)?;
        self.path.send_dtmf(digit, duration).map_err(failure)?;
        let lasts = duration.clamp(dtmf::MIN_DURATION, dtmf::MAX_DURATION) + dtmf::GAP;
        self.digit_out = Some(Instant::now() + lasts);
        Ok(())
    }

    pub(super) fn concealed_samples(&self) -> u64 {
        self.path.stats().jitter.concealed_samples
    }

    /// Stops the device, which waits for its threads.
    pub(super) async fn stop(self) {
        let path = self.path;
        let _a_panicked_device_is_stopped_too = spawn_blocking(move || path.stop()).await;
    }
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
