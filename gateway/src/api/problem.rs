//! The gateway's own errors as RFC 9457 problem details.

use axum::http::StatusCode;

use crate::core::ErrorCode;
use crate::store::StoreError;

pub(super) use doorstep_service::http::{FieldError, Problem};

/// Why a call could not be made.
pub(super) fn call_refused(code: ErrorCode) -> Problem {
    let status = match code {
        ErrorCode::NotYourOrder
        | ErrorCode::TargetNotAllowed
        // The API asks in the company's name: these are answers to apps.
        | ErrorCode::Unauthorized
        | ErrorCode::TokenExpired
        | ErrorCode::NotYourAddress => StatusCode::FORBIDDEN,
        ErrorCode::NoSuchOrder | ErrorCode::NoSuchCall => StatusCode::NOT_FOUND,
        ErrorCode::OrderClosed
        | ErrorCode::CustomerUnreachable
        | ErrorCode::CustomerBusy
        | ErrorCode::CourierUnreachable
        | ErrorCode::NoCommonCodec => StatusCode::CONFLICT,
        ErrorCode::TooManyCalls => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TrunkDown | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, code.as_str(), "The call could not be made").detail(code.text())
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Migration(_) => {
                tracing::warn!(%error, "the store did not answer");
                Self::unavailable("The store does not answer.")
            }
            StoreError::Corrupt => {
                tracing::error!(%error, "the store holds what this version cannot read");
                Self::unavailable("The store holds what this version cannot read.")
            }
        }
    }
}
