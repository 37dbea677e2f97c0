//! Wakes: asked for, looked at, called off.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use doorstep_sensitive::Sensitive;
use doorstep_service::http::{FieldError, JsonBody, Moment, Problem, QueryOf};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields;
use super::state::Shared;
use crate::clock::unix_ms;
use crate::metrics;
use crate::provider::ProviderKind;
use crate::queue::{Refusal, WakeStatus};
use crate::store::{Accepted, DeliveryState, Wake};

/// A call rings for some minutes at the very most.
const LONGEST_LIFE_MS: i64 = 3_600_000;
/// Longest wait for the end of a wake, in seconds.
const LONGEST_WAIT: u64 = 30;

/// A wake as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WakeBody {
    /// The call: the Call-ID of the INVITE that the app will get.
    call: String,
    /// Whose devices: the courier's id.
    user: String,
    /// The order's id.
    order: Option<String>,
    /// What the screen shows.
    #[schema(value_type = Option<String>)]
    label: Option<Sensitive<String>>,
    /// No push is sent at or after this.
    expires_at: Moment,
}

/// A wake that was taken in.
#[derive(Serialize, ToSchema)]
pub(super) struct WakeAccepted {
    call: String,
    /// How many devices it goes to; 0: the user has none.
    devices: usize,
    accepted_at: Moment,
    expires_at: Moment,
}

/// Where a wake stands.
#[derive(Serialize, ToSchema)]
pub(super) struct WakeView {
    call: String,
    user: String,
    order: Option<String>,
    accepted_at: Moment,
    expires_at: Moment,
    cancelled_at: Option<Moment>,
    /// Whether nothing will change any more.
    #[serde(rename = "final")]
    is_final: bool,
    devices: Vec<DeliveryView>,
}

/// One device's push.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryView {
    device: String,
    provider: ProviderKind,
    state: DeliveryState,
    attempts: u32,
    /// The provider's name for it.
    provider_id: Option<String>,
    /// The provider's last HTTP status.
    status: Option<u16>,
    /// The provider's last word, or ours.
    reason: Option<String>,
    /// When it is tried again.
    next_attempt_at: Option<Moment>,
    /// When the provider took it.
    sent_at: Option<Moment>,
    /// When it was sent or given up.
    ended_at: Option<Moment>,
}

/// How a wake is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WakeQuery {
    /// Waits until every device has a final state, or so many seconds, at most 30.
    wait_s: Option<u64>,
}

/// Takes a wake in and pushes to every device of the user. Durable before it is answered; the same call twice is one wake.
#[utoipa::path(post, path = "/v1/wakes", tag = "wakes", request_body = WakeBody,
    responses(
        (status = 202, description = "Taken in, now or before", body = WakeAccepted),
        (status = 409, description = "Something else was asked for under that call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting: Retry-After says when", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not take it, or the server is stopping", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn post_wake(
    State(state): State<Shared>,
    JsonBody(body): JsonBody<WakeBody>,
) -> Result<Response, Problem> {
    let now = unix_ms();
    check(&body, now)?;
    let wake = Wake {
        call: body.call,
        user: body.user,
        order: body.order,
        label: body.label,
        accepted_at: now,
        expires_at: body.expires_at.0,
    };
    let (call, expires_at) = (wake.call.clone(), wake.expires_at);
    let (devices, accepted_at) = match state.queue.accept(wake).await {
        Ok(Accepted::New(jobs)) => {
            metrics::accepted(jobs.len());
            (jobs.len(), now)
        }
        Ok(Accepted::Known(known)) => {
            (usize::try_from(known.devices).unwrap_or(usize::MAX), known.wake.accepted_at)
        }
        Ok(Accepted::Other) => {
            metrics::refused("conflict");
            return Err(Problem::conflict("other_wake", "Another wake was asked for under that call."));
        }
        Err(refusal) => return Err(refused(refusal)),
    };
    let answer =
        WakeAccepted { devices, accepted_at: Moment(accepted_at), expires_at: Moment(expires_at), call };
    let location = format!("/v1/wakes/{}", escape(&answer.call));
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(answer)).into_response())
}

/// Tells where a wake stands.
#[utoipa::path(get, path = "/v1/wakes/{call}", tag = "wakes", params(("call" = String, Path, description = "The call"), WakeQuery),
    responses(
        (status = 200, body = WakeView),
        (status = 404, description = "No such wake", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn read_wake(
    State(state): State<Shared>,
    Path(call): Path<String>,
    QueryOf(query): QueryOf<WakeQuery>,
) -> Result<Json<WakeView>, Problem> {
    let wait = query.wait_s.unwrap_or_default();
    if wait > LONGEST_WAIT {
        return Err(Problem::invalid(vec![FieldError::new("wait_s", format!("0 to {LONGEST_WAIT}"))]));
    }
    let status = state.queue.status(&call, Duration::from_secs(wait)).await?;
    status.map(|status| Json(view(status))).ok_or_else(no_such_wake)
}

/// Calls a wake off: what waits is not sent; devices that have it and can be told are told.
#[utoipa::path(delete, path = "/v1/wakes/{call}", tag = "wakes", params(("call" = String, Path, description = "The call")),
    responses(
        (status = 204, description = "Called off, now or before"),
        (status = 404, description = "No such wake", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn delete_wake(
    State(state): State<Shared>,
    Path(call): Path<String>,
) -> Result<StatusCode, Problem> {
    if state.queue.cancel(call).await? { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_wake()) }
}

fn check(body: &WakeBody, now: i64) -> Result<(), Problem> {
    let mut errors = Vec::new();
    fields::call("call", &body.call, &mut errors);
    fields::id("user", &body.user, &mut errors);
    if let Some(order) = &body.order {
        fields::id("order", order, &mut errors);
    }
    if let Some(label) = &body.label {
        fields::label("label", label.expose(), &mut errors);
    }
    if body.expires_at.0 <= now || body.expires_at.0 > now.saturating_add(LONGEST_LIFE_MS) {
        errors.push(FieldError::new("expires_at", "a time to come, within an hour"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Full => {
            metrics::refused("full");
            Problem::overloaded("Too much is waiting to be sent.")
        }
        Refusal::Stopping => {
            metrics::refused("stopping");
            Problem::unavailable("The server is stopping.")
        }
        Refusal::NotWritten(error) => {
            metrics::refused("store");
            error.into()
        }
    }
}

fn view(status: WakeStatus) -> WakeView {
    let is_final = status.is_final();
    let stored = status.wake;
    WakeView {
        call: stored.wake.call,
        user: stored.wake.user,
        order: stored.wake.order,
        accepted_at: Moment(stored.wake.accepted_at),
        expires_at: Moment(stored.wake.expires_at),
        cancelled_at: stored.cancelled_at.map(Moment),
        is_final,
        devices: status
            .deliveries
            .into_iter()
            .map(|delivery| DeliveryView {
                next_attempt_at: (!delivery.state.is_final()).then_some(Moment(delivery.next_at)),
                sent_at: delivery.done_at.filter(|_| delivery.state == DeliveryState::Sent).map(Moment),
                ended_at: delivery.done_at.map(Moment),
                device: delivery.device,
                provider: delivery.provider,
                state: delivery.state,
                attempts: delivery.attempts,
                provider_id: delivery.provider_id,
                status: delivery.status,
                reason: delivery.reason,
            })
            .collect(),
    }
}

fn no_such_wake() -> Problem {
    Problem::not_found("There is no such wake.")
}

/// RFC 3986: what may stand in a path segment as it is.
fn escape(segment: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    segment
        .bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
