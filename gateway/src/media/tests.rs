//! A courier's app and a customer's phone, each a media session of its own, joined through the plane.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use doorstep_media::{
    codec::{Decoder, Encoder, OpusSettings},
    dtmf::{Digit, DtmfReceiver, DtmfSender},
    sdp::{Codec, Direction},
    session::{LocalAddress, MediaSession, SessionConfig},
    transport::{IncomingPacket, OutgoingPacket, PacketReceiver, TransportEvent},
};
use doorstep_testkit::speech::{similarity, synthetic_speech};
use tokio::sync::mpsc;

use super::{Addresses, Clip, EmbeddedPlane, MediaStartError, start};
use crate::{
    config,
    core::{LegId, LegProfile, MediaCommand, MediaEvent, MediaFailure, OpId, Sdp},
};

mod playing;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const COURIER: LegId = LegId(1);
const PHONE: LegId = LegId(2);
/// Nothing here takes this long; it only keeps a broken test from hanging.
const LIMIT: Duration = Duration::from_secs(20);
const FRAME_MS: u32 = 20;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("took too long")
}

struct Packet {
    codec: Codec,
    ssrc: u32,
    timestamp: u32,
    payload: Vec<u8>,
}

struct Keeper(mpsc::UnboundedSender<Packet>);

impl PacketReceiver for Keeper {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        let IncomingPacket { codec, ssrc, timestamp, payload, .. } = packet;
        let _gone = self.0.send(Packet { codec, ssrc, timestamp, payload: payload.to_vec() });
    }
}

/// A far side: what it would say and what it hears.
struct Far {
    session: MediaSession,
    events: mpsc::Receiver<TransportEvent>,
    packets: mpsc::UnboundedReceiver<Packet>,
    timestamp: u32,
    digits: DtmfReceiver,
}

impl Far {
    fn new(config: SessionConfig) -> Self {
        let (session, events) = MediaSession::new(config).unwrap();
        let (sender, packets) = mpsc::unbounded_channel();
        session.set_receiver(Box::new(Keeper(sender)));
        Self { session, events, packets, timestamp: 0, digits: DtmfReceiver::new() }
    }

    fn courier() -> Self {
        Self::new(SessionConfig::web_rtc(vec![LocalAddress::direct(LOOPBACK)]))
    }

    fn phone(codecs: &[Codec]) -> Self {
        let at = LocalAddress::direct(LOOPBACK);
        Self::new(SessionConfig { codecs: codecs.to_vec(), ..SessionConfig::rtp(at) })
    }

    async fn wait_for(&mut self, wanted: TransportEvent) {
        while within(self.events.recv()).await.expect("the session ended") != wanted {}
    }

    async fn packet(&mut self) -> Packet {
        within(self.packets.recv()).await.expect("the session ended")
    }

    fn send(&mut self, payload_type: u8, payload: &[u8], length: u32) {
        self.session.sink().send(OutgoingPacket {
            payload_type,
            marker: false,
            timestamp: self.timestamp,
            payload,
        });
        self.timestamp += length;
    }

    /// Presses a key for 100 ms.
    fn press(&mut self, key: char) {
        let to = self.session.negotiated().unwrap().telephone_event.unwrap();
        let rate = to.codec.clock_rate();
        let mut sender = DtmfSender::new(rate);
        sender.send(Digit::from_char(key).unwrap(), Duration::from_millis(100)).unwrap();
        let frame = rate / 1_000 * FRAME_MS;
        while let Some(event) = sender.frame(self.timestamp, frame) {
            let start = std::mem::replace(&mut self.timestamp, event.timestamp);
            self.send(to.payload_type, &event.payload, 0);
            self.timestamp = start + frame;
        }
    }
}

/// The core's part: commands with ids, and the events that answer them.
struct Core {
    plane: EmbeddedPlane,
    events: mpsc::Receiver<MediaEvent>,
    waiting: VecDeque<MediaEvent>,
    next: u64,
}

impl Core {
    fn new(ports: Option<(u16, u16)>) -> Self {
        Self::with_clips(ports, Vec::new())
    }

