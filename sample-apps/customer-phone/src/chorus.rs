//! One voice for many calls: coded once, sent by all, and heard by counting.
//!
//! For measuring a gateway under load. A microphone, a codec and a jitter buffer for each call would cost more than the
//! gateway that is measured, and one machine has to bear both.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use doorstep_media::codec::{CodecError, Encoder, OpusSettings};
use doorstep_media::sdp::{Codec, CodecMapping};
use doorstep_media::transport::{IncomingPacket, Negotiated, OutgoingPacket, PacketReceiver, PacketSink};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Length of a packet.
const FRAME: Duration = Duration::from_millis(20);
/// Singers take turns within a frame, since calls do not begin in step.
const TURNS: usize = 10;
/// Rate of the song, Hz.
const RATE: u32 = 8_000;
/// 20 ms of digital silence in Opus, as the gateway fills a pause with (RFC 6716 section 4.3).
const OPUS_SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// What a chorus has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChorusFigures {
    /// Packets sung.
    pub sent: u64,
    /// Packets heard that hold anything but digital silence.
    pub heard: u64,
}

/// The owners of many phones, who all say the same. Shared by the phones whose
/// [`PhoneConfig::chorus`](crate::PhoneConfig::chorus) it is. It is silent until it is told to [`sing`](Self::sing).
#[derive(Debug)]
pub struct Chorus {
    hall: Arc<Hall>,
    pacer: JoinHandle<()>,
}

struct Hall {
    song: Vec<(Codec, Vec<Vec<u8>>)>,
    singing: AtomicBool,
    sent: AtomicU64,
    heard: AtomicU64,
    singers: Mutex<Vec<Weak<Part>>>,
}

/// Where one singer's voice goes, and whether it may be heard.
#[derive(Default)]
struct Part {
    voice: Mutex<Option<(Arc<dyn PacketSink>, CodecMapping)>>,
    answered: AtomicBool,
}

impl Part {
    fn voice(&self) -> MutexGuard<'_, Option<(Arc<dyn PacketSink>, CodecMapping)>> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's member of the chorus. Mute once dropped.
pub(crate) struct Singer {
    part: Arc<Part>,
    hall: Arc<Hall>,
}

impl Chorus {
    /// Codes `song` (mono, 8 kHz), which is sung in a circle. It must nowhere be digital silence for 20 ms: that would not be
    /// counted where it is heard.
    ///
    /// # Errors
    /// [`CodecError`] when a codec refuses to work.
    pub fn new(song: &[i16]) -> Result<Self, CodecError> {
        let coded = |codec| Ok((codec, coded(codec, song)?));
        let song = [Codec::Opus, Codec::Pcmu, Codec::Pcma].into_iter().map(coded);
        let hall = Arc::new(Hall {
            song: song.collect::<Result<_, CodecError>>()?,
            singing: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            singers: Mutex::default(),
        });
        let pacer = tokio::spawn(pace(hall.clone()));
        Ok(Self { hall, pacer })
    }

    /// Sings from now on, or pauses. Time passes on the wire all the same.
    pub fn sing(&self, on: bool) {
        self.hall.singing.store(on, Ordering::Release);
    }

    /// Counters so far.
    pub fn figures(&self) -> ChorusFigures {
        ChorusFigures {
            sent: self.hall.sent.load(Ordering::Acquire),
            heard: self.hall.heard.load(Ordering::Acquire),
        }
    }

    pub(crate) fn join(&self) -> Singer {
        let part = Arc::<Part>::default();
        self.hall.singers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&part));
        Singer { part, hall: self.hall.clone() }
    }
}

impl Drop for Chorus {
    fn drop(&mut self) {
        self.pacer.abort();
    }
}

impl Singer {
    /// What was agreed on; `sink` is where it goes from now on.
    pub(crate) fn connect(&self, sink: Arc<dyn PacketSink>, negotiated: &Negotiated) {
        *self.part.voice() = negotiated.local_direction.sends().then_some((sink, negotiated.voice));
    }

    /// The call is answered.
    pub(crate) fn open(&self) {
        self.part.answered.store(true, Ordering::Release);
    }

    pub(crate) fn ears(&self) -> Box<dyn PacketReceiver> {
        Box::new(Ears(self.hall.clone()))
    }
}

impl Drop for Singer {
    fn drop(&mut self) {
        *self.part.voice() = None;
    }
}

struct Ears(Arc<Hall>);

impl PacketReceiver for Ears {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        let silent = match packet.codec {
            Codec::Opus => packet.payload == OPUS_SILENCE,
            Codec::Pcmu => packet.payload.iter().all(|byte| *byte == 0xFF),
            Codec::Pcma => packet.payload.iter().all(|byte| *byte == 0xD5),
            Codec::TelephoneEvent(_) => true,
        };
        if !silent {
            self.0.heard.fetch_add(1, Ordering::AcqRel);
        }
    }
}

fn coded(codec: Codec, song: &[i16]) -> Result<Vec<Vec<u8>>, CodecError> {
    let mut encoder = Encoder::new(codec, RATE, &OpusSettings::default())?;
    let mut payload = [0; 1_400];
    let length = RATE as usize / 1000 * FRAME.as_millis() as usize;
    let frames = song.chunks_exact(length).map(|frame| {
        let bytes = encoder.encode(frame, &mut payload)?;
        Ok(payload.get(..bytes).unwrap_or_default().to_vec())
    });
    frames.collect()
}

async fn pace(hall: Arc<Hall>) {
    let mut ticks = interval(FRAME / TURNS as u32);
    // Late packets are sent all the same: a telephone does not swallow words.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tick = 0;
    loop {
        ticks.tick().await;
        hall.sing(tick % TURNS, tick / TURNS);
        tick += 1;
    }
}

impl Hall {
    /// Lets those whose turn it is sing frame number `frame`.
    fn sing(&self, turn: usize, frame: usize) {
        let mut singers = self.singers.lock().unwrap_or_else(PoisonError::into_inner);
        if turn == 0 {
            singers.retain(|part| part.strong_count() > 0);
        }
        if !self.singing.load(Ordering::Acquire) {
            return;
        }
        for part in singers.iter().skip(turn).step_by(TURNS).filter_map(Weak::upgrade) {
            if !part.answered.load(Ordering::Acquire) {
                continue;
            }
            let part = part.voice();
            let Some((sink, voice)) = &*part else { continue };
            let song = self.song.iter().find(|(codec, _)| *codec == voice.codec).map(|(_, frames)| frames);
            let Some(payload) = song.and_then(|frames| frames.get(frame % frames.len().max(1))) else {
                continue;
            };
            sink.send(OutgoingPacket {
                payload_type: voice.payload_type,
                marker: false,
                timestamp: (frame as u32).wrapping_mul(voice.codec.clock_rate() / 50),
                payload,
            });
            self.sent.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").field("singing", &self.singing).finish_non_exhaustive()
    }
}
