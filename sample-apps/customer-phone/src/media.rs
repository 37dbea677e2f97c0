//! One call's media: a task around a session, plain RTP's or WebRTC's.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use doorstep_media::device::{DeviceError, VirtualDevice};
use doorstep_media::dtmf::Digit;
use doorstep_media::sdp::{Direction, SdpError};
use doorstep_media::session::{LocalAddress, MediaSession, SessionConfig, SessionError};
use doorstep_media::transport::TransportEvent;
use doorstep_media::voice::{VoiceConfig, VoiceError, VoiceEvent, VoicePath};
use doorstep_sip::msg::StatusCode;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::chorus::Singer;
use crate::{CallId, PhoneConfig, PhoneError, Transport};

const COMMANDS: usize = 32;
/// Rate of the phone's microphone and speaker, Hz: a telephone's.
const RATE: u32 = 8_000;
/// How long a digit sounds.
const TONE: std::time::Duration = std::time::Duration::from_millis(120);

/// Ties an answer of the media to its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Op(pub(crate) u64);

enum MediaCommand {
    Offer { op: Op, hold: bool },
    Answer { op: Op, offer: Bytes },
    Apply { op: Op, answer: Bytes },
    Open,
    Digits(String),
}

/// What the media tell.
#[derive(Debug)]
pub(crate) enum MediaNews {
    /// A description is ready, or (empty) the far side's answer was taken in.
    Ready { op: Op, sdp: Bytes },
    /// It could not be done; without an `op` the media are broken.
    Failed { op: Option<Op>, fault: MediaFault },
    /// The first sound came that can be heard.
    FirstAudio,
    /// The far side pressed a key.
    Digit(char),
    /// The far side put this phone on hold or took it back.
    Held(bool),
}

/// Why the media could not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaFault {
    /// The far side's description cannot be read.
    BadDescription,
    /// Nothing in it that this phone knows.
    NoCommonCodec,
    /// No port, or the sound files cannot be used.
    Failed,
}

impl MediaFault {
    /// The SIP status that says so.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadDescription => StatusCode::BAD_REQUEST,
            Self::NoCommonCodec => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::Failed => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }
}

impl From<SessionError> for MediaFault {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Description(SdpError::TooLarge | SdpError::Malformed) => Self::BadDescription,
            SessionError::Description(
                SdpError::NoAudio | SdpError::NoCommonCodec | SdpError::NoCommonTransport,
            )
            | SessionError::Refused => Self::NoCommonCodec,
            SessionError::Config
            | SessionError::NoResources
            | SessionError::NoOffer
            | SessionError::Transport
            | SessionError::Closed => Self::Failed,
        }
    }
}

impl From<VoiceError> for MediaFault {
    fn from(error: VoiceError) -> Self {
        tracing::warn!(%error, "the voice does not do what it should");
        Self::Failed
    }
}

/// Handle of a call's media task.
pub(crate) struct Media {
    commands: Option<mpsc::Sender<MediaCommand>>,
    task: JoinHandle<()>,
}

impl Media {
    pub(crate) fn start(
        config: &PhoneConfig,
        record: Option<PathBuf>,
        call: CallId,
        news: mpsc::Sender<(CallId, MediaNews)>,
    ) -> Result<Self, PhoneError> {
        let (commands, incoming) = mpsc::channel(COMMANDS);
        let address = LocalAddress::direct(config.media_ip.unwrap_or(config.bind.ip()));
        let session = match &config.transport {
            Transport::Udp | Transport::Tcp => SessionConfig::rtp(address),
            Transport::WebSocket { .. } => SessionConfig::web_rtc(vec![address]),
        };
        let session = SessionConfig { codecs: config.codecs.clone(), ..session };
        let (session, transport) =
            MediaSession::new(session).map_err(|error| PhoneError::Media(error.to_string()))?;
        if let Some(packets) = &config.packets {
            session.set_tap(Box::new(packets.clone()));
        }
        let (voice, heard) = match &config.chorus {
            Some(chorus) => Voice::chorus(chorus.join(), &session),
            None => {
                let device = device(config.play.as_ref(), record.as_ref());
                Voice::owner(device.map_err(|error| PhoneError::Media(error.to_string()))?, &session)
            }
        };
        let worker = Worker { session, voice, call, news, held: false };
        let task = tokio::spawn(worker.run(incoming, transport, heard));
        Ok(Self { commands: Some(commands), task })
    }

