use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use doorstep_testkit::speech::{similarity, synthetic_speech};
use tokio::sync::mpsc::Receiver;

use super::{VoiceConfig, VoiceError, VoiceEvent, VoicePath};
use crate::{
    codec::Decoder,
    device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource},
    dtmf::Digit,
    sdp::{Codec, CodecMapping, Direction},
    transport::{IncomingPacket, Negotiated, OutgoingPacket, PacketReceiver, PacketSink},
};

type Ends = (Box<dyn CaptureSink>, Box<dyn PlayoutSource>);

/// A device that does what the test says, on the test's own thread.
struct PuppetDevice {
    rate: u32,
    ends: Arc<Mutex<Option<Ends>>>,
}

impl AudioDevice for PuppetDevice {
    fn capture_rate(&self) -> u32 {
        self.rate
    }

    fn playout_rate(&self) -> u32 {
        self.rate
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        *self.ends.lock().unwrap() = Some((capture, playout));
        Ok(())
    }

    fn stop(&mut self) {
        *self.ends.lock().unwrap() = None;
    }
}

#[derive(Clone, Debug)]
struct Sent {
    payload_type: u8,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
}

#[derive(Default)]
struct Wire(Mutex<Vec<Sent>>);

impl PacketSink for Wire {
    fn send(&self, packet: OutgoingPacket<'_>) {
        self.0.lock().unwrap().push(Sent {
            payload_type: packet.payload_type,
            marker: packet.marker,
            timestamp: packet.timestamp,
            payload: packet.payload.to_vec(),
        });
    }
}

/// One end of a call.
struct Side {
    path: VoicePath,
    events: Receiver<VoiceEvent>,
    ends: Arc<Mutex<Option<Ends>>>,
    wire: Arc<Wire>,
    rate: u32,
    heard: Vec<i16>,
}

fn agreed(codec: Codec) -> Negotiated {
    let payload_type = match codec {
        Codec::Opus => 111,
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::TelephoneEvent(_) => 101,
    };
    Negotiated {
        playback_rate: 48_000,
        voice: CodecMapping { payload_type, codec },
        telephone_event: Some(CodecMapping {
            payload_type: 101,
            codec: Codec::TelephoneEvent(codec.clock_rate()),
        }),
        local_direction: Direction::SendRecv,
        remote_direction: Direction::SendRecv,
        ptime: Duration::from_millis(20),
    }
}

impl Side {
    fn new(rate: u32, codec: Codec) -> Self {
        let ends = Arc::new(Mutex::new(None));
        let device = PuppetDevice { rate, ends: ends.clone() };
        let (path, events) = VoicePath::new(Box::new(device), VoiceConfig::default());
        let wire = Arc::new(Wire::default());
        path.connect(wire.clone(), &agreed(codec)).unwrap();
        path.start().unwrap();
        Self { path, events, ends, wire, rate, heard: Vec::new() }
    }

    /// The microphone hears `audio`; returns what was sent.
    fn speak(&self, audio: &[i16]) -> Vec<Sent> {
        for frame in audio.chunks((self.rate / 50) as usize) {
            self.ends.lock().unwrap().as_mut().unwrap().0.captured(frame);
        }
        std::mem::take(&mut self.wire.0.lock().unwrap())
    }

    /// The speaker plays so much.
    fn listen(&mut self, ms: u32) {
        let mut frame = vec![0; (self.rate / 100) as usize];
        for _ in 0..ms / 10 {
            self.ends.lock().unwrap().as_mut().unwrap().1.fill(&mut frame);
            self.heard.extend(&frame);
        }
    }

    fn told(&mut self) -> Vec<VoiceEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

/// Carries packets to a receiver, 20 ms apart.
struct Courier {
    receiver: Box<dyn PacketReceiver>,
    sequence: u16,
    now: Duration,
}

impl Courier {
    fn to(side: &Side) -> Self {
        Self { receiver: side.path.receiver(), sequence: 65_530, now: Duration::ZERO }
    }

