use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::msg::{Headers, Host, InvalidValue, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A way to one peer: a WebSocket or TCP connection, or a UDP address pair. The driver numbers them.
    FlowId;
    /// An INVITE and what becomes of it. The user agent numbers them.
    SessionId;
    /// A request outside of sessions that this side sent.
    RequestId;
    /// A request that came in and waits for [`respond`](super::UserAgent::respond).
    IncomingId;
}

/// What carries the messages of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransportKind {
    /// RFC 3261 section 18.
    Udp,
    /// RFC 3261 section 18.
    Tcp,
    /// TCP under TLS.
    Tls,
    /// RFC 7118.
    Ws,
    /// RFC 7118 under TLS.
    Wss,
}

impl TransportKind {
    /// As it stands in a Via.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Whether what is sent arrives, so that nothing need be sent again.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// What the user agent must know of a flow to write its own address into messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowInfo {
    /// What carries it.
    pub transport: TransportKind,
    /// Sent-by of this side's Via: `abc.invalid` for a WebSocket client (RFC 7118 section 5), else its address.
    pub host: Host,
    /// Port of the sent-by.
    pub port: Option<u16>,
    /// What this side writes as its Contact.
    pub contact: SipUri,
    /// Where the far side's packets come from; noted in the Via of its requests (RFC 3581).
    pub remote: Option<SocketAddr>,
}

/// What a user agent is and may do.
#[derive(Debug, Clone)]
pub struct UaConfig {
    /// User-Agent and Server header; none when empty.
    pub product: String,
    /// Methods outside of sessions that are handed up as [`UaEvent::IncomingRequest`]; others get 405, but OPTIONS,
    /// which is answered here.
    pub accepted_methods: Vec<Method>,
    /// Round-trip estimate, RFC 3261's T1.
    pub t1: Duration,
    /// Longest retransmission interval, T2.
    pub t2: Duration,
    /// How long a message may wander in the network, T4.
    pub t4: Duration,
    /// Session-Expires of calls (RFC 4028); `None` offers no session timer but honours the far side's.
    pub session_expires: Option<Duration>,
    /// Smallest Session-Expires that is accepted; RFC 4028 allows no less than 90 s.
    pub min_session_expires: Duration,
    /// How many sessions may exist; further INVITEs get 503.
    pub max_sessions: usize,
    /// How many server transactions may exist; further requests get 503.
    pub max_transactions: usize,
}

impl Default for UaConfig {
    fn default() -> Self {
        Self {
            product: String::new(),
            accepted_methods: Vec::new(),
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            session_expires: Some(Duration::from_secs(1800)),
            min_session_expires: Duration::from_secs(90),
            max_sessions: 10_000,
            max_transactions: 50_000,
        }
    }
}

/// A request outside of sessions.
#[derive(Debug, Clone)]
pub struct OutOfDialog {
    /// REGISTER, OPTIONS, MESSAGE…
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// Without a tag; the user agent adds one.
    pub from: NameAddr,
    /// Usually without a tag.
    pub to: NameAddr,
    /// Call-ID and number, where they go on from an earlier request (REGISTER); else the user agent makes them.
    pub sequence: Option<(String, u32)>,
    /// Further headers.
    pub headers: Headers,
    /// The body; its type is among the headers.
    pub body: Bytes,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Whom to call: the Request-URI.
    pub uri: Uri,
    /// Who calls, without a tag.
    pub from: NameAddr,
    /// Who is called, without a tag.
    pub to: NameAddr,
    /// Call-ID, if the caller wants to choose it.
    pub call_id: Option<String>,
    /// Further headers.
    pub headers: Headers,
    /// The offer.
    pub sdp: Bytes,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 699.
    pub status: StatusCode,
    /// Phrase for people; the usual one when `None`.
    pub reason: Option<String>,
    /// Further headers.
    pub headers: Headers,
    /// The body; its type is among the headers.
    pub body: Bytes,
}

impl Reply {
    /// An answer without more.
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: None, headers: Headers::default(), body: Bytes::new() }
    }
}