    fn with_clips(ports: Option<(u16, u16)>, clips: Vec<Clip>) -> Self {
        let addresses = Addresses { edge: vec![LOOPBACK], trunk: LOOPBACK, trunk_advertised: None };
        let (plane, events) = start(&config(ports), addresses, clips).unwrap();
        Self { plane, events, waiting: VecDeque::new(), next: 0 }
    }

    fn op(&mut self) -> OpId {
        self.next += 1;
        OpId(self.next)
    }

    /// The first event that `wanted` takes; those before it wait for others.
    async fn event<T>(&mut self, mut wanted: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        if let Some(index) = self.waiting.iter().position(|event| wanted(event).is_some()) {
            return self.waiting.remove(index).and_then(|event| wanted(&event)).unwrap();
        }
        loop {
            let event = within(self.events.recv()).await.expect("the plane ended");
            if let Some(found) = wanted(&event) {
                return found;
            }
            self.waiting.push_back(event);
        }
    }

    async fn expect(&mut self, wanted: MediaEvent) {
        self.event(|event| (*event == wanted).then_some(())).await;
    }

    async fn answered(&mut self, op: OpId) -> Result<Option<String>, MediaFailure> {
        self.event(|event| match event {
            MediaEvent::LocalDescription { op: of, sdp, .. } if *of == op => {
                Some(Ok(Some(sdp.expose().clone())))
            }
            MediaEvent::Done { op: of, .. } if *of == op => Some(Ok(None)),
            MediaEvent::Failed { op: Some(of), reason, .. } if *of == op => Some(Err(*reason)),
            _ => None,
        })
        .await
    }

    async fn offer(&mut self, leg: LegId, profile: LegProfile, hold: bool) -> Result<String, MediaFailure> {
        let op = self.op();
        self.plane.send(MediaCommand::CreateOffer { leg, op, profile, hold });
        self.answered(op).await.map(Option::unwrap)
    }

    async fn answer(&mut self, leg: LegId, profile: LegProfile, offer: &str) -> Result<String, MediaFailure> {
        let op = self.op();
        self.plane.send(MediaCommand::CreateAnswer { leg, op, profile, offer: Sdp::new(offer.to_owned()) });
        self.answered(op).await.map(Option::unwrap)
    }

    async fn apply(&mut self, leg: LegId, answer: &str) -> Result<Option<String>, MediaFailure> {
        let op = self.op();
        self.plane.send(MediaCommand::ApplyAnswer { leg, op, answer: Sdp::new(answer.to_owned()) });
        self.answered(op).await
    }

    fn forward(&self, on: bool) {
        for leg in [COURIER, PHONE] {
            self.plane.send(MediaCommand::SetForward { leg, on });
        }
    }

    /// Closes the plane's legs and gives their counters.
    async fn close(&mut self, leg: LegId) -> crate::core::LegStats {
        self.plane.send(MediaCommand::Close { leg });
        self.event(|event| match event {
            MediaEvent::Stats { leg: of, stats } if *of == leg => Some(*stats),
            _ => None,
        })
        .await
    }
}

fn config(ports: Option<(u16, u16)>) -> config::Media {
    config::Media {
        edge_ips: Vec::new(),
        trunk_ip: None,
        trunk_advertised_ip: None,
        ports,
        strict_source: true,
        audio_rate: 8_000,
    }
}

/// A call set up as the core does it: the courier's offer answered at once, the phone called, both joined.
async fn call(phone_codecs: &[Codec]) -> (Core, Far, Far) {
    call_by(Core::new(None), phone_codecs).await
}

