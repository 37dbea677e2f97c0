//! SIP messages: read strictly (the verdicts of RFC 4475), written by construction.
//!
//! A [`Message`] that was read holds every header as it came, in its order, and the ones that SIP itself needs (Via,
//! From, To, Call-ID, CSeq, Max-Forwards, Contact, routes, Expires) have been checked. A message that is made here
//! cannot hold a line break in a header, because nothing gets in without passing [`Headers::push`] or a typed value.

mod cseq;
mod error;
pub(crate) mod grammar;
mod header_name;
mod headers;
mod method;
mod name_addr;
mod params;
mod parse;
mod request;
mod response;
mod status;
mod uri;
mod via;

pub use cseq::CSeq;
pub use error::{InvalidValue, ParseError, ParseErrorKind};
pub use header_name::{ExtensionHeader, HeaderName};
pub use headers::Headers;
pub use method::{ExtensionMethod, Method};
pub use name_addr::{Contacts, NameAddr};
pub use params::Params;
pub use request::Request;
pub use response::Response;
pub use status::StatusCode;
pub use uri::{DomainName, Host, OtherUri, Scheme, SipUri, Uri};
pub use via::Via;

use bytes::Bytes;

/// A request or a response (RFC 3261 section 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// From a client to a server.
    Request(Request),
    /// The answer.
    Response(Response),
}

impl Message {
    /// Reads one message from a datagram, a WebSocket frame, or what a stream's framing cut out. Octets after the
    /// Content-Length are ignored (RFC 3261 section 18.3); too few are an error.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        parse::message(bytes)
    }

    /// The message as it goes over the wire.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// The headers of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}
