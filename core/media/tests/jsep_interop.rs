//! A session against a peer connection that follows JSEP (RFC 9429), as browsers do: `rtc`'s own, which shares the
//! lower protocols with this crate but neither its descriptions nor its driving.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod common;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common::{LOOPBACK, Side, within};
use doorstep_media::{
    sdp::{Codec, Direction},
    transport::TransportEvent,
};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            media_engine::{MIME_TYPE_OPUS, MediaEngine},
            setting_engine::SettingEngineBuilder,
        },
        message::{RTCMessage, TaggedRTCMessage},
        sdp::RTCSessionDescription,
        transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate},
    },
    rtp,
    rtp_transceiver::{
        RTCRtpSenderId,
        rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};
use tokio::net::UdpSocket;

const SSRC: u32 = 77;

/// A browser's tab, as far as sound goes: one audio track; and a video section it also asks for.
struct Tab {
    connection: RTCPeerConnection,
    socket: UdpSocket,
    sender: RTCRtpSenderId,
    sequence: u16,
}

impl Tab {
    async fn new() -> Self {
        Self::with(false).await
    }

    /// `lite`: it answers ICE's checks and makes none (RFC 8445 section 2.7), as many servers do.
    async fn with(lite: bool) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(SettingEngineBuilder::new().with_lite(lite).build())
            .build(Instant::now())
            .unwrap();
        let opus = RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: Vec::new(),
        };
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
            codec: opus,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "stream".to_owned(),
            "track".to_owned(),
            "label".to_owned(),
            RtpCodecKind::Audio,
            vec![coding],
        );
        let sender = connection.add_track(track).unwrap();
        let address = socket.local_addr().unwrap();
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: address.ip().to_string(),
                port: address.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let candidate = candidate.new_candidate_host().unwrap();
        connection.add_local_candidate(RTCIceCandidate::from(&candidate).to_json().unwrap()).unwrap();
        Self { connection, socket, sender, sequence: 0 }
    }

    /// Does what is due, for at most 20 ms; returns the payloads that came.
    async fn turn(&mut self) -> Vec<Bytes> {
        while let Some(out) = self.connection.poll_write() {
            self.socket.send_to(&out.message, out.transport.peer_addr).await.unwrap();
        }
        while self.connection.poll_event().is_some() {}
        let mut heard = Vec::new();
        while let Some(TaggedRTCMessage { message, .. }) = self.connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message {
                heard.push(packet.payload);
            }
        }
        let now = Instant::now();
        let due = self.connection.poll_timeout().unwrap_or(now + Duration::from_secs(1));
        let wait = due.saturating_duration_since(now).min(Duration::from_millis(20));
        let mut buffer = [0; 2_048];
        match tokio::time::timeout(wait, self.socket.recv_from(&mut buffer)).await {
            Ok(received) => {
                let (length, peer_addr) = received.unwrap();
                let transport = TransportContext {
                    local_addr: self.socket.local_addr().unwrap(),
                    peer_addr,
                    transport_protocol: TransportProtocol::UDP,
                    ecn: None,
                };
                let message = BytesMut::from(&buffer[..length]);
                self.connection
                    .handle_read(TaggedBytesMut { now: Instant::now(), transport, message })
                    .unwrap();
            }
            Err(_) => self.connection.handle_timeout(Instant::now()).unwrap(),
        }
        heard
    }

    fn say(&mut self, payload: &'static [u8]) {
        self.sequence += 1;
        let header = rtp::header::Header {
            version: 2,
            payload_type: 111,
            sequence_number: self.sequence,
            timestamp: u32::from(self.sequence) * 960,
            ssrc: SSRC,
            ..Default::default()
        };
        let packet = rtp::packet::Packet { header, payload: Bytes::from_static(payload) };
        // Before it is connected it drops what is said, as a browser does.
        let _said = self.connection.rtp_sender(self.sender).unwrap().write_rtp(Instant::now(), packet);
    }
}

