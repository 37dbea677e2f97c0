//! One app's connection, from the upgrade on: messages in and out, keep-alive, limits. Whatever comes, only this connection suffers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{self, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::rate::{Rate, Verdict};

/// For the far side to take a message, answer a ping or a close.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) messages_per_second: u32,
    pub(super) idle: Duration,
}

/// Where an app's messages go.
pub(super) trait Inbox: Send {
    /// Takes one; the connection is not read meanwhile.
    fn take(&mut self, message: Bytes) -> impl Future<Output = ()> + Send;
}

/// Why a connection ended; for the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The app closed it, or it broke.
    Far,
    /// The core or the gateway's end closed it.
    Near,
    /// No answer to a ping, or a message that was not taken.
    Dead,
    /// A message longer than allowed.
    TooLong,
    /// More messages than allowed.
    TooFast,
    /// Not WebSocket.
    Malformed,
}

impl End {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Far => "far",
            Self::Near => "near",
            Self::Dead => "dead",
            Self::TooLong => "too_long",
            Self::TooFast => "too_fast",
            Self::Malformed => "malformed",
        }
    }
}

/// Serves the connection to its end: each message goes to `inbox`, those of `queue` go out, and the queue's end means
/// close.
pub(super) async fn serve<S>(
    mut socket: WebSocketStream<S>,
    inbox: &mut impl Inbox,
    mut queue: mpsc::Receiver<Bytes>,
    terms: Terms,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let mut rate = Rate::new(terms.messages_per_second);
    let mut pinged = false;
    let mut wake = time::Instant::now() + terms.idle;
    let end = loop {
        tokio::select! {
            received = socket.next() => {
                let message = match received {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => break end_of(&error),
                    None => break End::Far,
                };
                pinged = false;
                wake = time::Instant::now() + terms.idle;
                let bytes = match message {
                    Message::Text(text) => Bytes::from(text),
                    Message::Binary(bytes) => bytes,
                    // Pings are answered by the library when it reads on.
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                    Message::Close(_) => break End::Far,
                };
                match rate.judge(start.elapsed()) {
                    Verdict::Take => {}
                    Verdict::Drop => {
                        metrics::counter!("doorstep_edge_messages_dropped_total").increment(1);
                        continue;
                    }
                    Verdict::Close => break End::TooFast,
                }
                if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    // RFC 5626 section 4.4.1: a double CRLF is a ping, a single one its answer.
                    if bytes.len() >= 4 && !send(&mut socket, Message::text("\r\n")).await {
                        break End::Dead;
                    }
                    continue;
                }
                inbox.take(bytes).await;
            }
            outgoing = queue.recv() => {
                let Some(bytes) = outgoing else { break End::Near };
                let message = match String::from_utf8(bytes.to_vec()) {
                    Ok(text) => Message::text(text),
                    Err(_) => Message::Binary(bytes),
                };
                if !send(&mut socket, message).await {
                    break End::Dead;
                }
            }
            () = time::sleep_until(wake) => {
                if pinged || !send(&mut socket, Message::Ping(Bytes::new())).await {
                    break End::Dead;
                }
                pinged = true;
                wake = time::Instant::now() + PATIENCE;
            }
        }
    };
    close(socket, end).await;
    end
}

async fn send<S>(socket: &mut WebSocketStream<S>, message: Message) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
}

/// Says why and waits a moment for the far side's close, so that the reason arrives before the connection ends.
async fn close<S>(mut socket: WebSocketStream<S>, end: End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (code, reason) = match end {
        End::Far => (CloseCode::Normal, ""),
        End::Near => (CloseCode::Away, "the gateway closes the connection"),
        End::Dead => return,
        End::TooLong => (CloseCode::Size, "the message is longer than allowed"),
        End::TooFast => (CloseCode::Policy, "429 too many messages"),
        End::Malformed => (CloseCode::Protocol, ""),
    };
    let goodbye = async {
        let frame = CloseFrame { code, reason: reason.into() };
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    if timeout(PATIENCE, goodbye).await.is_err() {
        tracing::debug!("a connection did not say goodbye");
    }
}

fn end_of(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::TooLong,
        Error::Protocol(protocol) => {
            use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
            if matches!(protocol, ResetWithoutClosingHandshake) { End::Far } else { End::Malformed }
        }
        Error::Utf8(_) => End::Malformed,
        // Not our enum: what is left is a connection that broke.
        _ => End::Far,
    }
}
