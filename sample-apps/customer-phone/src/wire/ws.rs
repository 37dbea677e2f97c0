//! SIP over a WebSocket (RFC 7118), as a client: one flow, made on the first use and again after it broke.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use doorstep_sip::ua::FlowId;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::{self, Message};

use super::Received;

/// Messages that may wait for a slow peer; one more closes the connection.
const OUTGOING: usize = 64;
/// Messages that may wait for this phone.
const INCOMING: usize = 64;

pub(super) struct Ws {
    token: Option<String>,
    from: IpAddr,
    connection: Option<(FlowId, mpsc::Sender<Bytes>)>,
    last_flow: u64,
    incoming: mpsc::Receiver<Received>,
    hand_in: mpsc::Sender<Received>,
}

impl Ws {
    pub(super) fn new(token: Option<String>, from: IpAddr) -> Self {
        let (hand_in, incoming) = mpsc::channel(INCOMING);
        Self { token, from, connection: None, last_flow: 0, incoming, hand_in }
    }

    /// The flow, and whether it is new.
    pub(super) fn flow_to(&mut self, remote: SocketAddr) -> (FlowId, bool) {
        if let Some((flow, _)) = &self.connection {
            return (*flow, false);
        }
        self.last_flow += 1;
        let flow = FlowId(self.last_flow);
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        self.connection = Some((flow, outgoing));
        let (hand_in, token, from) = (self.hand_in.clone(), self.token.clone(), self.from);
        tokio::spawn(async move {
            if let Err(error) = carry(remote, from, token.as_deref(), flow, to_send, &hand_in).await {
                tracing::warn!(%error, "the WebSocket ended");
            }
            // An error means that the phone has stopped.
            drop(hand_in.send(Received::Closed(flow)).await);
        });
        (flow, true)
    }

    pub(super) fn send(&mut self, flow: FlowId, bytes: Bytes) {
        let Some((_, outgoing)) = self.connection.as_ref().filter(|(open, _)| *open == flow) else { return };
        if outgoing.try_send(bytes).is_err() {
            tracing::warn!("the gateway does not take its messages: the connection is closed");
            self.connection = None;
        }
    }

    pub(super) async fn receive(&mut self) -> io::Result<Received> {
        // There is always a sender: the one kept here.
        let received = self.incoming.recv().await.ok_or(io::ErrorKind::BrokenPipe)?;
        if let Received::Closed(flow) = &received {
            self.connection.take_if(|(open, _)| open == flow);
        }
        Ok(received)
    }
}

/// Until either side has enough.
async fn carry(
    remote: SocketAddr,
    from: IpAddr,
    token: Option<&str>,
    flow: FlowId,
    mut to_send: mpsc::Receiver<Bytes>,
    hand_in: &mpsc::Sender<Received>,
) -> Result<(), tungstenite::Error> {
    let mut request = format!("ws://{remote}/ws").into_client_request()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
    }
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(remote).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    loop {
        tokio::select! {
            message = socket.next() => {
                let bytes: Bytes = match message {
                    None | Some(Ok(Message::Close(_))) => return Ok(()),
                    Some(Ok(Message::Text(text))) => text.into(),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    // Pings are answered by the library.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Err(error)) => return Err(error),
                };
                // Keep-alive (RFC 5626 section 3.5.1).
                if bytes.iter().all(|byte| b"\r\n".contains(byte)) {
                    continue;
                }
                if hand_in.send(Received::Message(flow, bytes)).await.is_err() {
                    return Ok(());
                }
            }
            message = to_send.recv() => match message {
                Some(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    socket.send(Message::text(text)).await?;
                }
                None => return socket.close(None).await,
            },
        }
    }
}
