//! From the microphone to the packet sink.

use std::sync::{Arc, atomic::Ordering};

use super::{
    VoiceError,
    events::VoiceEvent,
    shared::{Shared, count},
};
use crate::{
    codec::{Encoder, OpusSettings},
    device::{CaptureSink, DeviceError},
    dtmf::DtmfSender,
    resample::Resampler,
    sdp::Codec,
    transport::{MAX_PAYLOAD, Negotiated, OutgoingPacket, PacketSink},
};

/// Packets hold between 10 and 60 ms, in steps that both Opus and the resampler know.
const PACKET_MS: [u32; 4] = [10, 20, 40, 60];

/// All that depends on what was agreed.
pub(super) struct SenderSetup {
    sink: Arc<dyn PacketSink>,
    encoder: Encoder,
    resampler: Resampler,
    payload_type: u8,
    digits_type: Option<u8>,
    digits: DtmfSender,
    sends: bool,
    clock: u32,
    /// 10 ms from the device, as far as they have come.
    block: Vec<i16>,
    block_len: usize,
    /// A packet's worth for the encoder, as far as it has come.
    frame: Vec<i16>,
    frame_len: usize,
}

impl SenderSetup {
    pub(super) fn new(
        sink: Arc<dyn PacketSink>,
        negotiated: &Negotiated,
        capture_rate: u32,
        opus: &OpusSettings,
    ) -> Result<Box<Self>, VoiceError> {
        let voice = negotiated.voice;
        let max_playback_rate = opus.max_playback_rate.min(negotiated.playback_rate);
        let opus = OpusSettings { max_playback_rate, ..*opus };
        let rate = voice.codec.clock_rate();
        let wanted = negotiated.ptime.as_millis();
        let packet_ms = PACKET_MS.into_iter().rfind(|ms| u128::from(*ms) <= wanted).unwrap_or(PACKET_MS[0]);
        Ok(Box::new(Self {
            sink,
            encoder: Encoder::new(voice.codec, rate, &opus)?,
            resampler: Resampler::new(capture_rate, rate)?,
            payload_type: voice.payload_type,
            digits_type: negotiated.telephone_event.map(|mapping| mapping.payload_type),
            digits: DtmfSender::new(
                negotiated.telephone_event.map_or(rate, |mapping| mapping.codec.clock_rate()),
            ),
            sends: negotiated.local_direction.sends(),
            clock: rate,
            block: vec![0; capture_rate as usize / 100],
            block_len: 0,
            frame: vec![0; (rate / 1000 * packet_ms) as usize],
            frame_len: 0,
        }))
    }

    fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    /// Forgets what was heard.
    fn clear(&mut self) {
        self.block_len = 0;
        self.frame_len = 0;
        self.resampler.reset();
    }
}

/// Lives on the device's capture thread.
pub(super) struct CaptureHalf {
    shared: Arc<Shared>,
    setup: Option<Box<SenderSetup>>,
    /// Of the next packet, RTP clock units.
    timestamp: u32,
    /// Whether the gate was open for the last frame.
    open: bool,
    /// Samples that came while it was closed: time passes on the wire all the same.
    unsent: u64,
    marker: bool,
    payload: Box<[u8; MAX_PAYLOAD]>,
}

