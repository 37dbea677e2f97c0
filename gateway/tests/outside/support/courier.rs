//! A courier's app: WebSocket, SIP, and media by the voice engine.

use bytes::Bytes;
use doorstep_media::sdp::Direction;
use doorstep_media::session::{LocalAddress, MediaSession, SessionConfig};
use doorstep_media::transport::TransportEvent;
use doorstep_sip::msg::{HeaderName, Headers, Host, Method, NameAddr, Response, SipUri, StatusCode};
use doorstep_sip::ua::{
    EndCause, FlowInfo, Invite, OutOfDialog, RequestId, SessionEvent, SessionId, TransportKind, UaEvent,
};
use futures_util::{SinkExt, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::agent::{Agent, Wire};
use super::gateway::Gateway;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects; `Err` holds the HTTP status, the headers and the body of a refusal.
pub(crate) async fn upgrade(url: &str, token: Option<&str>) -> Result<Socket, http::Response<String>> {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
            Ok(socket)
        }
        Err(Error::Http(response)) => {
            let (parts, body) = response.into_parts();
            let body = String::from_utf8(body.unwrap_or_default()).unwrap();
            Err(http::Response::from_parts(parts, body))
        }
        Err(error) => panic!("the edge does not answer: {error}"),
    }
}

impl Wire for Socket {
    async fn receive(&mut self) -> Option<Bytes> {
        loop {
            match self.next().await? {
                Ok(Message::Text(text)) => return Some(Bytes::from(text)),
                Ok(Message::Binary(bytes)) => return Some(bytes),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) | Err(_) => return None,
            }
        }
    }

    async fn send(&mut self, bytes: Bytes) {
        // A closed connection shows at the next receive.
        let _ = SinkExt::send(self, Message::text(String::from_utf8(bytes.to_vec()).unwrap())).await;
    }
}

/// The app's `+sip.instance`, by which push-service knows the device.
pub(crate) const INSTANCE: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

/// See the [module](self).
pub(crate) struct Courier {
    pub(crate) agent: Agent<Socket>,
    pub(crate) name: String,
    media: Option<(MediaSession, mpsc::Receiver<TransportEvent>)>,
    /// Our answer to the INVITE that rings.
    answer: Option<Bytes>,
}

impl Courier {
    /// Connected with a token.
    pub(crate) async fn connect(gateway: &Gateway, name: &str) -> Self {
        let socket = upgrade(&gateway.edge(), Some(&gateway.token(name))).await.unwrap();
        Self::over(socket, name)
    }

    pub(crate) fn over(socket: Socket, name: &str) -> Self {
        let host = Host::domain("x7f3a.invalid").unwrap();
        let mut contact = SipUri::new(host.clone()).with_user("app");
        contact.params.set("transport", Some("ws")).unwrap();
        let info = FlowInfo { transport: TransportKind::Ws, host, port: None, contact, remote: None };
        Self { agent: Agent::new(socket, info), name: name.to_owned(), media: None, answer: None }
    }

    pub(crate) fn address(&self) -> NameAddr {
        NameAddr::new(SipUri::new(domain()).with_user(&self.name))
    }

    /// Registers and waits for the answer.
    pub(crate) async fn register(&mut self) -> Response {
        self.register_with("", 600).await
    }

    /// Registers as an app that can be woken (RFC 8599).
    pub(crate) async fn register_for_push(&mut self, token: &str) -> Response {
        self.register_with(&push_parameters(token), 600).await
    }

    /// The same without waiting for the answer: a call that waits may come before it.
    pub(crate) async fn begin_register_for_push(&mut self, token: &str) {
        self.begin_register(contact(&push_parameters(token), 600));
        self.agent.flush().await;
    }

    pub(crate) async fn unregister(&mut self) -> Response {
        self.register_with("", 0).await
    }

    async fn register_with(&mut self, push: &str, expires: u32) -> Response {
        self.send_register(contact(push, expires)).await
    }

    /// A REGISTER without a Contact.
    pub(crate) async fn ask_bindings(&mut self) -> Response {
        self.send_register(Headers::default()).await
    }

    fn begin_register(&mut self, headers: Headers) -> RequestId {
        let request = OutOfDialog {
            method: Method::Register,
            uri: SipUri::new(domain()).into(),
            from: self.address(),
            to: self.address(),
            sequence: None,
            headers,
            body: Bytes::new(),
        };
        let (now, flow) = (self.agent.now(), self.agent.flow);
        self.agent.ua.send_request(now, flow, request).unwrap()
    }

    async fn send_register(&mut self, headers: Headers) -> Response {
        let id = self.begin_register(headers);
        self.agent
            .expect("the answer to REGISTER", |event| match event {
                UaEvent::Response { id: of, response } if of == id && response.status.is_final() => {
                    Some(response)
                }
                _ => None,
            })
            .await
    }

