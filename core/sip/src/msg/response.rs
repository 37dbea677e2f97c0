use bytes::{BufMut, Bytes, BytesMut};

use super::{HeaderName, Headers, Request, StatusCode};

/// A response (RFC 3261 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: StatusCode,
    /// The phrase behind the status, for people.
    pub reason: String,
    /// The header lines.
    pub headers: Headers,
    /// The body; empty when there is none.
    pub body: Bytes,
}

impl Response {
    /// An answer to a request: Via, From, To, Call-ID and CSeq as they came (RFC 3261 section 8.2.6.2), nothing else.
    /// The To tag is for the caller to add.
    pub fn to(request: &Request, status: StatusCode) -> Self {
        Self::echoing(&request.headers, status)
    }

    /// An answer to a request of which only some headers could be read: `None` when not even a Via leads back. They
    /// go back as they came, even where they are what could not be read.
    pub fn answering(read: &Headers, status: StatusCode) -> Option<Self> {
        read.get(&HeaderName::Via).map(|_| Self::echoing(read, status))
    }

    fn echoing(read: &Headers, status: StatusCode) -> Self {
        let mut headers = Headers::default();
        for (name, value) in read.iter().filter(|(name, _)| is_echoed(name)) {
            // Only hops may stand more than once; of what else does, the answer has the first.
            if *name != HeaderName::Via && headers.get(name).is_some() {
                continue;
            }
            headers.push_read(name.clone(), value.to_owned());
        }
        Self { status, reason: status.reason().to_owned(), headers, body: Bytes::new() }
    }

    /// The response as it goes over the wire, with its Content-Length. A line break in the reason becomes a space.
    pub fn to_bytes(&self) -> Bytes {
        let reason = self.reason.replace(['\r', '\n'], " ");
        with_body(format!("SIP/2.0 {} {reason}\r\n", self.status), &self.headers, &self.body)
    }
}

fn is_echoed(name: &HeaderName) -> bool {
    [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq].contains(name)
}

pub(super) fn with_body(start_line: String, headers: &Headers, body: &Bytes) -> Bytes {
    let mut head = start_line;
    headers.write(&mut head);
    head.push_str(&format!("{}: {}\r\n\r\n", HeaderName::ContentLength, body.len()));
    let mut bytes = BytesMut::with_capacity(head.len() + body.len());
    bytes.put_slice(head.as_bytes());
    bytes.put_slice(body);
    bytes.freeze()
}
