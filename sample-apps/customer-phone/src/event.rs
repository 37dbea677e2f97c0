use std::fmt;
use std::time::SystemTime;

/// One call of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that happened in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneEvent {
    /// Which call.
    pub call: CallId,
    /// When.
    pub at: SystemTime,
    /// What.
    pub kind: PhoneEventKind,
}

/// What happened. `Ended` is the last event of any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEventKind {
    /// Somebody calls, and this phone rings.
    Incoming {
        /// What its screen shows of the caller.
        screen: String,
    },
    /// This phone calls a number.
    Calling {
        /// As dialled.
        number: String,
    },
    /// The INVITE left. Only if [`PhoneConfig::tells_progress`](crate::PhoneConfig::tells_progress).
    Invited,
    /// A provisional answer came. Only if [`PhoneConfig::tells_progress`](crate::PhoneConfig::tells_progress).
    Progress {
        /// SIP status, 101 to 199.
        status: u16,
    },
    /// The far side rings.
    Ringing,
    /// The call is answered, by whichever side.
    Answered,
    /// The first sound came that can be heard.
    FirstAudio,
    /// The far side pressed a key.
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// The far side put this phone on hold, or took it back.
    Held {
        /// On hold now.
        held: bool,
    },
    /// The far side took the change to the media (hold, resume) that this phone asked for, or refused it.
    MediaChanged {
        /// Whether it did.
        accepted: bool,
    },
    /// How a transfer stands that this phone asked for.
    Transfer {
        /// SIP status: of the far side's answer, then of the call that it makes.
        status: u16,
    },
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// This phone hung up.
    HungUpHere,
    /// The far side hung up, or gave up calling.
    HungUpThere,
    /// This phone refused the call.
    RefusedHere,
    /// The far side refused the call.
    Refused {
        /// SIP status, 300 to 699.
        status: u16,
        /// Its phrase, as it came.
        text: String,
    },
    /// No codec that both sides know: 488.
    NoCommonCodec,
    /// The far side does not answer any more.
    TimedOut,
    /// The connection to the far side is lost.
    ConnectionLost,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUpHere => f.write_str("hung up here"),
            Self::HungUpThere => f.write_str("hung up there"),
            Self::RefusedHere => f.write_str("refused here"),
            Self::Refused { status, text } => write!(f, "refused there: {status} {text}"),
            Self::NoCommonCodec => f.write_str("no common codec"),
            Self::TimedOut => f.write_str("no answer from the far side"),
            Self::ConnectionLost => f.write_str("connection lost"),
        }
    }
}
