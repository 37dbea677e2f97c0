use std::time::Duration;

use super::PushParams;
use crate::msg::{Headers, NameAddr, Response, SipUri};
use crate::ua::{FlowId, UaError};

/// What is registered, and where.
#[derive(Debug, Clone)]
pub struct RegistrationConfig {
    /// Request-URI: the registrar's domain, without a user.
    pub registrar: SipUri,
    /// Whose address it is: From and To, without a tag.
    pub aor: NameAddr,
    /// `+sip.instance`: a URN that stays the same over the life of the installation (`urn:uuid:…`, RFC 5626 section
    /// 4.1). With it the binding outlives its flow.
    pub instance: Option<String>,
    /// Where a push wakes this side.
    pub push: Option<PushParams>,
    /// How long a binding should last; the registrar may shorten it, or lengthen it by 423.
    pub expires: Duration,
    /// Further headers of each REGISTER.
    pub headers: Headers,
    /// First wait after a failure that may pass; it doubles with each.
    pub retry_min: Duration,
    /// Longest such wait.
    pub retry_max: Duration,
}

impl RegistrationConfig {
    /// A binding of an hour without outbound or push.
    pub fn new(registrar: SipUri, aor: NameAddr) -> Self {
        Self {
            registrar,
            aor,
            instance: None,
            push: None,
            expires: Duration::from_secs(3600),
            headers: Headers::default(),
            retry_min: Duration::from_secs(4),
            retry_max: Duration::from_secs(300),
        }
    }
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "each is taken out and matched at once")]
pub enum RegistrationEvent {
    /// The registrar knows where this side is. Comes again with each refresh.
    Registered {
        /// Over which flow.
        flow: FlowId,
        /// For how long; it is refreshed well before.
        expires: Duration,
        /// The registrar keeps the binding to the flow (RFC 5626).
        outbound: bool,
        /// How often the registrar wants to see a keep-alive at least (RFC 5626 section 4.4.1).
        flow_timer: Option<Duration>,
    },
    /// It could not be done. A binding from before stands until it lapses.
    Failed {
        /// Why.
        cause: RegistrationFailure,
        /// When it is tried again by itself; `None`: not before a new flow, other parameters, or
        /// [`refresh`](super::Registration::refresh).
        retry_in: Option<Duration>,
    },
    /// The binding ran out without having been refreshed.
    Lapsed,
    /// The binding has been taken away, as asked.
    Unregistered,
}

/// Why a REGISTER failed.
#[derive(Debug, Clone, PartialEq)]
pub enum RegistrationFailure {
    /// The registrar refused: 300 to 699. 401 and 407 mean wrong credentials, or none.
    Refused {
        /// As it came.
        response: Response,
    },
    /// No answer.
    Timeout,
    /// The flow closed before the answer.
    FlowClosed,
    /// The request could not be made.
    CannotSend(UaError),
}