impl CaptureHalf {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let timestamp = shared.timestamp.load(Ordering::Acquire);
        Self {
            shared,
            setup: None,
            timestamp,
            open: false,
            unsent: 0,
            marker: true,
            payload: Box::new([0; MAX_PAYLOAD]),
        }
    }

    fn gate_is_open(&self) -> bool {
        self.shared.sending.load(Ordering::Acquire)
            && !self.shared.held.load(Ordering::Acquire)
            && self.setup.as_ref().is_some_and(|setup| setup.sends)
    }

    fn fetch_setup(&mut self) {
        let keep_digits = |former: &mut SenderSetup, new: &mut SenderSetup| {
            if former.clock == new.clock && former.digits_type.is_some() {
                std::mem::swap(&mut former.digits, &mut new.digits);
            }
        };
        let codec = self.setup.as_ref().map(|setup| setup.codec());
        if self.shared.next_sender.fetch(&mut self.setup, keep_digits) {
            self.open = false;
            self.marker |= codec != self.setup.as_ref().map(|setup| setup.codec());
        }
    }

    /// Takes over digits that were asked for.
    fn fetch_digits(&mut self) {
        let Some(setup) = &mut self.setup else { return };
        if setup.digits_type.is_none() {
            return;
        }
        if let Ok(mut asked) = self.shared.digits.try_lock() {
            while let Some((digit, duration)) = asked.front().copied() {
                if setup.digits.send(digit, duration).is_err() {
                    break;
                }
                asked.pop_front();
            }
        }
    }

    fn set_timestamp(&mut self, timestamp: u32) {
        self.timestamp = timestamp;
        self.shared.timestamp.store(timestamp, Ordering::Release);
    }

    /// A block of 10 ms from the device is whole.
    fn block(&mut self) {
        let Some(setup) = &mut self.setup else { return };
        setup.block_len = 0;
        let ten_ms = setup.clock as usize / 100;
        let place = &mut setup.frame[setup.frame_len..setup.frame_len + ten_ms];
        if setup.resampler.process(&setup.block, place).is_err() {
            place.fill(0);
        }
        setup.frame_len += ten_ms;
        if setup.frame_len == setup.frame.len() {
            setup.frame_len = 0;
            self.fetch_digits();
            self.packet();
        }
    }

    /// A packet's worth is whole.
    fn packet(&mut self) {
        let muted = self.shared.muted.load(Ordering::Acquire);
        let Some(setup) = &mut self.setup else { return };
        let length = setup.frame.len() as u32;
        let timestamp = self.timestamp;
        let event = setup.digits_type.and_then(|payload_type| {
            setup.digits.frame(timestamp, length).map(|event| (payload_type, event))
        });
        if let Some((payload_type, event)) = event {
            let packet = OutgoingPacket {
                payload_type,
                marker: event.marker,
                timestamp: event.timestamp,
                payload: &event.payload,
            };
            setup.sink.send(packet);
            count(&self.shared.counters.sent);
            // The audio comes back after the digit.
            self.marker = true;
        } else {
            if muted {
                setup.frame.fill(0);
            }
            match setup.encoder.encode(&setup.frame, &mut *self.payload) {
                Ok(bytes) => {
                    let packet = OutgoingPacket {
                        payload_type: setup.payload_type,
                        marker: std::mem::take(&mut self.marker),
                        timestamp,
                        payload: &self.payload[..bytes],
                    };
                    setup.sink.send(packet);
                    count(&self.shared.counters.sent);
                }
                Err(_) => count(&self.shared.counters.encode_errors),
            }
        }
        self.set_timestamp(timestamp.wrapping_add(length));
    }
}

impl CaptureSink for CaptureHalf {
    fn captured(&mut self, mut frame: &[i16]) {
        count(&self.shared.counters.captured);
        self.fetch_setup();
        if !self.gate_is_open() {
            self.unsent += frame.len() as u64;
            self.open = false;
            return;
        }
        if !self.open {
            self.open = true;
            self.marker = true;
            if let Some(setup) = &mut self.setup {
                setup.clear();
                let passed = self.unsent * u64::from(setup.clock) / u64::from(self.shared.capture_rate);
                self.unsent = 0;
                self.set_timestamp(self.timestamp.wrapping_add(passed as u32));
            }
        }
        while let Some(setup) = self.setup.as_mut().filter(|_| !frame.is_empty()) {
            let (now, later) = frame.split_at(frame.len().min(setup.block.len() - setup.block_len));
            setup.block[setup.block_len..setup.block_len + now.len()].copy_from_slice(now);
            setup.block_len += now.len();
            frame = later;
            if setup.block_len == setup.block.len() {
                self.block();
            }
        }
    }

    fn is_listening(&self) -> bool {
        self.gate_is_open()
    }

    fn failed(&mut self, error: DeviceError) {
        self.shared.tell(VoiceEvent::DeviceFailed(error));
    }
}

impl Drop for CaptureHalf {
    fn drop(&mut self) {
        // The agreement outlives the device's run: the next one picks it up, unless there is a newer one.
        if let Some(setup) = self.setup.take() {
            self.shared.next_sender.give_back(setup);
        }
    }
}
