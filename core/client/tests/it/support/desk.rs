//! The side of the stand-in that does the work: its user agent, its connections, and the media of its calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use doorstep_media::sdp::Direction;
use doorstep_media::session::{LocalAddress, MediaSession, SessionConfig};
use doorstep_sip::Timestamp;
use doorstep_sip::msg::{HeaderName, Headers, Method, NameAddr, Request, Response, SipUri, StatusCode};
use doorstep_sip::registrar::{self, RegisterAction, RegistrarLimits};
use doorstep_sip::ua::{
    FlowId, FlowInfo, IncomingId, Invite, Reply, SessionEvent, SessionId, TransportKind, UaConfig, UaError,
    UaEvent, UaOutput, UserAgent,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::ears::{Ears, Mouth};
use super::gateway::{Order, Seen};
use super::server::{Identity, Manners, Peer, Server};

enum Net {
    Frame(FlowId, Bytes),
    Closed(FlowId),
}

/// See the [module](self).
pub(super) struct Desk {
    epoch: Instant,
    ua: UserAgent,
    server: Option<Server>,
    manners: Manners,
    address: SocketAddr,
    identity: Arc<Identity>,
    flows: BTreeMap<FlowId, mpsc::Sender<Message>>,
    connections: JoinSet<()>,
    numbers: u64,
    net: (mpsc::Sender<Net>, mpsc::Receiver<Net>),
    digits: (mpsc::Sender<char>, mpsc::Receiver<char>),
    calls: BTreeMap<SessionId, FarCall>,
    loud: watch::Sender<bool>,
    seen: mpsc::Sender<Seen>,
    /// A change of media that waits for the end of another.
    postponed: Option<Order>,
    /// Whoever registers next is called by this name.
    waiting: Option<&'static str>,
}

struct FarCall {
    media: Arc<MediaSession>,
    sdp: Bytes,
    mouth: Option<Mouth>,
    /// The far side's own call: the client's first description is an answer.
    ours: bool,
}

impl Desk {
    pub(super) fn new(
        server: Server,
        manners: Manners,
        seen: mpsc::Sender<Seen>,
        loud: watch::Sender<bool>,
    ) -> Self {
        let config = UaConfig { accepted_methods: vec![Method::Register], ..UaConfig::default() };
        let (address, identity) = (server.address, Arc::clone(&server.identity));
        Self {
            epoch: Instant::now(),
            ua: UserAgent::new(config, [7; 32]),
            server: Some(server),
            manners,
            address,
            identity,
            flows: BTreeMap::new(),
            connections: JoinSet::new(),
            numbers: 0,
            net: mpsc::channel(256),
            digits: mpsc::channel(256),
            calls: BTreeMap::new(),
            loud,
            seen,
            postponed: None,
            waiting: None,
        }
    }

    /// Until the test drops the other end.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            if let Some(order) = self.postponed.take() {
                self.obey(order).await;
            }
            self.drain().await;
            let due = self
                .ua
                .next_deadline()
                .map_or(self.epoch + std::time::Duration::from_secs(86_400), |deadline| {
                    self.epoch + deadline.since_epoch()
                });
            let accept = async {
                match &mut self.server {
                    Some(server) => server.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                peer = accept => self.connected(peer),
                Some(net) = self.net.1.recv() => {
                    let now = self.now();
                    match net {
                        Net::Frame(flow, bytes) => {
                            self.ua.handle_message(now, flow, &bytes);
                        }
                        Net::Closed(flow) => {
                            self.flows.remove(&flow);
                            self.ua.flow_closed(now, flow);
                            self.tell(Seen::Disconnected);
                        }
                    }
                }
                Some(digit) = self.digits.1.recv() => self.tell(Seen::Digit(digit)),
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                () = tokio::time::sleep_until(due) => {
                    let now = self.now();
                    self.ua.handle_timeout(now);
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    fn tell(&self, seen: Seen) {
        // A test that has ended does not look.
        let _ = self.seen.try_send(seen);
    }

    fn connected(&mut self, peer: Peer) {
        self.numbers += 1;
        let flow = FlowId(self.numbers);
        let contact: SipUri = "sip:gateway.invalid;transport=ws".parse().unwrap();
        let (transport, host) = (TransportKind::Wss, contact.host.clone());
        self.ua.flow_opened(flow, FlowInfo { transport, host, port: None, contact, remote: None });
        let (commands, mut queue) = mpsc::channel::<Message>(64);
        self.flows.insert(flow, commands);
        let net = self.net.0.clone();
        self.tell(Seen::Connected { authorization: peer.authorization });
        self.connections.spawn(async move {
            let (mut sink, mut stream) = peer.socket.split();
            loop {
                tokio::select! {
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => net.send(Net::Frame(flow, text.into())).await.unwrap(),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    },
                    message = queue.recv() => match message {
                        Some(message) => if sink.send(message).await.is_err() { break },
                        None => break,
                    },
                }
            }
            let _ = net.send(Net::Closed(flow)).await;
        });
    }

    async fn drain(&mut self) {
        while let Some(output) = self.ua.poll() {
            match output {
                UaOutput::Send { flow, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    if let Some(commands) = self.flows.get(&flow) {
                        let _ = commands.send(Message::text(text)).await;
                    }
                }
                UaOutput::Event(UaEvent::IncomingRequest { id, request, .. }) => {
                    self.register(id, &request);
                    if let Some(call_id) = self.waiting.take() {
                        self.call("4711", "Order 4711", Some(call_id)).await;
                    }
                }
                UaOutput::Event(UaEvent::IncomingInvite { session, request, .. }) => {
                    self.invited(session, &request).await;
                }
                UaOutput::Event(UaEvent::Session { session, event }) => self.session(session, event).await,
                UaOutput::Event(UaEvent::Response { .. } | UaEvent::RequestFailed { .. }) => {}
            }
        }
    }

    fn register(&mut self, id: IncomingId, request: &Request) {
        let now = self.now();
        let register = registrar::read(request, &RegistrarLimits::default()).unwrap();
        let RegisterAction::Update(contacts) = &register.action else { panic!("{register:?}") };
        let seen =
            Seen::Registered { expires_s: contacts[0].expires.as_secs(), push: contacts[0].push.is_some() };
        let kept = contacts.iter().filter(|contact| !contact.expires.is_zero());
        let reply = registrar::accept(&register, kept);
        self.ua.respond(now, id, reply).unwrap();
        self.tell(seen);
    }

    async fn invited(&mut self, session: SessionId, request: &Request) {
        self.tell(Seen::Invited { uri: request.uri.to_string() });
        let media = self.media();
        let offer = std::str::from_utf8(&request.body).unwrap();
        let sdp = Bytes::from(media.create_answer(offer, Direction::SendRecv).await.unwrap());
        let now = self.now();
        let progress = StatusCode::SESSION_PROGRESS;
        // The client may have given up meanwhile.
        let _ = self.ua.progress(now, session, progress, Headers::default(), Some(sdp.clone()));
        self.calls.insert(session, FarCall { media, sdp, mouth: None, ours: false });
    }

    fn media(&self) -> Arc<MediaSession> {
        let address = LocalAddress::direct([127, 0, 0, 1].into());
        let (media, mut events) = MediaSession::new(SessionConfig::web_rtc(vec![address])).unwrap();
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        media.set_receiver(Box::new(Ears::new(self.loud.clone(), self.digits.0.clone())));
        Arc::new(media)
    }

    async fn session(&mut self, session: SessionId, event: SessionEvent) {
        let now = self.now();
        match event {
            SessionEvent::Progress { response } => {
                self.answered(session, &response).await;
                if response.status == StatusCode::RINGING {
                    self.tell(Seen::Rings);
                }
            }
            SessionEvent::Answered { response } => {
                self.answered(session, &response).await;
                if let Some(call) = self.calls.get_mut(&session) {
                    call.mouth = Some(Mouth::open(Arc::clone(&call.media)));
                }
                self.tell(Seen::Taken);
            }
            SessionEvent::Confirmed { .. } => self.tell(Seen::Confirmed),
            SessionEvent::Offer { sdp } => {
                let call = &self.calls[&session];
                let offer = String::from_utf8(sdp.expect("an offer").to_vec()).unwrap();
                let answer = call.media.create_answer(&offer, Direction::SendRecv).await.unwrap();
                let direction = call.media.negotiated().unwrap().remote_direction;
                self.ua.accept_offer(now, session, answer.into()).unwrap();
                self.tell(Seen::Offered(direction));
            }
            SessionEvent::OfferAnswered { sdp } => {
                let answer = String::from_utf8(sdp.expect("an answer").to_vec()).unwrap();
                self.calls[&session].media.apply_answer(&answer).await.unwrap();
                self.tell(Seen::OfferTaken);
            }
            SessionEvent::Refer { incoming, request } => {
                let to = request.headers.get(&HeaderName::ReferTo).unwrap().to_owned();
                self.ua.respond(now, incoming, Reply::new(StatusCode::ACCEPTED)).unwrap();
                self.ua.notify(now, session, "SIP/2.0 200 OK", true).unwrap();
                self.tell(Seen::Refered { to });
            }
            SessionEvent::Ended { cause } => {
                if let Some(call) = self.calls.remove(&session) {
                    call.media.close().await;
                }
                self.tell(Seen::Ended(cause));
            }
            SessionEvent::FlowLost
            | SessionEvent::OfferRejected { .. }
            | SessionEvent::Info { .. }
            | SessionEvent::ReferAnswered { .. }
            | SessionEvent::Notify { .. } => {}
        }
    }

    async fn answered(&mut self, session: SessionId, response: &Response) {
        let Some(call) = self.calls.get_mut(&session).filter(|call| call.ours && !response.body.is_empty())
        else {
            return;
        };
        call.media.apply_answer(std::str::from_utf8(&response.body).unwrap()).await.unwrap();
    }

    async fn obey(&mut self, order: Order) {
        let now = self.now();
        let newest = self.calls.keys().next_back().copied();
        match order {
            Order::Ring => {
                self.ua
                    .progress(now, newest.unwrap(), StatusCode::RINGING, Headers::default(), None)
                    .unwrap();
            }
            Order::Answer => {
                let session = newest.unwrap();
                let call = self.calls.get_mut(&session).unwrap();
                call.mouth = Some(Mouth::open(Arc::clone(&call.media)));
                self.ua.answer(now, session, Headers::default(), call.sdp.clone()).unwrap();
            }
            Order::Refuse(status, reason, more) => {
                let mut reply = Reply::new(StatusCode::new(status).unwrap());
                reply.reason = Some(reason.to_owned());
                for (name, value) in more {
                    reply.headers.push(name.parse().unwrap(), value).unwrap();
                }
                self.ua.reject(now, newest.unwrap(), reply).unwrap();
            }
            Order::HangUp => self.ua.end(now, newest.unwrap(), None).unwrap(),
            Order::Hold(on) => {
                let direction = if on { Direction::SendOnly } else { Direction::SendRecv };
                let sdp = self.calls[&newest.unwrap()].media.create_offer(direction).await.unwrap();
                match self.ua.reoffer(now, newest.unwrap(), sdp.into()) {
                    Ok(()) => {}
                    // The client's ACK to the last change is on its way.
                    Err(UaError::OfferPending) => self.postponed = Some(Order::Hold(on)),
                    Err(error) => panic!("{error}"),
                }
            }
            Order::Call { order, label } => self.call(order, label, None).await,
            Order::CallWhoRegisters { call_id } => self.waiting = Some(call_id),
            Order::Raw(bytes) => {
                let text =
                    String::from_utf8(bytes.to_vec()).map_or_else(|_| Message::binary(bytes), Message::text);
                self.flows.values().next_back().unwrap().send(text).await.unwrap();
            }
            Order::Vanish => {
                self.server = None;
                self.connections.abort_all();
                while self.connections.join_next().await.is_some() {}
                while let Some((flow, _)) = self.flows.pop_first() {
                    self.ua.flow_closed(now, flow);
                }
            }
            Order::Return => {
                let server =
                    Server::start_on(self.address, Arc::clone(&self.identity), self.manners.clone()).await;
                self.server = Some(server);
            }
        }
    }

    async fn call(&mut self, order: &str, label: &str, call_id: Option<&str>) {
        let media = self.media();
        let sdp = Bytes::from(media.create_offer(Direction::SendRecv).await.unwrap());
        let uri = |text: &str| text.parse::<SipUri>().unwrap();
        let mut headers = Headers::default();
        headers.push("X-Doorstep-Label".parse().unwrap(), label).unwrap();
        let invite = Invite {
            uri: uri("sip:courier@localhost").into(),
            from: NameAddr::new(uri(&format!("sip:order.{order}@localhost"))),
            to: NameAddr::new(uri("sip:courier@localhost")),
            call_id: call_id.map(str::to_owned),
            headers,
            sdp: sdp.clone(),
        };
        let flow = *self.flows.keys().next_back().unwrap();
        let now = self.now();
        let session = self.ua.invite(now, flow, invite).unwrap();
        self.calls.insert(session, FarCall { media, sdp, mouth: None, ours: true });
    }
}