    /// Presses "contact customer".
    pub(crate) async fn contact(&mut self, order: &str) -> SessionId {
        let session = MediaSession::new(SessionConfig::web_rtc(vec![loopback()])).unwrap();
        let offer = session.0.create_offer(Direction::SendRecv).await.unwrap();
        self.media = Some(session);
        let uri = SipUri::new(domain()).with_user(&format!("order.{order}"));
        let invite = Invite {
            to: NameAddr::new(uri.clone()),
            uri: uri.into(),
            from: self.address(),
            call_id: None,
            headers: Headers::default(),
            sdp: offer.into(),
        };
        let (now, flow) = (self.agent.now(), self.agent.flow);
        let session = self.agent.ua.invite(now, flow, invite).unwrap();
        self.agent.flush().await;
        session
    }

    /// Waits for a provisional answer of this status, and takes its description if there is one.
    pub(crate) async fn progress(&mut self, status: u16) -> Response {
        let what = format!("{status} to INVITE");
        let response = self
            .agent
            .expect(&what, |event| match event {
                UaEvent::Session { event: SessionEvent::Progress { response }, .. }
                    if response.status.code() == status =>
                {
                    Some(response)
                }
                UaEvent::Session { event: SessionEvent::Ended { cause }, .. } => {
                    panic!("ended before {what}: {cause:?}")
                }
                _ => None,
            })
            .await;
        self.take(&response.body).await;
        response
    }

    pub(crate) async fn answered(&mut self) -> Response {
        let response = self
            .agent
            .expect("200 to INVITE", |event| match event {
                UaEvent::Session { event: SessionEvent::Answered { response }, .. } => Some(response),
                UaEvent::Session { event: SessionEvent::Ended { cause }, .. } => {
                    panic!("ended before 200: {cause:?}")
                }
                _ => None,
            })
            .await;
        self.take(&response.body).await;
        response
    }

    /// Waits for the media path to stand.
    pub(crate) async fn connected(&mut self) {
        let (_, events) = self.media.as_mut().unwrap();
        let up = async {
            while let Some(event) = events.recv().await {
                if event == TransportEvent::Connected {
                    return;
                }
            }
            panic!("the media session ended");
        };
        // The connection's messages must be read meanwhile.
        tokio::select! {
            () = super::soon("the courier's media path", up) => {}
            _ = self.agent.next() => panic!("SIP instead of a media path"),
        }
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

    /// The answer in a refusal.
    pub(crate) async fn refused(&mut self) -> Response {
        match self.ended().await {
            EndCause::Refused { response } => response,
            other => panic!("not refused but {other:?}"),
        }
    }

    /// Rings: 183 with an answer, then 180. The INVITE's own text comes back.
    pub(crate) async fn rings(&mut self) -> (SessionId, doorstep_sip::msg::Request) {
        let (session, request) = self
            .agent
            .expect("an INVITE", |event| match event {
                UaEvent::IncomingInvite { session, request, .. } => Some((session, request)),
                _ => None,
            })
            .await;
        let media = MediaSession::new(SessionConfig::web_rtc(vec![loopback()])).unwrap();
        let offer = String::from_utf8(request.body.to_vec()).unwrap();
        let answer = Bytes::from(media.0.create_answer(&offer, Direction::SendRecv).await.unwrap());
        self.answer = Some(answer.clone());
        self.media = Some(media);
        let now = self.agent.now();
        let headers = Headers::default;
        self.agent.ua.progress(now, session, StatusCode::SESSION_PROGRESS, headers(), Some(answer)).unwrap();
        self.agent.ua.progress(now, session, StatusCode::RINGING, headers(), None).unwrap();
        self.agent.flush().await;
        (session, request)
    }

    /// Answers with the description of the 183.
    pub(crate) async fn answer(&mut self, session: SessionId) {
        let sdp = self.answer.clone().unwrap();
        let now = self.agent.now();
        self.agent.ua.answer(now, session, Headers::default(), sdp).unwrap();
        self.agent.flush().await;
    }

    async fn take(&mut self, body: &Bytes) {
        if body.is_empty() {
            return;
        }
        let answer = String::from_utf8(body.to_vec()).unwrap();
        let (session, _) = self.media.as_ref().unwrap();
        session.apply_answer(&answer).await.unwrap();
    }
}

fn domain() -> Host {
    Host::domain("doorstep.invalid").unwrap()
}

fn loopback() -> LocalAddress {
    LocalAddress::direct([127, 0, 0, 1].into())
}

fn push_parameters(token: &str) -> String {
    format!(";pn-provider=fcm;pn-param=project;pn-prid={token}")
}

fn contact(push: &str, expires: u32) -> Headers {
    let mut headers = Headers::default();
    let contact = format!(
        "<sip:app@x7f3a.invalid;transport=ws{push}>;+sip.instance=\"<urn:uuid:{INSTANCE}>\";reg-id=1;expires={expires}"
    );
    headers.push(HeaderName::Contact, contact).unwrap();
    headers.push(HeaderName::Supported, "path, outbound").unwrap();
    headers
}