async fn call_by(mut core: Core, phone_codecs: &[Codec]) -> (Core, Far, Far) {
    let (mut courier, phone) = (Far::courier(), Far::phone(phone_codecs));
    let offer = courier.session.create_offer(Direction::SendRecv).await.unwrap();
    let answer = core.answer(COURIER, LegProfile::WebRtc, &offer).await.unwrap();
    courier.session.apply_answer(&answer).await.unwrap();
    let trunk_offer = core.offer(PHONE, LegProfile::Rtp, false).await.unwrap();
    core.plane.send(MediaCommand::Join { a: COURIER, b: PHONE });
    courier.wait_for(TransportEvent::Connected).await;
    core.expect(MediaEvent::Connected { leg: COURIER }).await;
    let trunk_answer = phone.session.create_answer(&trunk_offer, Direction::SendRecv).await.unwrap();
    core.apply(PHONE, &trunk_answer).await.unwrap();
    nothing_in_common(&[&offer, &answer], &[&trunk_offer, &trunk_answer]);
    (core, courier, phone)
}

/// Long words of one side's descriptions must not show in the other's.
fn nothing_in_common(edge: &[&str], trunk: &[&str]) {
    let telling = ["o=", "a=ice", "a=ssrc", "a=fingerprint", "a=msid", "a=candidate", "m="];
    let lines =
        edge.iter().flat_map(|sdp| sdp.lines()).filter(|line| telling.iter().any(|t| line.starts_with(t)));
    for word in lines.flat_map(|line| line.split([' ', ':', '='])).filter(|word| word.len() > 4) {
        let known = word == LOOPBACK.to_string() || word == "audio";
        assert!(known || trunk.iter().all(|sdp| !sdp.contains(word)), "{word}");
    }
}

/// Says something from one far side and gives what was said and what the other heard, at 8 kHz.
async fn say(from: &mut Far, to: &mut Far, seed: u64) -> (Vec<i16>, Vec<i16>) {
    const SPEECH_MS: u32 = 3_000;
    let voice = from.session.negotiated().unwrap().voice;
    let speech = synthetic_speech(seed, 8_000, SPEECH_MS);
    let mut encoder = Encoder::new(voice.codec, 8_000, &OpusSettings::default()).unwrap();
    let heard_codec = to.session.negotiated().unwrap().voice.codec;
    let mut decoder = Decoder::new(heard_codec, 8_000).unwrap();
    let (mut heard, mut pcm, mut payload) = (Vec::new(), [0; 960], [0; 1_400]);
    let frame = voice.codec.clock_rate() / 1_000 * FRAME_MS;
    let mut listen = |packet: Packet, heard: &mut Vec<i16>| {
        if packet.codec.is_voice() {
            assert_eq!(packet.codec, heard_codec);
            let samples = decoder.decode(&packet.payload, &mut pcm).unwrap();
            heard.extend_from_slice(&pcm[..samples]);
        }
    };
    while to.packets.try_recv().is_ok() {}
    for chunk in speech.chunks_exact(160) {
        let length = encoder.encode(chunk, &mut payload).unwrap();
        from.send(voice.payload_type, &payload[..length], frame);
        // Each packet in makes one packet out; waiting for it keeps the sockets' queues short.
        listen(to.packet().await, &mut heard);
    }
    (speech, heard)
}

