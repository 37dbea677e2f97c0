//! HTTP before the upgrade (RFC 9112): a request's head is read within its limits, and an answer is written so that it arrives.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request, Response, write_response as write_head,
};

use super::upgrade::refuse;

/// Longest head; a token of 4 KiB fits in well.
const MAX_HEAD: usize = 16 * 1024;
/// For the far side to read our answer and close.
const LINGER: Duration = Duration::from_secs(2);
/// What the far side may still send meanwhile.
const MAX_REST: u64 = 64 * 1024;

/// Why there is no request.
#[allow(clippy::large_enum_variant, reason = "taken apart at once")]
pub(super) enum NoRequest {
    /// The far side has closed.
    Gone,
    /// It gets this answer.
    Refused(ErrorResponse),
}

/// Reads a head. What comes after it before our answer is no WebSocket client's.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Request, NoRequest> {
    let mut head = Vec::with_capacity(1024);
    loop {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return Err(NoRequest::Gone),
            Ok(_) => {}
        }
        match Request::try_parse(&head) {
            Ok(Some((length, request))) if length == head.len() => return Ok(request),
            Ok(Some(_)) => return Err(malformed("something stands after the request")),
            Ok(None) if head.len() <= MAX_HEAD => {}
            Ok(None) => return Err(too_large()),
            Err(error) => return Err(judge(&error)),
        }
    }
}

/// Writes the head of the answer that turns the connection into a WebSocket.
pub(super) async fn switch<S: AsyncWrite + Unpin>(stream: &mut S, response: &Response) -> bool {
    let mut bytes = Vec::new();
    if write_head(&mut bytes, response).is_err() {
        return false;
    }
    stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// Writes an answer and waits a moment until the far side has it: closing with something unread would take it away again.
pub(super) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, response: &ErrorResponse) {
    let mut bytes = Vec::new();
    if write_head(&mut bytes, response).is_err() {
        return;
    }
    bytes.extend_from_slice(response.body().as_deref().unwrap_or_default().as_bytes());
    let goodbye = async {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_REST), &mut tokio::io::sink()).await
    };
    if !matches!(timeout(LINGER, goodbye).await, Ok(Ok(_))) {
        tracing::debug!("an HTTP client did not take its answer");
    }
}

fn judge(error: &Error) -> NoRequest {
    match error {
        Error::Protocol(ProtocolError::WrongHttpMethod) => {
            let mut response =
                refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Only GET is known here.");
            response.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static("GET"));
            NoRequest::Refused(response)
        }
        Error::Protocol(ProtocolError::WrongHttpVersion) => NoRequest::Refused(refuse(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "http_version",
            "HTTP/1.1 is needed (RFC 6455 section 4.1).",
        )),
        Error::Capacity(_) => too_large(),
        // Not our enum: what is left could not be read.
        _ => malformed("it cannot be read"),
    }
}

fn malformed(why: &str) -> NoRequest {
    let text = format!("This is no HTTP request: {why}.");
    NoRequest::Refused(refuse(StatusCode::BAD_REQUEST, "malformed", &text))
}

fn too_large() -> NoRequest {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    NoRequest::Refused(refuse(status, "headers_too_large", "The request's header is too long."))
}