    fn carry(&mut self, packets: &[Sent]) {
        for packet in packets {
            let codec = match packet.payload_type {
                111 => Codec::Opus,
                0 => Codec::Pcmu,
                8 => Codec::Pcma,
                _ => Codec::TelephoneEvent(48_000),
            };
            let incoming = IncomingPacket {
                codec,
                payload_type: packet.payload_type,
                marker: packet.marker,
                sequence: self.sequence,
                timestamp: packet.timestamp,
                ssrc: 1,
                payload: &packet.payload,
            };
            self.receiver.receive(incoming, self.now);
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.now += Duration::from_millis(20);
    }
}

/// A says `speech`, B hears it.
fn talk(a: &Side, b: &mut Side, courier: &mut Courier, speech: &[i16]) -> Vec<Sent> {
    let mut all = Vec::new();
    for frame in speech.chunks_exact((a.rate / 50) as usize) {
        let sent = a.speak(frame);
        courier.carry(&sent);
        b.listen(20);
        all.extend(sent);
    }
    all
}

fn loudest(packets: &[Sent], codec: Codec) -> u16 {
    let mut decoder = Decoder::new(codec, codec.clock_rate()).unwrap();
    let mut pcm = vec![0; 5_760];
    packets
        .iter()
        .map(|packet| {
            let length = decoder.decode(&packet.payload, &mut pcm).unwrap();
            pcm[..length].iter().map(|sample| sample.unsigned_abs()).max().unwrap()
        })
        .max()
        .unwrap()
}

#[test]
fn speech_reaches_the_other_ear_with_every_codec_and_device_rate() {
    for (codec, from, to) in [
        (Codec::Opus, 48_000, 48_000),
        (Codec::Opus, 44_100, 48_000),
        (Codec::Opus, 8_000, 44_100),
        (Codec::Pcmu, 48_000, 8_000),
        (Codec::Pcma, 16_000, 48_000),
    ] {
        let (a, mut b) = (Side::new(from, codec), Side::new(to, codec));
        a.path.start_sending();
        let mut courier = Courier::to(&b);
        let speech = synthetic_speech(1, from, 4_000);
        talk(&a, &mut b, &mut courier, &speech);
        // Compared at the listener's rate.
        let mut reference = vec![0; speech.len() / from as usize * to as usize];
        let mut resampler = crate::resample::Resampler::new(from, to).unwrap();
        resampler.process(&speech, &mut reference).unwrap();
        let found = similarity(&reference, &b.heard, to);
        assert!(found.score > 0.8, "{codec:?} {from} {to}: {found:?}");
        assert!((0..=90).contains(&found.lag_ms), "{codec:?} {from} {to}: {found:?}");
        assert_eq!(b.told(), [VoiceEvent::FirstAudio, VoiceEvent::FirstAudible]);
        let stats = b.path.stats();
        assert_eq!((stats.packets_received, stats.jitter.lost, stats.jitter.concealed_samples), (200, 0, 0));
    }
}

#[test]
fn nothing_heard_before_the_gate_opens_ever_leaves() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        let side = Side::new(48_000, codec);
        let secret = vec![20_000; 48_000 + 479];
        assert!(side.speak(&secret).is_empty());
        side.path.start_sending();
        let sent = side.speak(&[0; 48_000]);
        assert!(sent.len() >= 48, "{}", sent.len());
        assert!(sent[0].marker);
        assert!(loudest(&sent, codec) < 30, "{}", loudest(&sent, codec));
        // Time has passed on the wire.
        assert!(sent[0].timestamp >= codec.clock_rate());
        side.path.stop_sending();
        assert!(side.speak(&secret).is_empty());
    }
}

#[test]
fn the_first_audible_sound_is_told_once_before_and_once_after_the_answer() {
    let (a, mut b) = (Side::new(8_000, Codec::Pcmu), Side::new(8_000, Codec::Pcmu));
    a.path.start_sending();
    let mut courier = Courier::to(&b);
    let speech = synthetic_speech(6, 8_000, 1_000);
    let quiet = [0; 8_000];
    talk(&a, &mut b, &mut courier, &quiet);
    assert_eq!(b.told(), [VoiceEvent::FirstAudio]);
    talk(&a, &mut b, &mut courier, &speech);
    assert_eq!(b.told(), [VoiceEvent::FirstAudible]);
    talk(&a, &mut b, &mut courier, &quiet);
    b.path.start_sending();
    talk(&a, &mut b, &mut courier, &quiet);
    assert_eq!(b.told(), []);
    talk(&a, &mut b, &mut courier, &speech);
    talk(&a, &mut b, &mut courier, &speech);
    assert_eq!(b.told(), [VoiceEvent::FirstAudible]);
}

