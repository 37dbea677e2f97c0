//! The WebSocket upgrade (RFC 6455, RFC 7118): path, subprotocol and token are judged before anything else is read.

use http::header::{AUTHORIZATION, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::auth::{Bearer, Refusal, Verifier};

/// The path that apps ask for.
pub const PATH: &str = "/ws";
/// RFC 7118 section 4.
const SUBPROTOCOL: &str = "sip";

/// Judges an upgrade. `tokens_only`: a request without a token is refused, since nobody can sign in by digest.
///
/// # Errors
/// The response to send, its reason in the body for a person and in a header for a program.
#[allow(clippy::result_large_err, reason = "the library's own type; one per connection")]
pub(super) fn judge(
    request: &Request,
    mut response: Response,
    verifier: &Verifier,
    tokens_only: bool,
) -> Result<(Response, Option<Bearer>), ErrorResponse> {
    if request.uri().path() != PATH {
        return Err(refuse(StatusCode::NOT_FOUND, "no_such_path", "Couriers' apps connect at /ws."));
    }
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
    let bearer = match bearer_token(request) {
        None if !tokens_only => None,
        None => return Err(unauthorized(Refusal::Missing)),
        Some(token) => Some(verifier.verify(token).map_err(unauthorized)?),
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok((response, bearer))
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
    let mut response = respond(StatusCode::UNAUTHORIZED, refusal.as_str(), &refusal.to_string());
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refuse(status: StatusCode, code: &'static str, text: &str) -> ErrorResponse {
    metrics::counter!("doorstep_edge_refused_total", "why" => code).increment(1);
    respond(status, code, text)
}

fn respond(status: StatusCode, code: &'static str, text: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("x-doorstep-error", HeaderValue::from_static(code));
    headers.insert("connection", HeaderValue::from_static("close"));
    if let Ok(length) = HeaderValue::from_str(&(text.len() + 1).to_string()) {
        headers.insert("content-length", length);
    }
    response
}