/// What the driver must do or may read.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "each is taken out and matched at once")]
pub enum UaOutput {
    /// Send one message on a flow.
    Send {
        /// Where.
        flow: FlowId,
        /// A whole message.
        bytes: Bytes,
    },
    /// Something happened.
    Event(UaEvent),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum UaEvent {
    /// A response to [`send_request`](super::UserAgent::send_request); after a final one the id is gone.
    Response {
        /// Of the request.
        id: RequestId,
        /// As it came.
        response: Response,
    },
    /// No answer will come.
    RequestFailed {
        /// Of the request.
        id: RequestId,
        /// Why.
        cause: FailureCause,
    },
    /// A request outside of sessions wants an answer.
    IncomingRequest {
        /// To answer it by.
        id: IncomingId,
        /// Where it came in.
        flow: FlowId,
        /// As it came.
        request: Request,
    },
    /// Somebody calls. 100 Trying has been sent.
    IncomingInvite {
        /// To answer it by.
        session: SessionId,
        /// Where it came in.
        flow: FlowId,
        /// As it came; an empty body asks this side to make the offer.
        request: Request,
        /// The session that this call is to take over (RFC 3891).
        replaces: Option<SessionId>,
    },
    /// Something happened in a session.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// Timer B or F ran out.
    Timeout,
    /// The flow closed.
    FlowClosed,
}

/// What happened in a session. `Ended` is the last event of any.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// 101 to 199 from the far side, perhaps with early media.
    Progress {
        /// As it came.
        response: Response,
    },
    /// 200 from the far side. It has been acknowledged.
    Answered {
        /// As it came, with the answer to the offer.
        response: Response,
    },
    /// The far side acknowledged this side's 200.
    Confirmed {
        /// Its answer, where this side's 200 held the offer.
        sdp: Option<Bytes>,
    },
    /// The far side wants to change the media: answer by [`accept_offer`](super::UserAgent::accept_offer) or
    /// [`reject_offer`](super::UserAgent::reject_offer).
    Offer {
        /// Its offer; `None` asks this side to make one.
        sdp: Option<Bytes>,
    },
    /// The far side took the change that this side asked for.
    OfferAnswered {
        /// Its answer; `None` when it sent none.
        sdp: Option<Bytes>,
    },
    /// It did not; the media stays as it was.
    OfferRejected {
        /// Its status, 408 when no answer came.
        status: StatusCode,
    },
    /// INFO; answered with 200.
    Info {
        /// As it came.
        request: Request,
    },
    /// REFER: answer it by [`respond`](super::UserAgent::respond), then tell by
    /// [`notify`](super::UserAgent::notify) how it went.
    Refer {
        /// To answer it by.
        incoming: IncomingId,
        /// As it came.
        request: Request,
    },
    /// The far side's answer to this side's REFER.
    ReferAnswered {
        /// 202 when it will try.
        status: StatusCode,
    },
    /// NOTIFY, about a REFER: a `message/sipfrag` body. Answered with 200.
    Notify {
        /// As it came.
        request: Request,
    },
    /// The flow closed. The session lives on until it is moved to another flow, ended, or its timer runs out.
    FlowLost,
    /// The session is over.
    Ended {
        /// Why.
        cause: EndCause,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq)]
pub enum EndCause {
    /// This side ended it.
    Local,
    /// BYE or CANCEL came.
    Remote {
        /// Its Reason headers (RFC 3326), as they came.
        reasons: Vec<String>,
    },
    /// The far side refused the call: 300 to 699.
    Refused {
        /// As it came.
        response: Response,
    },
    /// The far side does not answer any more: INVITE, re-INVITE or 200 without an answer.
    Timeout,
    /// The session timer ran out (RFC 4028).
    Expired,
    /// The flow closed before the call was answered.
    FlowClosed,
}

/// Why an operation could not be done. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UaError {
    /// No such flow.
    #[error("no such flow")]
    NoSuchFlow,
    /// No such session, or it is over.
    #[error("no such session")]
    NoSuchSession,
    /// No such incoming request, or it was answered.
    #[error("no such request")]
    NoSuchRequest,
    /// Not possible in the session's present state.
    #[error("not possible in the present state of the session")]
    WrongState,
    /// Another offer is under way.
    #[error("another offer is under way")]
    OfferPending,
    /// A value that cannot stand in a SIP message.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// As many sessions as the configuration allows.
    #[error("too many sessions")]
    TooManySessions,
}