#[test]
fn muted_sends_silence_held_sends_nothing_and_plays_nothing() {
    for codec in [Codec::Opus, Codec::Pcma] {
        let (a, mut b) = (Side::new(48_000, codec), Side::new(48_000, codec));
        a.path.start_sending();
        let mut courier = Courier::to(&b);
        let speech = synthetic_speech(2, 48_000, 2_000);
        talk(&a, &mut b, &mut courier, &speech);
        a.path.set_muted(true);
        // What the encoder still had in it goes first.
        a.speak(&speech[..4_800]);
        let silent = a.speak(&speech);
        assert_eq!(silent.len(), 100);
        assert!(loudest(&silent, codec) < 200, "{codec:?}: {}", loudest(&silent, codec));
        if codec == Codec::Opus {
            let bytes: usize = silent.iter().map(|packet| packet.payload.len()).sum();
            assert!(bytes < 100 * 12, "{bytes}");
        }
        a.path.set_muted(false);
        a.path.set_held(true);
        let last = silent.last().unwrap().timestamp;
        assert!(a.speak(&speech).is_empty());
        a.path.set_held(false);
        let first = a.speak(&speech)[0].clone();
        assert!(first.marker && first.timestamp.wrapping_sub(last) >= 2 * codec.clock_rate());
        b.path.set_held(true);
        b.heard.clear();
        talk(&a, &mut b, &mut courier, &speech);
        assert!(b.heard.iter().all(|sample| *sample == 0));
        b.path.set_held(false);
        b.heard.clear();
        talk(&a, &mut b, &mut courier, &speech);
        assert!(similarity(&speech, &b.heard, 48_000).score > 0.7);
    }
}

#[test]
fn a_direction_that_was_not_agreed_is_not_used() {
    let mut side = Side::new(8_000, Codec::Pcmu);
    side.path.start_sending();
    side.path
        .set_negotiated(&Negotiated { local_direction: Direction::RecvOnly, ..agreed(Codec::Pcmu) })
        .unwrap();
    assert!(side.speak(&[1_000; 1_600]).is_empty());
    side.path
        .set_negotiated(&Negotiated { local_direction: Direction::SendOnly, ..agreed(Codec::Pcmu) })
        .unwrap();
    assert_eq!(side.speak(&[1_000; 1_600]).len(), 10);
    let mut courier = Courier::to(&side);
    courier.carry(&vec![Sent { payload_type: 0, marker: true, timestamp: 0, payload: vec![0; 160] }; 5]);
    side.listen(200);
    assert!(side.heard.iter().all(|sample| *sample == 0));
    assert_eq!(side.path.stats().packets_dropped, 5);
}

#[test]
fn the_codec_may_change_in_mid_call_on_either_side() {
    let (a, mut b) = (Side::new(48_000, Codec::Opus), Side::new(48_000, Codec::Opus));
    a.path.start_sending();
    let mut courier = Courier::to(&b);
    let speech = synthetic_speech(3, 48_000, 3_000);
    let opus = talk(&a, &mut b, &mut courier, &speech);
    a.path.set_negotiated(&agreed(Codec::Pcmu)).unwrap();
    b.heard.clear();
    let pcmu = talk(&a, &mut b, &mut courier, &speech);
    assert!(opus.iter().all(|packet| packet.payload_type == 111));
    assert!(pcmu.iter().all(|packet| packet.payload_type == 0) && pcmu[0].marker);
    assert!(similarity(&speech, &b.heard, 48_000).score > 0.75);
    let stats = b.path.stats().jitter;
    assert!(stats.received > 290 && stats.lost == 0, "{stats:?}");
    // A new agreement on the same codec does not disturb what waits.
    b.path.set_negotiated(&agreed(Codec::Pcmu)).unwrap();
    let before = b.path.stats().jitter.concealed_samples;
    talk(&a, &mut b, &mut courier, &speech);
    assert_eq!(b.path.stats().jitter.concealed_samples, before);
}

