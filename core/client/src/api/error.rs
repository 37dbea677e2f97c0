use doorstep_call::CommandError;

use crate::transport::TransportError;

/// Why a client could not be made. No network is needed for it: these are faults of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// `ws://` would leave this machine, or no trusted certificates are there.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No tokio runtime is current, or no random numbers are to be had.
    #[error("no async runtime or random source on this machine")]
    Runtime,
}

/// Why a call or client could not do what it was asked. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The client is shut down.
    #[error("the client is shut down")]
    ShutDown,
    /// Too much is asked of the client at once.
    #[error("too much is asked of the client at once")]
    TooBusy,
    /// The call is over.
    #[error("the call is over")]
    CallOver,
    /// Not possible in the call's present state: answering a call that is answered, holding one that rings.
    #[error("not possible in the present state of the call")]
    WrongState,
    /// Not an address that can be called: give a `sip:`, `sips:` or `tel:` URI.
    #[error("not an address that can be called")]
    InvalidTarget,
    /// Not a digit: `0`–`9`, `*`, `#` and `A`–`D` can be sent.
    #[error("not a digit that can be sent")]
    InvalidDigit,
    /// More digits wait than may.
    #[error("too many digits wait")]
    TooManyDigits,
}

impl ApiError {
    /// What to tell the courier.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ShutDown => "The app is closing.",
            Self::TooBusy => "Too much at once; try again.",
            Self::CallOver => "The call is over.",
            Self::WrongState => "This is not possible right now.",
            Self::InvalidTarget => "This address cannot be called.",
            Self::InvalidDigit => "Only digits, * and # can be sent.",
            Self::TooManyDigits => "Too many digits at once.",
        }
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NoSuchCall => Self::CallOver,
            // The client counts its calls' numbers up; they cannot be taken.
            CommandError::HandleTaken | CommandError::WrongState => Self::WrongState,
            CommandError::InvalidTarget => Self::InvalidTarget,
            CommandError::InvalidDigit => Self::InvalidDigit,
            CommandError::TooManyDigits => Self::TooManyDigits,
        }
    }
}
