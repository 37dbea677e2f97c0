//! One call's media: a task that makes and takes descriptions and owns the RTP port.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use doorstep_media::sdp::{AudioDescription, Codec, CodecMapping, Direction, SdpError};
use doorstep_sip::msg::StatusCode;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{CallId, PhoneConfig, PhoneError};

const COMMANDS: usize = 32;

/// Ties an answer of the media to its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Op(pub(crate) u64);

#[expect(dead_code, reason = "descriptions only: the voice path comes next")]
enum MediaCommand {
    Offer { op: Op, hold: bool },
    Answer { op: Op, offer: Bytes },
    Apply { op: Op, answer: Bytes },
    Open,
    Digits(String),
}

#[expect(dead_code, reason = "descriptions only: the voice path comes next")]
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

#[expect(dead_code, reason = "descriptions only: the voice path comes next")]
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

impl From<SdpError> for MediaFault {
    fn from(error: SdpError) -> Self {
        match error {
            SdpError::TooLarge | SdpError::Malformed => Self::BadDescription,
            SdpError::NoAudio | SdpError::NoCommonCodec => Self::NoCommonCodec,
        }
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
        _record: Option<PathBuf>,
        call: CallId,
        news: mpsc::Sender<(CallId, MediaNews)>,
    ) -> Result<Self, PhoneError> {
        let (commands, incoming) = mpsc::channel(COMMANDS);
        let socket = std::net::UdpSocket::bind(SocketAddr::new(config.bind.ip(), 0))?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let local = socket.local_addr()?;
        let description = Description {
            local,
            codecs: offered(&config.codecs),
            session_id: rand::random::<u64>() >> 1,
            version: 0,
        };
        let task = tokio::spawn(run(socket, description, call, incoming, news));
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

/// What this phone offers: its voice codecs, and keys at their clocks.
fn offered(voice: &[Codec]) -> Vec<CodecMapping> {
    let known = AudioDescription::default_codecs();
    let mapping = |codec: &Codec| known.iter().find(|mapping| mapping.codec == *codec).copied();
    let keys = known.iter().filter(|mapping| {
        !mapping.codec.is_voice() && voice.iter().any(|v| v.clock_rate() == mapping.codec.clock_rate())
    });
    voice.iter().filter_map(mapping).chain(keys.copied()).collect()
}

struct Description {
    local: SocketAddr,
    codecs: Vec<CodecMapping>,
    session_id: u64,
    version: u64,
}

impl Description {
    fn offer(&mut self, hold: bool) -> Result<Bytes, MediaFault> {
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        self.write(&AudioDescription::offer(self.local, self.codecs.clone(), direction))
    }

    /// The answer, and whether the far side holds this phone.
    fn answer(&mut self, offer: &Bytes) -> Result<(Bytes, bool), MediaFault> {
        let offer = read(offer)?;
        let known: Vec<_> = self.codecs.iter().map(|mapping| mapping.codec).collect();
        let answer = offer.answer(self.local, &known, Direction::SendRecv)?;
        Ok((self.write(&answer)?, !offer.direction.receives()))
    }

    fn write(&mut self, description: &AudioDescription) -> Result<Bytes, MediaFault> {
        self.version += 1;
        Ok(description.to_sdp(self.session_id, self.version)?.into())
    }
}

fn read(sdp: &Bytes) -> Result<AudioDescription, MediaFault> {
    let text = std::str::from_utf8(sdp).map_err(|_| MediaFault::BadDescription)?;
    Ok(AudioDescription::parse(text)?)
}

async fn run(
    _socket: UdpSocket,
    mut description: Description,
    call: CallId,
    mut commands: mpsc::Receiver<MediaCommand>,
    news: mpsc::Sender<(CallId, MediaNews)>,
) {
    let mut held = false;
    while let Some(command) = commands.recv().await {
        let (op, done) = match command {
            MediaCommand::Offer { op, hold } => (op, description.offer(hold)),
            MediaCommand::Answer { op, offer } => {
                let answer = description.answer(&offer).map(|(sdp, now_held)| {
                    let changed = std::mem::replace(&mut held, now_held) != now_held;
                    (sdp, changed)
                });
                if let Ok((_, true)) = answer
                    && news.send((call, MediaNews::Held(held))).await.is_err()
                {
                    return;
                }
                (op, answer.map(|(sdp, _)| sdp))
            }
            MediaCommand::Apply { op, answer } => (op, read(&answer).map(|_| Bytes::new())),
            MediaCommand::Open | MediaCommand::Digits(_) => continue,
        };
        let told = match done {
            Ok(sdp) => MediaNews::Ready { op, sdp },
            Err(fault) => MediaNews::Failed { op: Some(op), fault },
        };
        if news.send((call, told)).await.is_err() {
            return;
        }
    }
}
