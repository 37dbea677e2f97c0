//! Who may use the API, and what is counted of it.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::key::is_known;
use super::problem::Problem;
use super::state::ApiState;

/// Lets a request through that shows an API key. Without keys (only on loopback) it must come by a loopback name, so that no
/// web page can reach the API through a name of its own that leads here (DNS rebinding).
pub async fn require_key<S: ApiState>(State(state): State<Arc<S>>, request: Request, next: Next) -> Response {
    if state.keys().is_empty() {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(is_loopback) {
            return Problem::forbidden("Without API keys the API answers only as localhost.").into_response();
        }
        return next.run(request).await;
    }
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(shown) = shown else {
        return Problem::unauthorized("Send the header Authorization: Bearer KEY.").into_response();
    };
    let key = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match key {
        Some((_, key)) if is_known(state.keys(), key.trim()) => next.run(request).await,
        Some(_) | None => Problem::unauthorized("That API key is not known.").into_response(),
    }
}

/// Counts by route, not by path: a path holds ids.
pub async fn count(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = method_word(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("doorstep_api_requests_total", "method" => method, "route" => route, "status" => status)
        .increment(1);
    response
}

/// A client may make up methods; a counter has few labels.
fn method_word(method: &Method) -> &'static str {
    [("GET", Method::GET), ("PUT", Method::PUT), ("POST", Method::POST), ("DELETE", Method::DELETE)]
        .into_iter()
        .find(|(_, known)| known == method)
        .map_or("other", |(word, _)| word)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in ["localhost", "LOCALHOST:7480", "127.0.0.1:7480", "[::1]:7480", "127.9.9.9"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["evil.example:7480", "127.0.0.1.evil.example", "", "192.0.2.1", "[2001:db8::1]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
