//! What the gateway itself writes into SIP messages. Nothing here comes from a message of the other side.

use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::Reply;

use super::ids::Hidden;
use super::refusal::ErrorCode;
use crate::bridge::Farewell;

/// A refusal as an app reads it: status and phrase for the person, `Reason` (RFC 3326) and `X-Doorstep-Error` for the app.
pub(super) fn refusal_for_app(code: ErrorCode) -> Reply {
    let status = status_of(code.status());
    let mut reply = Reply { reason: Some(code.text().to_owned()), ..Reply::new(status) };
    add(&mut reply.headers, HeaderName::Reason, format!("SIP;cause={status};text=\"{}\"", code.text()));
    add_extension(&mut reply.headers, "X-Doorstep-Error", code.as_str());
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        add(&mut reply.headers, HeaderName::RetryAfter, "5".to_owned());
    }
    reply
}

/// A refusal as the carrier reads it: nothing but a status.
pub(super) fn refusal_for_carrier(code: ErrorCode) -> Reply {
    Reply::new(match code {
        ErrorCode::NoCommonCodec => StatusCode::NOT_ACCEPTABLE_HERE,
        ErrorCode::NoSuchOrder | ErrorCode::NoSuchCall => StatusCode::NOT_FOUND,
        ErrorCode::TargetNotAllowed => StatusCode::FORBIDDEN,
        ErrorCode::TooManyCalls | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::NotYourOrder
        | ErrorCode::OrderClosed
        | ErrorCode::CustomerUnreachable
        | ErrorCode::CustomerBusy
        | ErrorCode::CourierUnreachable
        | ErrorCode::TrunkDown
        | ErrorCode::Unauthorized
        | ErrorCode::TokenExpired
        | ErrorCode::NotYourAddress => StatusCode::TEMPORARILY_UNAVAILABLE,
    })
}

/// The `Reason` of a CANCEL or BYE of ours.
pub(super) fn reason(why: Farewell) -> &'static str {
    match why {
        Farewell::Normal => "Q.850;cause=16;text=\"Normal call clearing\"",
        Farewell::AnsweredElsewhere => "SIP;cause=200;text=\"Call completed elsewhere\"",
        Farewell::NoAnswer => "Q.850;cause=19;text=\"No answer\"",
        Farewell::Declined => "SIP;cause=603;text=\"Declined\"",
        Farewell::TalkLimit => "X-Doorstep;text=\"talk_limit\"",
        Farewell::Failure => "Q.850;cause=31;text=\"Call ended\"",
    }
}

/// What the courier's screen shows.
pub(super) fn add_label(headers: &mut Headers, label: Option<&Hidden>) {
    if let Some(label) = label {
        add_extension(headers, "X-Doorstep-Label", &one_line(label.expose()));
    }
}

/// A label of the company's own making, fit for a header or a display name.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn add_extension(headers: &mut Headers, name: &'static str, value: &str) {
    match name.parse::<HeaderName>() {
        Ok(name) => add(headers, name, value.to_owned()),
        Err(_) => tracing::error!(name, "not a header name"),
    }
}

/// The values are this module's own, without line breaks.
pub(super) fn add(headers: &mut Headers, name: HeaderName, value: String) {
    if headers.push(name, value).is_err() {
        tracing::error!("a header with a line break was left out");
    }
}

/// A status of ours; they are all valid.
pub(super) fn status_of(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}
