//! One error for all that an app can ask.

use doorstep::{ApiError, ConnectError};

/// Why something could not be done. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum DoorstepError {
    /// The gateway's URL cannot be used: it must be `wss://HOST[:PORT]/PATH`.
    #[error("the gateway's URL cannot be used: {why}")]
    InvalidGateway {
        /// What is wrong with it.
        why: String,
    },
    /// A pin is not written `sha256//BASE64` of 32 bytes.
    #[error("a pin is written sha256//BASE64, where BASE64 are 32 bytes")]
    InvalidPin,
    /// The platform gives no threads, no random numbers or no certificates.
    #[error("the platform gives no threads, random numbers or certificates")]
    Platform,
    /// The client is shut down.
    #[error("the client is shut down")]
    ShutDown,
    /// Too much is asked of the client at once.
    #[error("too much is asked of the client at once")]
    TooBusy,
    /// The call is over.
    #[error("the call is over")]
    CallOver,
    /// Not possible in the call's present state.
    #[error("not possible in the present state of the call")]
    WrongState,
    /// Not an address that can be called.
    #[error("not an address that can be called")]
    InvalidTarget,
    /// Not a digit: `0`–`9`, `*`, `#` and `A`–`D` can be sent.
    #[error("not a digit that can be sent")]
    InvalidDigit,
    /// More digits wait than may.
    #[error("too many digits wait")]
    TooManyDigits,
    /// The sampling rate of the platform's audio is not a whole number of samples in 10 ms.
    #[error("the sampling rate cannot be used")]
    InvalidRate,
}

impl From<ApiError> for DoorstepError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::ShutDown => Self::ShutDown,
            ApiError::TooBusy => Self::TooBusy,
            ApiError::CallOver => Self::CallOver,
            ApiError::WrongState => Self::WrongState,
            ApiError::InvalidTarget => Self::InvalidTarget,
            ApiError::InvalidDigit => Self::InvalidDigit,
            ApiError::TooManyDigits => Self::TooManyDigits,
        }
    }
}

impl From<ConnectError> for DoorstepError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Transport(error) => Self::InvalidGateway { why: error.to_string() },
            ConnectError::Runtime => Self::Platform,
        }
    }
}

/// What the platform's code throws when it is called and cannot do its part. It is logged; the core goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum CallbackError {
    /// In its own words. Nothing personal: it is logged.
    #[error("{why}")]
    Failed {
        /// What went wrong.
        why: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { why: error.reason }
    }
}