async fn digits(far: &mut Far, count: usize) -> String {
    let mut keys = String::new();
    while keys.len() < count {
        let packet = far.packet().await;
        if !packet.codec.is_voice()
            && let Some(digit) = far.digits.receive(packet.ssrc, packet.timestamp, &packet.payload)
        {
            keys.push(digit.to_char());
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speech_is_understood_and_digits_arrive_on_both_sides() {
    for codecs in [&[Codec::Pcmu][..], &[Codec::Pcma], &[Codec::Opus]] {
        let (mut core, mut courier, mut phone) = call(codecs).await;
        core.forward(true);
        assert_eq!(phone.session.negotiated().unwrap().voice.codec, codecs[0]);
        let (said, heard) = say(&mut courier, &mut phone, 1).await;
        let judged = similarity(&said, &heard, 8_000);
        assert!(judged.is_intelligible(), "{codecs:?} to the phone: {judged:?}");
        let (said, heard) = say(&mut phone, &mut courier, 2).await;
        let judged = similarity(&said, &heard, 8_000);
        assert!(judged.is_intelligible(), "{codecs:?} to the courier: {judged:?}");
        for leg in [COURIER, PHONE] {
            core.expect(MediaEvent::FirstAudio { leg }).await;
        }
        courier.press('7');
        core.expect(MediaEvent::Dtmf { leg: COURIER, digit: '7' }).await;
        assert_eq!(digits(&mut phone, 1).await, "7");
        phone.press('#');
        core.expect(MediaEvent::Dtmf { leg: PHONE, digit: '#' }).await;
        assert_eq!(digits(&mut courier, 1).await, "#");
        core.plane.send(MediaCommand::SendDtmf { leg: PHONE, digit: '3', duration_ms: 80 });
        core.plane.send(MediaCommand::SendDtmf { leg: PHONE, digit: 'd', duration_ms: 80 });
        assert_eq!(digits(&mut phone, 2).await, "3D");
        let stats = core.close(COURIER).await;
        assert!(
            stats.packets_received >= 150 && stats.packets_sent >= 150 && stats.packets_lost == 0,
            "{stats:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_forwarding_both_hear_silence_and_nothing_of_each_other() {
    let (mut core, mut courier, mut phone) = call(&[Codec::Pcmu]).await;
    let voice = courier.session.negotiated().unwrap().voice;
    let mut encoder = Encoder::new(Codec::Opus, 48_000, &OpusSettings::default()).unwrap();
    let mut payload = [0; 1_400];
    let mut last = None;
    for chunk in synthetic_speech(3, 48_000, 600).chunks_exact(960) {
        let length = encoder.encode(chunk, &mut payload).unwrap();
        courier.send(voice.payload_type, &payload[..length], 960);
        let packet = phone.packet().await;
        assert_eq!(packet.payload, [0xFF; 160], "digital silence in PCMU");
        // One unbroken timeline.
        assert!(last.is_none_or(|last: u32| packet.timestamp == last.wrapping_add(160)));
        last = Some(packet.timestamp);
    }
    courier.press('1');
    // Told to the core, for records; not to the phone.
    core.expect(MediaEvent::Dtmf { leg: COURIER, digit: '1' }).await;
    for _ in 0..10 {
        assert_eq!(phone.packet().await.payload, [0xFF; 160]);
    }
    let mut decoder = Decoder::new(Codec::Opus, 8_000).unwrap();
    let mut pcm = [0; 960];
    for _ in 0..10 {
        let samples = decoder.decode(&courier.packet().await.payload, &mut pcm).unwrap();
        assert!(pcm[..samples].iter().all(|sample| sample.abs() < 8));
    }
    // Heard, and then not any more.
    core.forward(true);
    say(&mut phone, &mut courier, 4).await;
    core.forward(false);
    assert_eq!(phone.session.negotiated().unwrap().voice.codec, Codec::Pcmu);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_is_told_and_passed_on() {
    let (mut core, mut courier, mut phone) = call(&[Codec::Pcma]).await;
    core.forward(true);
    let offer = courier.session.create_offer(Direction::SendOnly).await.unwrap();
    let answer = core.answer(COURIER, LegProfile::WebRtc, &offer).await.unwrap();
    courier.session.apply_answer(&answer).await.unwrap();
    core.expect(MediaEvent::RemoteHold { leg: COURIER, held: true }).await;
    let offer = core.offer(PHONE, LegProfile::Rtp, true).await.unwrap();
    let answer = phone.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    core.apply(PHONE, &answer).await.unwrap();
    phone.wait_for(TransportEvent::RemoteDirection(Direction::SendOnly)).await;
    assert_eq!(phone.session.negotiated().unwrap().local_direction, Direction::RecvOnly);

    let offer = courier.session.create_offer(Direction::SendRecv).await.unwrap();
    let answer = core.answer(COURIER, LegProfile::WebRtc, &offer).await.unwrap();
    courier.session.apply_answer(&answer).await.unwrap();
    core.expect(MediaEvent::RemoteHold { leg: COURIER, held: false }).await;
    let offer = core.offer(PHONE, LegProfile::Rtp, false).await.unwrap();
    let answer = phone.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    core.apply(PHONE, &answer).await.unwrap();
    say(&mut courier, &mut phone, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_that_is_joined_anew_leaves_its_old_partner() {
    let (mut core, mut courier, mut phone) = call(&[Codec::Pcmu]).await;
    core.forward(true);
    say(&mut courier, &mut phone, 6).await;
    let (other, mut second) = (LegId(3), Far::phone(&[Codec::Pcma]));
    let offer = second.session.create_offer(Direction::SendRecv).await.unwrap();
    let answer = core.answer(other, LegProfile::Rtp, &offer).await.unwrap();
    second.session.apply_answer(&answer).await.unwrap();
    core.plane.send(MediaCommand::Join { a: other, b: COURIER });
    core.plane.send(MediaCommand::SetForward { leg: other, on: true });
    let (said, heard) = say(&mut courier, &mut second, 7).await;
    assert!(similarity(&said, &heard, 8_000).is_intelligible());
    while let Ok(packet) = phone.packets.try_recv() {
        drop(packet);
    }
    for _ in 0..5 {
        assert_eq!(phone.packet().await.payload, [0xFF; 160]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_is_answered_once_whatever_is_wrong_with_it() {
    let mut core = Core::new(None);
    let unknown = LegId(99);
    assert_eq!(core.apply(unknown, "v=0\r\n").await, Err(MediaFailure::NoSuchLeg));
    assert_eq!(core.answer(COURIER, LegProfile::WebRtc, "nonsense").await, Err(MediaFailure::BadSdp));
    let phone = Far::phone(&[Codec::Pcmu]);
    let plain = phone.session.create_offer(Direction::SendRecv).await.unwrap();
    assert_eq!(core.answer(COURIER, LegProfile::WebRtc, &plain).await, Err(MediaFailure::NoCommonCodec));
    let foreign = plain.replace(" 0 101", " 18").replace("PCMU/8000", "G729/8000");
    assert_eq!(core.answer(PHONE, LegProfile::Rtp, &foreign).await, Err(MediaFailure::NoCommonCodec));
    // The leg stands all the same, and a good offer is answered.
    core.answer(PHONE, LegProfile::Rtp, &plain).await.unwrap();
    assert_eq!(core.apply(PHONE, &plain).await, Err(MediaFailure::BadSdp), "nothing was offered");
    core.plane.send(MediaCommand::Join { a: PHONE, b: unknown });
    core.plane.send(MediaCommand::SetForward { leg: unknown, on: true });
    core.plane.send(MediaCommand::SendDtmf { leg: PHONE, digit: 'x', duration_ms: 1 });
    core.close(PHONE).await;
    core.close(COURIER).await;
    assert_eq!(core.apply(PHONE, &plain).await, Err(MediaFailure::NoSuchLeg));
    assert!(core.waiting.is_empty(), "{:?}", core.waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_run_out_and_come_back() {
    let probe = std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let first = probe.local_addr().unwrap().port() & !1;
    drop(probe);
    let mut core = Core::new(Some((first, first + 3)));
    let mut made = Vec::new();
    let refused = loop {
        let leg = LegId(made.len() as u64);
        match core.offer(leg, LegProfile::Rtp, false).await {
            Ok(_) => made.push(leg),
            Err(reason) => break reason,
        }
    };
    assert_eq!(refused, MediaFailure::NoResources);
    assert!((1..=2).contains(&made.len()));
    core.close(made[0]).await;
    core.offer(LegId(50), LegProfile::Rtp, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_leaves_is_told() {
    let (mut core, courier, _phone) = call(&[Codec::Pcmu]).await;
    courier.session.close().await;
    core.expect(MediaEvent::Disconnected { leg: COURIER }).await;
}

#[tokio::test]
async fn a_plane_without_an_address_does_not_start() {
    let nowhere = Addresses { edge: Vec::new(), trunk: LOOPBACK, trunk_advertised: None };
    assert!(matches!(start(&config(None), nowhere, Vec::new()), Err(MediaStartError::NoEdgeAddress)));
    let any = Addresses { edge: vec!["0.0.0.0".parse().unwrap()], trunk: LOOPBACK, trunk_advertised: None };
    assert!(matches!(start(&config(None), any, Vec::new()), Err(MediaStartError::Address { .. })));
}
