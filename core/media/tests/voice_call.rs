//! Speech that goes the whole way: microphone, Opus, SRTP, a gateway's transcoder, plain RTP with G.711, the other ear;
//! and back. The test moves the devices, so nothing depends on how fast the machine is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Side, exchange, within};
use doorstep_media::{
    device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource},
    dtmf::Digit,
    sdp::{Codec, Direction},
    session::MediaSession,
    transcode::Transcoder,
    transport::{IncomingPacket, PacketReceiver, PacketSink, TransportEvent},
    voice::{VoiceConfig, VoiceEvent, VoicePath},
};
use doorstep_testkit::speech::{similarity, synthetic_speech};
use tokio::sync::mpsc::Receiver;

type Ends = (Box<dyn CaptureSink>, Box<dyn PlayoutSource>);

struct Puppet {
    rate: u32,
    ends: Arc<Mutex<Option<Ends>>>,
}

impl AudioDevice for Puppet {
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

/// A person with a telephone.
struct Person {
    path: VoicePath,
    events: Receiver<VoiceEvent>,
    ends: Arc<Mutex<Option<Ends>>>,
    rate: u32,
    heard: Vec<i16>,
}

impl Person {
    fn at(session: &MediaSession, rate: u32) -> Self {
        let ends = Arc::new(Mutex::new(None));
        let device = Puppet { rate, ends: ends.clone() };
        let (path, events) = VoicePath::new(Box::new(device), VoiceConfig::default());
        session.set_receiver(path.receiver());
        path.connect(session.sink(), &session.negotiated().unwrap()).unwrap();
        path.start().unwrap();
        path.start_sending();
        Self { path, events, ends, rate, heard: Vec::new() }
    }

    /// 20 ms at the telephone.
    fn live(&mut self, said: &[i16]) {
        let mut frame = vec![0; (self.rate / 50) as usize];
        let mut ends = self.ends.lock().unwrap();
        let (capture, playout) = ends.as_mut().unwrap();
        capture.captured(said);
        playout.fill(&mut frame);
        self.heard.extend(frame);
    }

    /// Until so many packets have come.
    async fn has_received(&self, packets: u64) {
        let arrived = async {
            while self.path.stats().packets_received < packets {
                tokio::task::yield_now().await;
            }
        };
        within(arrived).await;
    }
}

/// One direction through the gateway.
struct Joint {
    transcoder: Transcoder,
    sink: Arc<dyn PacketSink>,
}

impl Joint {
    fn between(from: &MediaSession, to: &MediaSession) {
        let transcoder =
            Transcoder::new(from.negotiated().unwrap().voice, to.negotiated().unwrap().voice).unwrap();
        from.set_receiver(Box::new(Self { transcoder, sink: to.sink() }));
    }
}

impl PacketReceiver for Joint {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        self.transcoder.push(packet, &mut |packet| self.sink.send(packet));
    }
}

async fn connected(a: &mut Side, b: &mut Side) {
    // Plain RTP is connected by its first packet.
    a.send(0, &[0xD5; 160]);
    b.send(0, &[0xD5; 160]);
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courier_and_a_customer_understand_each_other_through_a_gateway() {
    let (mut app, mut edge) = (Side::web_rtc(), Side::web_rtc());
    exchange(&app, &edge, Direction::SendRecv).await;
    app.wait_for(TransportEvent::Connected).await;
    edge.wait_for(TransportEvent::Connected).await;
    let (mut trunk, mut phone) = (Side::rtp(), Side::rtp());
    exchange(&trunk, &phone, Direction::SendRecv).await;
    connected(&mut trunk, &mut phone).await;
    assert_eq!(app.session.negotiated().unwrap().voice.codec, Codec::Opus);
    assert_eq!(phone.session.negotiated().unwrap().voice.codec, Codec::Pcma);
    Joint::between(&edge.session, &trunk.session);
    Joint::between(&trunk.session, &edge.session);

    let mut courier = Person::at(&app.session, 48_000);
    let mut customer = Person::at(&phone.session, 8_000);
    let said_by_courier = synthetic_speech(1, 48_000, 4_000);
    let said_by_customer = synthetic_speech(2, 8_000, 4_000);
    let frames = said_by_courier.chunks_exact(960).zip(said_by_customer.chunks_exact(160));
    for (n, (courier_says, customer_says)) in (1..).zip(frames) {
        courier.live(courier_says);
        customer.live(customer_says);
        customer.has_received(n).await;
        courier.has_received(n).await;
    }

    let reference: Vec<i16> = {
        let mut narrow = vec![0; said_by_courier.len() / 6];
        let mut resampler = doorstep_media::resample::Resampler::new(48_000, 8_000).unwrap();
        resampler.process(&said_by_courier, &mut narrow).unwrap();
        narrow
    };
    let by_customer = similarity(&reference, &customer.heard, 8_000);
    assert!(by_customer.score > 0.75, "{by_customer:?} {:?}", customer.path.stats());
    let wide: Vec<i16> = {
        let mut wide = vec![0; said_by_customer.len() * 6];
        let mut resampler = doorstep_media::resample::Resampler::new(8_000, 48_000).unwrap();
        resampler.process(&said_by_customer, &mut wide).unwrap();
        wide
    };
    let by_courier = similarity(&wide, &courier.heard, 48_000);
    assert!(by_courier.score > 0.75, "{by_courier:?} {:?}", courier.path.stats());
    // Each hears the other and not itself.
    assert!(
        similarity(&reference, &customer.heard, 8_000).score
            > similarity(&said_by_customer, &customer.heard, 8_000).score + 0.3
    );
    for person in [&courier, &customer] {
        let stats = person.path.stats();
        assert_eq!((stats.jitter.lost, stats.packets_dropped), (0, 0), "{stats:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_and_voice_cross_one_srtp_session() {
    let (mut a, mut b) = (Side::web_rtc(), Side::web_rtc());
    exchange(&a, &b, Direction::SendRecv).await;
    a.wait_for(TransportEvent::Connected).await;
    b.wait_for(TransportEvent::Connected).await;
    let (mut from, mut to) = (Person::at(&a.session, 48_000), Person::at(&b.session, 48_000));
    for key in "0#".chars() {
        from.path.send_dtmf(Digit::from_char(key).unwrap(), Duration::from_millis(60)).unwrap();
    }
    let speech = synthetic_speech(3, 48_000, 1_000);
    for frame in speech.chunks_exact(960) {
        from.live(frame);
        to.live(&[0; 960]);
    }
    let mut told = Vec::new();
    while told.iter().filter(|event| matches!(event, VoiceEvent::Digit(_))).count() < 2 {
        told.push(within(to.events.recv()).await.unwrap());
    }
    let keys: Vec<char> = told
        .into_iter()
        .filter_map(|event| match event {
            VoiceEvent::Digit(digit) => Some(digit.to_char()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ['0', '#']);
}
