//! What the far side hears and says: a tone, encoded and decoded for real.

use std::sync::Arc;
use std::time::Duration;

use doorstep_media::codec::{Decoder, Encoder, OpusSettings};
use doorstep_media::sdp::Codec;
use doorstep_media::session::MediaSession;
use doorstep_media::transport::{IncomingPacket, OutgoingPacket, PacketReceiver};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

const RATE: u32 = 48_000;
const FRAME: usize = 960;
/// A tone of the test is louder, comfort noise is not.
const LOUD: i16 = 1_500;
/// Frames in a row that make a change: 100 ms.
const STEADY: u32 = 5;

/// Hears whether somebody speaks, and digits.
pub(crate) struct Ears {
    decoder: Decoder,
    pcm: Vec<i16>,
    run: u32,
    loud: watch::Sender<bool>,
    digits: mpsc::Sender<char>,
}

impl Ears {
    pub(crate) fn new(loud: watch::Sender<bool>, digits: mpsc::Sender<char>) -> Self {
        let decoder = Decoder::new(Codec::Opus, RATE).unwrap();
        Self { decoder, pcm: vec![0; 6 * FRAME], run: 0, loud, digits }
    }
}

impl PacketReceiver for Ears {
    fn receive(&mut self, packet: IncomingPacket<'_>, _: Duration) {
        match packet.codec {
            Codec::TelephoneEvent(_) if packet.marker => {
                let digit = b"0123456789*#ABCD"[usize::from(packet.payload[0])];
                self.digits.try_send(char::from(digit)).unwrap();
            }
            Codec::Opus => {
                let samples = self.decoder.decode(packet.payload, &mut self.pcm).unwrap();
                let loud = self.pcm[..samples].iter().any(|sample| sample.saturating_abs() > LOUD);
                self.run = if loud == *self.loud.borrow() { 0 } else { self.run + 1 };
                if self.run >= STEADY {
                    self.run = 0;
                    self.loud.send_replace(loud);
                }
            }
            Codec::TelephoneEvent(_) | Codec::Pcmu | Codec::Pcma => {}
        }
    }
}

/// Says a tone until dropped.
pub(crate) struct Mouth(AbortHandle);

impl Mouth {
    pub(crate) fn open(session: Arc<MediaSession>) -> Self {
        let speaking = tokio::spawn(async move {
            let mut encoder = Encoder::new(Codec::Opus, RATE, &OpusSettings::default()).unwrap();
            let tone: Vec<i16> = (0..FRAME).map(|n| if n / 48 % 2 == 0 { 8_000 } else { -8_000 }).collect();
            let mut payload = [0; 1_000];
            let sink = session.sink();
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            for timestamp in (0..).step_by(FRAME) {
                ticks.tick().await;
                let Some(negotiated) = session.negotiated() else { continue };
                let length = encoder.encode(&tone, &mut payload).unwrap();
                sink.send(OutgoingPacket {
                    payload_type: negotiated.voice.payload_type,
                    marker: timestamp == 0,
                    timestamp,
                    payload: &payload[..length],
                });
            }
        });
        Self(speaking.abort_handle())
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.0.abort();
    }
}