    pub(crate) fn offer(&self, op: Op, hold: bool) {
        self.send(MediaCommand::Offer { op, hold });
    }

    pub(crate) fn answer(&self, op: Op, offer: Bytes) {
        self.send(MediaCommand::Answer { op, offer });
    }

    pub(crate) fn apply(&self, op: Op, answer: Bytes) {
        self.send(MediaCommand::Apply { op, answer });
    }

    /// The call is answered: its owner speaks.
    pub(crate) fn open(&self) {
        self.send(MediaCommand::Open);
    }

    pub(crate) fn digits(&self, digits: String) {
        self.send(MediaCommand::Digits(digits));
    }

    /// Tells the task to end; [`closed`](Self::closed) waits for it.
    pub(crate) fn close(&mut self) {
        self.commands = None;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.task.is_finished()
    }

    pub(crate) async fn closed(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a call's media ended badly");
        }
    }

    fn send(&self, command: MediaCommand) {
        let Some(commands) = &self.commands else { return };
        if commands.try_send(command).is_err() {
            tracing::error!("a call's media do not keep up: a command is lost");
        }
    }
}

/// What the phone's owner says and hears.
fn device(play: Option<&PathBuf>, record: Option<&PathBuf>) -> Result<VirtualDevice, DeviceError> {
    let mut device = VirtualDevice::new(RATE)?;
    if let Some(play) = play {
        device = device.playing(play, false)?;
    }
    if let Some(record) = record {
        device = device.recording(record)?.0;
    }
    Ok(device)
}

/// Who speaks and listens.
enum Voice {
    /// The phone's owner.
    Owner(Arc<VoicePath>),
    /// One of many who do not count by themselves.
    Chorus(Singer),
}

impl Voice {
    fn owner(device: VirtualDevice, session: &MediaSession) -> (Self, mpsc::Receiver<VoiceEvent>) {
        let (path, heard) = VoicePath::new(Box::new(device), VoiceConfig::default());
        session.set_receiver(path.receiver());
        (Self::Owner(Arc::new(path)), heard)
    }

    fn chorus(singer: Singer, session: &MediaSession) -> (Self, mpsc::Receiver<VoiceEvent>) {
        session.set_receiver(singer.ears());
        // Nobody tells: a channel without a sender is at its end.
        (Self::Chorus(singer), mpsc::channel(1).1)
    }
}

struct Worker {
    session: MediaSession,
    voice: Voice,
    call: CallId,
    news: mpsc::Sender<(CallId, MediaNews)>,
    held: bool,
}

