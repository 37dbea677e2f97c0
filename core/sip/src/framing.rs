//! Messages cut out of a TCP or TLS stream (RFC 3261 section 18.3), and the keep-alives between them (RFC 5626 section
//! 3.5.1).
//!
//! What comes out does not depend on how the stream was cut into reads, each octet is looked at once, and no more is
//! kept than one message. After an error nothing that follows can be understood: the connection must be closed.

use bytes::{Buf as _, Bytes, BytesMut};

/// How much one peer may send before it makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingLimits {
    /// Longest start line and headers, in octets.
    pub max_head: usize,
    /// Longest message with its body, in octets.
    pub max_message: usize,
}

impl Default for FramingLimits {
    /// 16 KiB of headers, 64 KiB in all.
    fn default() -> Self {
        Self { max_head: 16 * 1024, max_message: 64 * 1024 }
    }
}

/// What stood in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One message, for [`Message::parse`](crate::msg::Message::parse).
    Message(Bytes),
    /// A second line break in a row: the peer wants to see one line break.
    Ping,
    /// A first line break: the answer to this side's two. Who sent none may overlook it.
    Pong,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Headers beyond [`FramingLimits::max_head`].
    #[error("the headers are too long")]
    HeadTooLong,
    /// A message beyond [`FramingLimits::max_message`].
    #[error("the message is too long")]
    MessageTooLong,
    /// A stream does not show where a message without it ends.
    #[error("no Content-Length")]
    NoContentLength,
    /// No number, or several.
    #[error("malformed Content-Length")]
    BadContentLength,
}

/// Two line breaks: what a client sends to keep its flow alive and to learn whether it still is (RFC 5626 section
/// 4.4.1).
pub const PING: &[u8] = b"\r\n\r\n";
/// One line break: the answer to [`PING`].
pub const PONG: &[u8] = b"\r\n";

/// Cuts a stream into [`Frame`]s.
#[derive(Debug)]
pub struct Framer {
    limits: FramingLimits,
    buffer: BytesMut,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between messages; `broken` after an odd number of line breaks.
    Between {
        broken: bool,
    },
    /// Within the headers; so much of the buffer does not hold their end.
    Head {
        scanned: usize,
    },
    /// The headers are whole; the message has so many octets.
    Body {
        total: usize,
    },
    Failed(FramingError),
}

impl Framer {
    /// The start of a stream.
    pub fn new(limits: FramingLimits) -> Self {
        Self { limits, buffer: BytesMut::new(), state: State::Between { broken: false } }
    }

    /// Takes what was read. Then take out every frame by [`next_frame`](Self::next_frame) before reading on: that is
    /// what bounds the memory.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame; `None` when more must be read first. An error is final.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        loop {
            match self.state {
                State::Between { broken } => match self.buffer.as_ref() {
                    [] | [b'\r'] => return Ok(None),
                    [b'\r', b'\n', ..] => {
                        self.buffer.advance(2);
                        self.state = State::Between { broken: !broken };
                        return Ok(Some(if broken { Frame::Ping } else { Frame::Pong }));
                    }
                    _ => self.state = State::Head { scanned: 0 },
                },
                State::Head { scanned } => match end_of_head(&self.buffer, scanned) {
                    Some(head) if head > self.limits.max_head => return self.fail(FramingError::HeadTooLong),
                    Some(head) => match self.total(head) {
                        Ok(total) => self.state = State::Body { total },
                        Err(error) => return self.fail(error),
                    },
                    None if self.buffer.len() > self.limits.max_head => {
                        return self.fail(FramingError::HeadTooLong);
                    }
                    None => {
                        self.state = State::Head { scanned: self.buffer.len() };
                        return Ok(None);
                    }
                },
                State::Body { total } if self.buffer.len() < total => return Ok(None),
                State::Body { total } => {
                    self.state = State::Between { broken: false };
                    return Ok(Some(Frame::Message(self.buffer.split_to(total).freeze())));
                }
                State::Failed(error) => return Err(error),
            }
        }
    }

    fn fail(&mut self, error: FramingError) -> Result<Option<Frame>, FramingError> {
        self.state = State::Failed(error);
        self.buffer = BytesMut::new();
        Err(error)
    }

    /// The length of the message whose headers take `head` octets.
    fn total(&self, head: usize) -> Result<usize, FramingError> {
        let body = content_length(self.buffer.get(..head).unwrap_or_default())?;
        let total = body.checked_add(head).filter(|total| *total <= self.limits.max_message);
        total.ok_or(FramingError::MessageTooLong)
    }
}

/// Where the empty line ends, looking only at what was not looked at before.
fn end_of_head(buffer: &[u8], scanned: usize) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let from = scanned.saturating_sub(END.len() - 1);
    let unseen = buffer.get(from..)?;
    unseen.windows(END.len()).position(|four| four == END).map(|at| from + at + END.len())
}

fn content_length(head: &[u8]) -> Result<usize, FramingError> {
    let mut length: Option<usize> = None;
    for line in logical_lines(head) {
        let Some((name, value)) =
            line.iter().position(|b| *b == b':').and_then(|at| line.split_at_checked(at))
        else {
            continue;
        };
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(FramingError::BadContentLength);
        }
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or(FramingError::MessageTooLong)?;
        if length.is_some_and(|before| before != number) {
            return Err(FramingError::BadContentLength);
        }
        length = Some(number);
    }
    length.ok_or(FramingError::NoContentLength)
}

/// The lines after the first, folded ones put together (RFC 3261 section 7.3.1).
fn logical_lines(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = head;
    let mut first = true;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let (line, after) = match end {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        match (line.first(), lines.last_mut()) {
            (Some(b' ' | b'\t'), Some(folded)) => folded.extend_from_slice(line),
            _ if first => first = false,
            _ => lines.push(line.to_vec()),
        }
        rest = after;
    }
    lines
}