/// Runs the tab until each has heard the other.
async fn talk(tab: &mut Tab, side: &mut Side) {
    within(async {
        let (mut tab_heard, mut side_heard) = (false, false);
        while !(tab_heard && side_heard) {
            tab.say(b"from the tab");
            side.send(0, b"from the session");
            tab_heard |= tab.turn().await.iter().any(|payload| payload.as_ref() == b"from the session");
            while let Ok(packet) = side.packets.try_recv() {
                assert_eq!(
                    (packet.codec, packet.payload.as_slice()),
                    (Codec::Opus, b"from the tab".as_slice())
                );
                side_heard = true;
            }
        }
    })
    .await;
    side.wait_for(TransportEvent::Connected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_offers_sound_and_picture_gets_sound() {
    let (mut tab, mut side) = (Tab::new().await, Side::web_rtc());
    tab.connection.add_transceiver_from_kind(RtpCodecKind::Video, None).unwrap();
    let offer = tab.connection.create_offer(None).unwrap();
    tab.connection.set_local_description(Instant::now(), offer).unwrap();
    let offer = tab.connection.local_description().unwrap().sdp.clone();
    let answer = side.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    assert!(answer.lines().any(|line| line.starts_with("m=video 0 ")));
    let answer = RTCSessionDescription::answer(answer).unwrap();
    tab.connection.set_remote_description(Instant::now(), answer).unwrap();
    talk(&mut tab, &mut side).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_is_called_answers_and_talks() {
    let (mut tab, mut side) = (Tab::new().await, Side::web_rtc());
    let offer = side.session.create_offer(Direction::SendRecv).await.unwrap();
    tab.connection
        .set_remote_description(Instant::now(), RTCSessionDescription::offer(offer).unwrap())
        .unwrap();
    let answer = tab.connection.create_answer(None).unwrap();
    tab.connection.set_local_description(Instant::now(), answer).unwrap();
    let answer = tab.connection.local_description().unwrap().sdp.clone();
    side.session.apply_answer(&answer).await.unwrap();
    talk(&mut tab, &mut side).await;

    // It is put on hold and taken back.
    for wanted in [Direction::SendOnly, Direction::SendRecv] {
        let offer = side.session.create_offer(wanted).await.unwrap();
        tab.connection
            .set_remote_description(Instant::now(), RTCSessionDescription::offer(offer).unwrap())
            .unwrap();
        let answer = tab.connection.create_answer(None).unwrap();
        tab.connection.set_local_description(Instant::now(), answer).unwrap();
        let answer = tab.connection.local_description().unwrap().sdp.clone();
        side.session.apply_answer(&answer).await.unwrap();
        assert_eq!(side.session.negotiated().unwrap().local_direction, wanted);
    }
    let (mut heard, mut turns) = (false, 0);
    while !heard && turns < 500 {
        side.send(0, b"back again");
        heard = tab.turn().await.iter().any(|payload| payload.as_ref() == b"back again");
        turns += 1;
    }
    assert!(heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lite_peer_is_found_whoever_offers() {
    let (mut peer, mut side) = (Tab::with(true).await, Side::web_rtc());
    let offer = side.session.create_offer(Direction::SendRecv).await.unwrap();
    peer.connection
        .set_remote_description(Instant::now(), RTCSessionDescription::offer(offer).unwrap())
        .unwrap();
    let answer = peer.connection.create_answer(None).unwrap();
    peer.connection.set_local_description(Instant::now(), answer).unwrap();
    let answer = peer.connection.local_description().unwrap().sdp.clone();
    assert!(answer.contains("a=ice-lite"));
    side.session.apply_answer(&answer).await.unwrap();
    talk(&mut peer, &mut side).await;

    let (mut peer, mut side) = (Tab::with(true).await, Side::web_rtc());
    let offer = peer.connection.create_offer(None).unwrap();
    peer.connection.set_local_description(Instant::now(), offer).unwrap();
    let offer = peer.connection.local_description().unwrap().sdp.clone();
    let answer = side.session.create_answer(&offer, Direction::SendRecv).await.unwrap();
    let answer = RTCSessionDescription::answer(answer).unwrap();
    peer.connection.set_remote_description(Instant::now(), answer).unwrap();
    talk(&mut peer, &mut side).await;
}