impl Worker {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<MediaCommand>,
        mut transport: mpsc::Receiver<TransportEvent>,
        mut heard: mpsc::Receiver<VoiceEvent>,
    ) {
        loop {
            let going_on = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => false,
                },
                event = transport.recv() => match event {
                    Some(event) => self.transport(event).await,
                    None => false,
                },
                Some(event) = heard.recv() => self.heard(event).await,
            };
            if !going_on {
                break;
            }
        }
        if let Voice::Owner(voice) = self.voice {
            // It waits for the device's threads and finishes the recording.
            let _a_panicked_device_is_stopped_too = spawn_blocking(move || voice.stop()).await;
        }
        self.session.close().await;
    }

    /// Whether to go on.
    async fn command(&mut self, command: MediaCommand) -> bool {
        let (op, done) = match command {
            MediaCommand::Offer { op, hold } => {
                let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
                (op, self.session.create_offer(direction).await.map_err(MediaFault::from))
            }
            MediaCommand::Answer { op, offer } => (op, self.answer(&offer).await),
            MediaCommand::Apply { op, answer } => (op, self.apply(&answer).await),
            MediaCommand::Open => return self.open().await,
            MediaCommand::Digits(digits) => {
                let Voice::Owner(voice) = &self.voice else { return true };
                for digit in digits.chars().filter_map(Digit::from_char) {
                    if let Err(error) = voice.send_dtmf(digit, TONE) {
                        tracing::warn!(%error, "a digit is lost");
                    }
                }
                return true;
            }
        };
        self.tell(match done {
            Ok(sdp) => MediaNews::Ready { op, sdp: sdp.into() },
            Err(fault) => MediaNews::Failed { op: Some(op), fault },
        })
        .await
    }

    async fn answer(&mut self, offer: &Bytes) -> Result<String, MediaFault> {
        let answer = self.session.create_answer(text(offer)?, Direction::SendRecv).await?;
        self.agreed()?;
        Ok(answer)
    }

    async fn apply(&mut self, answer: &Bytes) -> Result<String, MediaFault> {
        self.session.apply_answer(text(answer)?).await?;
        self.agreed()?;
        Ok(String::new())
    }

    /// What both sides have agreed on, or have changed.
    fn agreed(&self) -> Result<(), MediaFault> {
        let Some(negotiated) = self.session.negotiated() else { return Ok(()) };
        match &self.voice {
            Voice::Owner(voice) => Ok(voice.connect(self.session.sink(), &negotiated)?),
            Voice::Chorus(singer) => {
                singer.connect(self.session.sink(), &negotiated);
                Ok(())
            }
        }
    }

    /// The call is answered: the owner listens and speaks.
    async fn open(&mut self) -> bool {
        let voice = match &self.voice {
            Voice::Owner(voice) => voice,
            Voice::Chorus(singer) => {
                singer.open();
                return true;
            }
        };
        let starting = voice.clone();
        let started = spawn_blocking(move || starting.start()).await;
        let fault = match started {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.into()),
            Err(_) => Some(MediaFault::Failed),
        };
        voice.start_sending();
        match fault {
            None => true,
            Some(fault) => self.tell(MediaNews::Failed { op: None, fault }).await,
        }
    }

    async fn heard(&mut self, event: VoiceEvent) -> bool {
        match event {
            VoiceEvent::FirstAudible => self.tell(MediaNews::FirstAudio).await,
            VoiceEvent::Digit(digit) => self.tell(MediaNews::Digit(digit.to_char())).await,
            VoiceEvent::DeviceFailed(error) => {
                tracing::warn!(%error, "the sound device has failed");
                self.tell(MediaNews::Failed { op: None, fault: MediaFault::Failed }).await
            }
            VoiceEvent::FirstAudio
            | VoiceEvent::NoAudio(_)
            | VoiceEvent::AudioBack
            | VoiceEvent::NoMicrophone
            | VoiceEvent::MicrophoneBack
            | VoiceEvent::NoSpeaker
            | VoiceEvent::SpeakerBack => true,
        }
    }

    async fn transport(&mut self, event: TransportEvent) -> bool {
        match event {
            TransportEvent::RemoteDirection(direction) => {
                // `recvonly` is the answer to this phone's own hold.
                let held = matches!(direction, Direction::SendOnly | Direction::Inactive);
                if std::mem::replace(&mut self.held, held) != held {
                    return self.tell(MediaNews::Held(held)).await;
                }
                true
            }
            TransportEvent::Failed => {
                self.tell(MediaNews::Failed { op: None, fault: MediaFault::Failed }).await
            }
            TransportEvent::Connected | TransportEvent::Disconnected | TransportEvent::Goodbye => true,
            TransportEvent::Closed => false,
        }
    }

    async fn tell(&self, news: MediaNews) -> bool {
        self.news.send((self.call, news)).await.is_ok()
    }
}

fn text(sdp: &Bytes) -> Result<&str, MediaFault> {
    std::str::from_utf8(sdp).map_err(|_| MediaFault::BadDescription)
}
