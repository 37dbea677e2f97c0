use super::{Headers, Method, Response, StatusCode};

/// A value that cannot be part of a SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}")]
pub struct InvalidValue {
    /// What was expected: "URI", "Via", "CSeq number"…
    pub what: &'static str,
}

impl InvalidValue {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// Nothing but line breaks.
    #[error("an empty message")]
    Empty,
    /// The first line is neither a Request-Line nor a Status-Line.
    #[error("malformed start line")]
    StartLine,
    /// The Request-URI.
    #[error("malformed Request-URI")]
    RequestUri,
    /// Not SIP/2.0.
    #[error("unsupported SIP version")]
    Version,
    /// A header line without a colon, with a bad name, or that is not UTF-8.
    #[error("malformed header line")]
    HeaderLine,
    /// No empty line after the headers.
    #[error("the headers do not end")]
    Unterminated,
    /// More header lines than any sane message has.
    #[error("too many headers")]
    TooManyHeaders,
    /// A header that every message must have.
    #[error("missing {0}")]
    Missing(&'static str),
    /// A header that may stand only once.
    #[error("{0} stands more than once")]
    Repeated(&'static str),
    /// A header whose value breaks the grammar.
    #[error("malformed {0}")]
    Header(&'static str),
    /// The method in CSeq is not the request's.
    #[error("CSeq names another method than the request line")]
    CSeqMethod,
    /// Fewer octets than Content-Length says.
    #[error("the body is shorter than Content-Length")]
    ShortBody,
}

/// A message that cannot be used, with what is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The method, when it was a request and its first line could be read that far.
    pub method: Option<Method>,
    /// The headers that could be read.
    pub headers: Headers,
}

impl ParseError {
    /// The status to answer a request with: 505 for another version, else 400.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            ParseErrorKind::Version => StatusCode::VERSION_NOT_SUPPORTED,
            ParseErrorKind::Empty
            | ParseErrorKind::StartLine
            | ParseErrorKind::RequestUri
            | ParseErrorKind::HeaderLine
            | ParseErrorKind::Unterminated
            | ParseErrorKind::TooManyHeaders
            | ParseErrorKind::Missing(_)
            | ParseErrorKind::Repeated(_)
            | ParseErrorKind::Header(_)
            | ParseErrorKind::CSeqMethod
            | ParseErrorKind::ShortBody => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, if there can be one: not to a response, an ACK, or a request without a Via.
    pub fn response(&self) -> Option<Response> {
        match &self.method {
            None | Some(Method::Ack) => None,
            Some(_) => {
                let mut response = Response::answering(&self.headers, self.status())?;
                response.reason = self.kind.to_string();
                Some(response)
            }
        }
    }
}
