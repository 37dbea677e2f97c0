//! An open WebSocket: messages in and out.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

use super::TransportConfig;

/// How long a closing peer may take to say goodbye.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// The keep-alive of RFC 5626 section 3.5.1. It goes out as a WebSocket ping, which every server answers, those that
/// know only RFC 7118 too (its section 6 allows either).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

/// What the owner of a connection wants of it.
#[derive(Debug)]
pub enum SocketCommand {
    /// Send one whole message. CRLF CRLF is sent as a ping; its answer is delivered as an empty message.
    Send(Bytes),
    /// Send what is waiting, then close.
    Close,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseCause {
    /// This side closed it.
    #[error("closed by this side")]
    ByUs,
    /// The peer closed it.
    #[error("closed by the gateway")]
    ByPeer,
    /// What was sent was not taken.
    #[error("the gateway takes no more messages")]
    Stalled,
    /// The peer sent more than a message may hold.
    #[error("the gateway sent too large a message")]
    TooLarge,
    /// The peer broke RFC 6455.
    #[error("the gateway sent something that is no WebSocket frame")]
    Protocol,
    /// The network failed.
    #[error("the connection broke ({0})")]
    Broken(io::ErrorKind),
}

/// What a connection runs over.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

type Socket = WebSocketStream<Box<dyn Io>>;

/// An open connection. Nothing moves before [`run`](Self::run).
pub struct Connection {
    socket: Socket,
    send_timeout: Duration,
}

impl Connection {
    pub(super) fn new(socket: Socket, config: &TransportConfig) -> Self {
        Self { socket, send_timeout: config.send_timeout }
    }

    /// Carries messages until the connection is over: each one that comes in goes to `deliver` as `wrap` makes it, and
    /// waits there if it is full. It also ends when either end of the queues is gone.
    ///
    /// Text and binary messages are taken alike (RFC 7118 section 4.2); sent is text, where it is UTF-8.
    pub async fn run<T: Send>(
        self,
        commands: mpsc::Receiver<SocketCommand>,
        deliver: &mpsc::Sender<T>,
        wrap: impl Fn(Bytes) -> T,
    ) -> CloseCause {
        let (sink, stream) = self.socket.split();
        let mut reading = std::pin::pin!(read(stream, deliver, wrap));
        tokio::select! {
            cause = &mut reading => cause,
            cause = write(sink, commands, self.send_timeout) => {
                if cause == CloseCause::ByUs {
                    // The peer's close frame, so that it does not see a broken connection.
                    let _peer_may_be_gone = timeout(CLOSE_WAIT, reading).await;
                }
                cause
            }
        }
    }
}

async fn read<T: Send>(
    mut stream: SplitStream<Socket>,
    deliver: &mpsc::Sender<T>,
    wrap: impl Fn(Bytes) -> T,
) -> CloseCause {
    let mut goodbye = false;
    loop {
        let bytes = match stream.next().await {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Pong(_))) => Bytes::new(),
            // tungstenite answers both; it reads no bare frames.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_))) => {
                goodbye = true;
                continue;
            }
            // Many servers drop the connection after it without ending TLS.
            Some(Err(_)) if goodbye => return CloseCause::ByPeer,
            Some(Err(error)) => return cause_of(&error),
            None => return CloseCause::ByPeer,
        };
        if deliver.send(wrap(bytes)).await.is_err() {
            return CloseCause::ByUs;
        }
    }
}

async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut commands: mpsc::Receiver<SocketCommand>,
    send_timeout: Duration,
) -> CloseCause {
    loop {
        let (message, last) = match commands.recv().await {
            Some(SocketCommand::Send(bytes)) => (message(bytes), false),
            Some(SocketCommand::Close) | None => (Message::Close(None), true),
        };
        match timeout(send_timeout, sink.send(message)).await {
            Ok(Ok(())) if last => return CloseCause::ByUs,
            Ok(Ok(())) => {}
            Ok(Err(error)) => return cause_of(&error),
            Err(_) => return CloseCause::Stalled,
        }
    }
}

fn message(bytes: Bytes) -> Message {
    if bytes == KEEP_ALIVE {
        return Message::Ping(Bytes::new());
    }
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

fn cause_of(error: &WsError) -> CloseCause {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => CloseCause::ByPeer,
        WsError::Io(error) => CloseCause::Broken(error.kind()),
        WsError::Capacity(_) => CloseCause::TooLarge,
        WsError::WriteBufferFull(_) => CloseCause::Stalled,
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            CloseCause::Broken(io::ErrorKind::ConnectionReset)
        }
        WsError::Protocol(_)
        | WsError::Utf8(_)
        | WsError::AttackAttempt
        | WsError::Tls(_)
        | WsError::Url(_)
        | WsError::Http(_)
        | WsError::HttpFormat(_) => CloseCause::Protocol,
    }
}
