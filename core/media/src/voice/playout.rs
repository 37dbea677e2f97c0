//! From the ring of received packets to the speaker.

use std::sync::{Arc, atomic::Ordering};

use super::{
    VoiceError,
    events::VoiceEvent,
    ring::{Kind, RingPacket},
    shared::{Shared, count},
};
use crate::{
    codec::Decoder,
    device::{DeviceError, PlayoutSource},
    jitter::{Heard, JitterBuffer, JitterConfig, JitterStats},
    resample::Resampler,
    sdp::Codec,
};

/// The shared counters are renewed every so many blocks of 10 ms.
const PUBLISH_BLOCKS: u32 = 10;

/// Level from which a sound is noticed: −50 dBFS, as mean square of 16-bit samples.
const AUDIBLE: f32 = 104.0 * 104.0;

/// All that depends on the codec the far side sends.
pub(super) struct ReceiverSetup {
    jitter: JitterBuffer,
    resampler: Resampler,
    /// 10 ms at the codec's rate, and at the device's.
    decoded: Vec<i16>,
    block: Vec<i16>,
    /// How much of the block has been played.
    played: usize,
}

impl ReceiverSetup {
    pub(super) fn new(
        codec: Codec,
        playout_rate: u32,
        config: JitterConfig,
    ) -> Result<Box<Self>, VoiceError> {
        let decoder = Decoder::new(codec, codec.clock_rate())?;
        let rate = decoder.sample_rate();
        let block = vec![0; playout_rate as usize / 100];
        Ok(Box::new(Self {
            jitter: JitterBuffer::new(decoder, config),
            resampler: Resampler::new(rate, playout_rate)?,
            decoded: vec![0; rate as usize / 100],
            played: block.len(),
            block,
        }))
    }

    /// Makes the next 10 ms.
    fn block(&mut self) -> Heard {
        let heard = self.jitter.pull(&mut self.decoded);
        if self.resampler.process(&self.decoded, &mut self.block).is_err() {
            self.block.fill(0);
        }
        self.played = 0;
        heard
    }
}

/// Lives on the device's playout thread.
pub(super) struct PlayoutHalf {
    shared: Arc<Shared>,
    config: JitterConfig,
    setup: Option<Box<ReceiverSetup>>,
    /// Counters of jitter buffers that are gone.
    past: JitterStats,
    unpublished: u32,
    heard_audio: bool,
    packet: Box<RingPacket>,
}

impl PlayoutHalf {
    pub(super) fn new(shared: Arc<Shared>, config: JitterConfig) -> Self {
        let past = *super::lock(&shared.jitter);
        // What has come while nobody listened is old.
        shared.ring.clear();
        Self {
            heard_audio: past.received > 0,
            shared,
            config,
            setup: None,
            past,
            unpublished: 0,
            packet: Box::default(),
        }
    }

    fn fetch_setup(&mut self) {
        let mut same = false;
        let past = &mut self.past;
        let adopt = |former: &mut ReceiverSetup, new: &mut ReceiverSetup| {
            same = former.jitter.codec() == new.jitter.codec();
            if same {
                // A new agreement on the same codec: what waits goes on.
                std::mem::swap(former, new);
            } else {
                *past = past.plus(&former.jitter.stats());
            }
        };
        self.shared.next_receiver.fetch(&mut self.setup, adopt);
    }

    /// Moves what has come into the jitter buffer.
    fn drain(&mut self, hears: bool) {
        while self.shared.ring.pop(&mut self.packet) {
            if !hears {
                count(&self.shared.counters.dropped);
                continue;
            }
            match self.packet.kind {
                Kind::Audio => self.fit(self.packet.codec),
                Kind::Digit => {}
            }
            let Some(setup) = &mut self.setup else { continue };
            let incoming = self.packet.incoming();
            match self.packet.kind {
                Kind::Audio => setup.jitter.insert(&incoming, self.packet.arrival),
                Kind::Digit => setup.jitter.skip(&incoming),
            }
        }
    }

    /// The far side may change between the codecs agreed on at any time: only then something is made on this thread.
    fn fit(&mut self, codec: Codec) {
        if self.setup.as_ref().is_some_and(|setup| setup.jitter.codec() == codec) {
            return;
        }
        if let Ok(new) = ReceiverSetup::new(codec, self.shared.playout_rate, self.config)
            && let Some(former) = self.setup.replace(new)
        {
            self.past = self.past.plus(&former.jitter.stats());
        }
    }

    fn publish(&mut self) {
        self.unpublished += 1;
        if self.unpublished < PUBLISH_BLOCKS {
            return;
        }
        let Some(setup) = &self.setup else { return };
        if let Ok(mut stats) = self.shared.jitter.try_lock() {
            *stats = self.past.plus(&setup.jitter.stats());
            self.unpublished = 0;
        }
    }
}

impl PlayoutSource for PlayoutHalf {
    fn fill(&mut self, frame: &mut [i16]) {
        count(&self.shared.counters.played);
        self.fetch_setup();
        let hears =
            self.shared.may_receive.load(Ordering::Acquire) && !self.shared.held.load(Ordering::Acquire);
        self.drain(hears);
        if !hears {
            frame.fill(0);
            return;
        }
        let mut filled = 0;
        while filled < frame.len() {
            let Some(setup) = &mut self.setup else {
                frame.fill(0);
                return;
            };
            if setup.played == setup.block.len() {
                let heard = setup.block();
                if heard == Heard::Audio && !self.heard_audio {
                    self.heard_audio = true;
                    self.shared.tell(VoiceEvent::FirstAudio);
                }
                if heard == Heard::Audio
                    && self.shared.await_audible.load(Ordering::Acquire)
                    && is_audible(&setup.block)
                    && self.shared.await_audible.swap(false, Ordering::AcqRel)
                {
                    self.shared.tell(VoiceEvent::FirstAudible);
                }
                self.publish();
                continue;
            }
            let part = (frame.len() - filled).min(setup.block.len() - setup.played);
            frame[filled..filled + part].copy_from_slice(&setup.block[setup.played..setup.played + part]);
            setup.played += part;
            filled += part;
        }
    }

    fn failed(&mut self, error: DeviceError) {
        self.shared.tell(VoiceEvent::DeviceFailed(error));
    }
}

impl Drop for PlayoutHalf {
    fn drop(&mut self) {
        if let Some(setup) = &self.setup {
            *super::lock(&self.shared.jitter) = self.past.plus(&setup.jitter.stats());
        }
        // What waits in it will be old when the device runs again; the next packet makes a new one.
    }
}

fn is_audible(block: &[i16]) -> bool {
    let energy: f32 = block.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    energy >= AUDIBLE * block.len() as f32
}
