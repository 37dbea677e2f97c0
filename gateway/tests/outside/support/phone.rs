//! The customer's telephone, seen through the carrier: SIP over UDP, a plain RTP socket.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use doorstep_sip::framing::{Frame, Framer, FramingLimits};
use doorstep_sip::msg::{Headers, Host, NameAddr, Request, Response, SipUri, StatusCode};
use doorstep_sip::ua::{EndCause, FlowInfo, Invite, Reply, SessionEvent, SessionId, TransportKind, UaEvent};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::agent::{Agent, Wire};

/// A UDP socket and where the gateway is; known only after the gateway has started.
pub(crate) struct Datagrams {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) gateway: Option<SocketAddr>,
}

impl Wire for Datagrams {
    async fn receive(&mut self) -> Option<Bytes> {
        let mut buffer = vec![0; 65_535];
        let (length, from) = self.socket.recv_from(&mut buffer).await.unwrap();
        self.gateway = Some(from);
        Some(Bytes::copy_from_slice(&buffer[..length]))
    }

    async fn send(&mut self, bytes: Bytes) {
        let to = self.gateway.unwrap();
        self.socket.send_to(&bytes, to).await.unwrap();
    }
}

/// See the [module](self).
pub(crate) struct Phone<W = Datagrams> {
    pub(crate) agent: Agent<W>,
    pub(crate) address: SocketAddr,
    rtp: UdpSocket,
}

impl Phone {
    pub(crate) async fn new() -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap();
        let info = FlowInfo {
            transport: TransportKind::Udp,
            host: Host::Address(address.ip()),
            port: Some(address.port()),
            contact: SipUri::from(address),
            remote: None,
        };
        let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { agent: Agent::new(Datagrams { socket, gateway: None }, info), address, rtp }
    }

    /// Calls the company's number.
    pub(crate) async fn call(&mut self, gateway: SocketAddr, from: &str, to: &str) -> SessionId {
        self.agent.wire.gateway = Some(gateway);
        self.call_over(gateway, from, to).await
    }
}

impl<W: Wire> Phone<W> {
    /// Over a wire that stands, as a carrier on `address`.
    pub(crate) async fn over(wire: W, transport: TransportKind, address: SocketAddr) -> Self {
        let mut contact = SipUri::from(address);
        contact.params.set("transport", Some("tcp")).unwrap();
        let info = FlowInfo {
            transport,
            host: Host::Address(address.ip()),
            port: Some(address.port()),
            contact,
            remote: None,
        };
        let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { agent: Agent::new(wire, info), address, rtp }
    }

    /// Calls the company's number over the wire as it is.
    pub(crate) async fn call_over(&mut self, gateway: SocketAddr, from: &str, to: &str) -> SessionId {
        let uri = SipUri::new(Host::Address(gateway.ip())).with_port(gateway.port()).with_user(to);
        let invite = Invite {
            to: NameAddr::new(uri.clone()),
            uri: uri.into(),
            from: NameAddr::new(SipUri::new(Host::domain("carrier.example").unwrap()).with_user(from)),
            call_id: None,
            headers: Headers::default(),
            sdp: self.sdp(),
        };
        let (now, flow) = (self.agent.now(), self.agent.flow);
        let session = self.agent.ua.invite(now, flow, invite).unwrap();
        self.agent.flush().await;
        session
    }

    /// A description with PCMA, on our own port.
    pub(crate) fn sdp(&self) -> Bytes {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        )
        .into()
    }

    /// Waits for one packet of sound.
    pub(crate) async fn hears_rtp(&self) {
        let mut packet = [0; 2000];
        let length = super::soon("RTP at the phone", self.rtp.recv(&mut packet)).await.unwrap();
        assert!(
            length >= 12 && packet[0] >> 6 == 2 && packet[1] & 0x7f == 8,
            "no PCMA: {:02x?}",
            &packet[..2]
        );
    }

    /// Waits until a tone is heard.
    pub(crate) async fn hears_tone(&self, hz: usize) {
        let heard = async {
            let (mut packet, mut pcm) = ([0; 2000], [0; 160]);
            loop {
                let length = self.rtp.recv(&mut packet).await.unwrap();
                if length != 12 + pcm.len() || packet[1] & 0x7f != 8 {
                    continue;
                }
                doorstep_media::codec::Law::A.decode(&packet[12..length], &mut pcm);
                let crossings = pcm.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
                let loud = pcm.iter().any(|sample| *sample > 5_000);
                // In 20 ms.
                if loud && crossings.abs_diff(2 * hz / 50) <= 1 {
                    return;
                }
            }
        };
        super::soon("a tone at the phone", heard).await;
    }

    /// The INVITE that makes it ring.
    pub(crate) async fn invited(&mut self) -> (SessionId, Request) {
        self.agent
            .expect("an INVITE", |event| match event {
                UaEvent::IncomingInvite { session, request, .. } => Some((session, request)),
                _ => None,
            })
            .await
    }

    pub(crate) async fn ring(&mut self, session: SessionId) {
        let now = self.agent.now();
        self.agent.ua.progress(now, session, StatusCode::RINGING, Headers::default(), None).unwrap();
        self.agent.flush().await;
    }

    pub(crate) async fn answer(&mut self, session: SessionId) {
        let (now, sdp) = (self.agent.now(), self.sdp());
        self.agent.ua.answer(now, session, Headers::default(), sdp).unwrap();
        self.agent
            .expect("ACK", |event| match event {
                UaEvent::Session { event: SessionEvent::Confirmed { .. }, .. } => Some(()),
                _ => None,
            })
            .await;
    }

    pub(crate) async fn reject(&mut self, session: SessionId, status: u16) {
        let now = self.agent.now();
        let status = StatusCode::new(status).unwrap();
        self.agent.ua.reject(now, session, Reply::new(status)).unwrap();
        self.agent.flush().await;
    }

    pub(crate) async fn answered(&mut self) -> Response {
        self.agent
            .expect("200 to INVITE", |event| match event {
                UaEvent::Session { event: SessionEvent::Answered { response }, .. } => Some(response),
                UaEvent::Session { event: SessionEvent::Ended { cause }, .. } => {
                    panic!("ended before 200: {cause:?}")
                }
                _ => None,
            })
            .await
    }

    pub(crate) async fn ended(&mut self) -> EndCause {
        self.agent
            .expect("the call's end", |event| match event {
                UaEvent::Session { event: SessionEvent::Ended { cause }, .. } => Some(cause),
                _ => None,
            })
            .await
    }

    pub(crate) async fn hang_up(&mut self, session: SessionId) {
        let now = self.agent.now();
        self.agent.ua.end(now, session, None).unwrap();
        self.ended().await;
    }
}

/// A TCP or TLS connection, cut into messages.
pub(crate) struct StreamWire<S> {
    stream: S,
    framer: Framer,
}

impl<S> StreamWire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, framer: Framer::new(FramingLimits::default()) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for StreamWire<S> {
    async fn receive(&mut self) -> Option<Bytes> {
        let mut buffer = [0; 4096];
        loop {
            while let Some(frame) = self.framer.next_frame().unwrap() {
                if let Frame::Message(bytes) = frame {
                    return Some(bytes);
                }
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.framer.push(&buffer[..length]),
            }
        }
    }

    async fn send(&mut self, bytes: Bytes) {
        self.stream.write_all(&bytes).await.unwrap();
    }
}
