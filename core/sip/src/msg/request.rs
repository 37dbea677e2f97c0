use bytes::Bytes;

use super::response::with_body;
use super::{Headers, Method, Uri};

/// A request (RFC 3261 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI: whom it is asked of.
    pub uri: Uri,
    /// The header lines.
    pub headers: Headers,
    /// The body; empty when there is none.
    pub body: Bytes,
}

impl Request {
    /// A request without headers or a body.
    pub fn new(method: Method, uri: impl Into<Uri>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::default(), body: Bytes::new() }
    }

    /// The request as it goes over the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Bytes {
        with_body(format!("{} {} SIP/2.0\r\n", self.method, self.uri), &self.headers, &self.body)
    }
}
