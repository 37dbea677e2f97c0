//! The WebSocket upgrade (RFC 6455, RFC 7118): path, subprotocol and token are judged before anything else is read.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response, create_response};

use crate::auth::{Bearer, Refusal, Verifier};

/// The path that apps ask for.
pub const PATH: &str = "/ws";
/// RFC 7118 section 4.
const SUBPROTOCOL: &str = "sip";

/// What a browser is told.
const ABOUT: &str = "This is a Doorstep gateway. Couriers' apps connect at /ws, by WebSocket with the subprotocol sip (RFC 7118), and list their orders at /orders.";

/// Judges a request. `tokens_only`: one without a token is refused, since nobody can sign in by digest.
///
/// # Errors
/// The response to send instead of the upgrade, its reason in the body for a person and in a header for a program.
#[allow(clippy::result_large_err, reason = "the library's own type; one per connection")]
pub(super) fn judge(
    request: &Request,
    verifier: &Verifier,
    tokens_only: bool,
) -> Result<(Response, Option<Bearer>), ErrorResponse> {
    let path = request.uri().path();
    if path == "/" && !wants_upgrade(request) {
        return Err(respond(StatusCode::OK, None, ABOUT));
    }
    if path != PATH {
        return Err(refuse(StatusCode::NOT_FOUND, "no_such_path", "Couriers' apps connect at /ws."));
    }
    if !wants_upgrade(request) {
        return Err(upgrade_required("no_upgrade", "Only a WebSocket is to be had here (RFC 6455)."));
    }
    let mut response = create_response(request).map_err(|error| match error {
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
            upgrade_required("websocket_version", "WebSocket version 13 is needed (RFC 6455 section 4.2.2).")
        }
        // Not our enum: what is left is wrong with the request.
        _ => refuse(StatusCode::BAD_REQUEST, "handshake", &format!("The handshake is not valid: {error}.")),
    })?;
    let protocols = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let offers_sip = protocols
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == SUBPROTOCOL);
    if !offers_sip {
        let text = "The WebSocket subprotocol must be sip (RFC 7118).";
        return Err(refuse(StatusCode::BAD_REQUEST, "subprotocol", text));
    }
    let signs_in_by_digest = !tokens_only && bearer_token(request).is_none();
    let bearer = if signs_in_by_digest { None } else { Some(bearer(request, verifier)?) };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok((response, bearer))
}

/// Whom the request's token names.
#[allow(clippy::result_large_err, reason = "as above")]
pub(super) fn bearer(request: &Request, verifier: &Verifier) -> Result<Bearer, ErrorResponse> {
    let token = bearer_token(request).ok_or(Refusal::Missing);
    token.and_then(|token| verifier.verify(token)).map_err(unauthorized)
}

/// The answer to somebody who speaks HTTP without TLS where TLS is spoken.
pub(super) fn tls_needed() -> ErrorResponse {
    refuse(StatusCode::BAD_REQUEST, "tls_needed", "TLS is spoken here: use wss://, or https:// in a browser.")
}

fn wants_upgrade(request: &Request) -> bool {
    let values = request.headers().get_all(UPGRADE);
    values.iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// RFC 9110 section 15.5.22.
fn upgrade_required(code: &'static str, text: &str) -> ErrorResponse {
    let mut response = refuse(StatusCode::UPGRADE_REQUIRED, code, text);
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

fn bearer_token(request: &Request) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6750 section 3: no error code when no token was shown.
fn unauthorized(refusal: Refusal) -> ErrorResponse {
    metrics::counter!("doorstep_edge_refused_total", "why" => format!("token_{}", refusal.as_str()))
        .increment(1);
    let challenge = match refusal {
        Refusal::Missing => "Bearer realm=\"doorstep\"".to_owned(),
        Refusal::Malformed
        | Refusal::BadSignature
        | Refusal::Expired
        | Refusal::NotYetValid
        | Refusal::WrongIssuer
        | Refusal::WrongAudience
        | Refusal::MissingClaim
        | Refusal::NotAccepted => {
            format!("Bearer realm=\"doorstep\", error=\"invalid_token\", error_description=\"{refusal}\"")
        }
    };
    let mut response = respond(StatusCode::UNAUTHORIZED, Some(refusal.as_str()), &refusal.to_string());
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

pub(super) fn refuse(status: StatusCode, code: &'static str, text: &str) -> ErrorResponse {
    metrics::counter!("doorstep_edge_refused_total", "why" => code).increment(1);
    respond(status, Some(code), text)
}

fn respond(status: StatusCode, code: Option<&'static str>, text: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len() + 1));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(code) = code {
        headers.insert("x-doorstep-error", HeaderValue::from_static(code));
    }
    response
}
