use std::io;
use std::time::Duration;

use rustls::CertificateError;

/// Why there is no connection. [`text`](Self::text) is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// `ws://` would leave this machine, and the configuration does not allow it.
    #[error("an unencrypted connection would leave this machine")]
    Insecure,
    /// The host's name was not found.
    #[error("the gateway's name could not be resolved")]
    Dns,
    /// No address took the connection.
    #[error("the gateway could not be reached ({0})")]
    Unreachable(io::ErrorKind),
    /// It took longer than the connect deadline.
    #[error("the gateway did not answer in time")]
    TimedOut,
    /// The TLS handshake failed.
    #[error("no secure connection: {0}")]
    Tls(TlsFailure),
    /// 401: the token is missing, wrong or expired. With the server's reason where it gives one.
    #[error("the gateway refused the token")]
    Unauthorized {
        /// The server's words; printable, at most 200 characters.
        reason: Option<String>,
    },
    /// 403: the token is good but not for this.
    #[error("the gateway refused access")]
    Forbidden {
        /// The server's words; printable, at most 200 characters.
        reason: Option<String>,
    },
    /// 404: no gateway at this path.
    #[error("no gateway at this address")]
    NotFound,
    /// 429 or 503.
    #[error("the gateway is busy")]
    Busy {
        /// How long it asks to wait (Retry-After in seconds, RFC 9110 section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// Another status than 101.
    #[error("the gateway answered {status}")]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// A WebSocket, but without the subprotocol `sip`.
    #[error("the server does not speak SIP over WebSocket")]
    NotSip,
    /// Not HTTP, or not a WebSocket, or cut off in the middle.
    #[error("the server does not speak WebSocket")]
    NotWebSocket,
    /// The token holds characters that cannot stand in a header.
    #[error("the token is malformed")]
    MalformedToken,
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// The server's key is none of the pinned ones.
    #[error("the server's key is not the pinned one")]
    PinMismatch,
    /// Nobody that this machine trusts vouches for the certificate.
    #[error("the server's certificate is not trusted")]
    UnknownIssuer,
    /// Not yet, or no longer. A wrong clock looks the same.
    #[error("the server's certificate is not valid at this time")]
    WrongTime,
    /// It was made for another name.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// It was taken back.
    #[error("the server's certificate was revoked")]
    Revoked,
    /// It is wrong in another way.
    #[error("the server's certificate is not usable")]
    BadCertificate,
    /// This machine has no trusted roots, and none were given.
    #[error("no trusted certificates on this machine")]
    NoRoots,
    /// The server speaks no TLS, an old one, or broke off.
    #[error("the TLS handshake failed")]
    Handshake,
}

impl TransportError {
    /// What to tell the courier.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Insecure => "This connection is not safe. Please tell your company.",
            Self::Dns | Self::Unreachable(_) | Self::TimedOut => {
                "No connection. Please check your internet connection."
            }
            Self::Tls(TlsFailure::WrongTime) => {
                "No secure connection. Please check your phone's date and time."
            }
            Self::Tls(_) => "No secure connection. Please try another network, or tell your company.",
            Self::Unauthorized { .. } | Self::Forbidden { .. } | Self::MalformedToken => {
                "Please sign in again."
            }
            Self::Busy { .. } => "The service is busy. Please try again in a moment.",
            Self::NotFound | Self::Refused { .. } | Self::NotSip | Self::NotWebSocket => {
                "The service is not available. Please tell your company."
            }
        }
    }

    pub(super) fn from_io(error: &io::Error) -> Self {
        Self::Unreachable(error.kind())
    }

    /// A failed TLS handshake; tokio-rustls wraps rustls' error.
    pub(super) fn from_tls(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::Tls(TlsFailure::from(error)),
            None => Self::Tls(TlsFailure::Handshake),
        }
    }
}

impl From<&rustls::Error> for TlsFailure {
    fn from(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else { return Self::Handshake };
        match error {
            CertificateError::ApplicationVerificationFailure => Self::PinMismatch,
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::WrongTime,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Revoked => Self::Revoked,
            _ => Self::BadCertificate,
        }
    }
}