#[test]
fn digits_cross_in_order_and_the_voice_comes_back_after_them() {
    let (a, mut b) = (Side::new(48_000, Codec::Opus), Side::new(48_000, Codec::Opus));
    a.path.start_sending();
    let mut courier = Courier::to(&b);
    let speech = synthetic_speech(4, 48_000, 3_000);
    talk(&a, &mut b, &mut courier, &speech[..48_000]);
    for key in "4711#".chars() {
        a.path.send_dtmf(Digit::from_char(key).unwrap(), Duration::from_millis(100)).unwrap();
    }
    let sent = talk(&a, &mut b, &mut courier, &speech);
    let keys: String = b
        .told()
        .into_iter()
        .filter_map(|event| match event {
            VoiceEvent::Digit(digit) => Some(digit.to_char()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, "4711#");
    let last = sent.last().unwrap();
    assert_eq!(last.payload_type, 111);
    let stats = b.path.stats();
    assert_eq!((stats.digits_received, stats.jitter.lost), (5, 0));
    let without = Side::new(8_000, Codec::Pcmu);
    without.path.set_negotiated(&Negotiated { telephone_event: None, ..agreed(Codec::Pcmu) }).unwrap();
    let refused = without.path.send_dtmf(Digit::from_char('1').unwrap(), Duration::ZERO);
    assert_eq!(refused, Err(VoiceError::NoDigits));
}

#[test]
fn digits_that_nobody_sends_fill_a_bounded_queue() {
    let side = Side::new(8_000, Codec::Pcmu);
    let digit = Digit::from_char('1').unwrap();
    let results: Vec<_> = (0..100).map(|_| side.path.send_dtmf(digit, Duration::ZERO)).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 32);
    assert_eq!(results[99], Err(VoiceError::DigitsFull));
}

#[test]
fn a_speaker_that_does_not_ask_and_events_that_nobody_reads_stay_bounded() {
    let side = Side::new(8_000, Codec::Pcmu);
    let mut courier = Courier::to(&side);
    for i in 0..500_u32 {
        courier.carry(&[Sent {
            payload_type: 0,
            marker: false,
            timestamp: i * 160,
            payload: vec![0xFF; 160],
        }]);
        courier.carry(&[Sent {
            payload_type: 101,
            marker: true,
            timestamp: i * 160,
            payload: vec![1, 10, 0, 160],
        }]);
    }
    let stats = side.path.stats();
    assert_eq!(stats.packets_dropped, 1_000 - 64);
    assert!(stats.events_lost > 400, "{stats:?}");
}

#[test]
fn the_device_may_stop_and_start_again_in_mid_call() {
    let (a, mut b) = (Side::new(8_000, Codec::Pcmu), Side::new(8_000, Codec::Pcmu));
    a.path.start_sending();
    let mut courier = Courier::to(&b);
    let speech = synthetic_speech(5, 8_000, 3_000);
    let first = talk(&a, &mut b, &mut courier, &speech);
    assert_eq!(a.path.start(), Err(VoiceError::Device(DeviceError::Running)));
    for side in [&a, &b] {
        side.path.stop();
        assert!(side.ends.lock().unwrap().is_none());
        side.path.start().unwrap();
    }
    b.heard.clear();
    let second = talk(&a, &mut b, &mut courier, &speech);
    assert!(second[0].marker);
    assert!(second[0].timestamp.wrapping_sub(first.last().unwrap().timestamp).cast_signed() > 0);
    assert!(similarity(&speech, &b.heard, 8_000).score > 0.9);
    assert_eq!(b.told(), [VoiceEvent::FirstAudio, VoiceEvent::FirstAudible]);
}

#[test]
fn a_device_that_fails_or_falls_silent_is_told() {
    let mut side = Side::new(8_000, Codec::Pcmu);
    side.ends.lock().unwrap().as_mut().unwrap().0.failed(DeviceError::Failed);
    assert_eq!(side.told(), [VoiceEvent::DeviceFailed(DeviceError::Failed)]);
    // Nobody moves the puppet: within its limits the watch says so.
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(side.events.blocking_recv());
    }
    for expected in
        [VoiceEvent::NoMicrophone, VoiceEvent::NoSpeaker, VoiceEvent::NoAudio(Duration::from_secs(5))]
    {
        assert!(told.contains(&expected), "{told:?}");
    }
}
