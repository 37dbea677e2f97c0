//! Calls: click-to-call, records, hang-up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use doorstep_service::http::{JsonBody, Moment, QueryOf, limit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::orders::{MAX_ID, no_such_order};
use super::problem::{FieldError, Problem, call_refused};
use super::state::Shared;
use crate::core::{CallId, CallMedia, ErrorCode, LegStats, OrderId, Side};
use crate::store::{CallFilter, StoredCall};

/// Click-to-call.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CallBody {
    /// Who is rung first; the other when the first has answered.
    first: First,
}

/// Who is rung first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum First {
    /// The courier's app.
    #[default]
    Courier,
    /// The customer's phone.
    Customer,
}

/// A call that is under way.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeCall {
    /// For `/v1/calls/{id}`.
    id: String,
}

/// A call as it is told: no number and no courier, the order says who they are.
#[derive(Serialize, ToSchema)]
pub(super) struct CallView {
    /// 32 hexadecimal digits.
    id: String,
    /// The order; absent when the caller had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    /// `courier_to_customer`, `customer_to_courier` or `click_to_call`.
    direction: String,
    /// `started`, `ringing`, `answered` or `ended`.
    state: &'static str,
    /// When it began.
    started_at: Moment,
    /// When it rang.
    #[serde(skip_serializing_if = "Option::is_none")]
    ringing_at: Option<Moment>,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<Moment>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Moment>,
    /// Why it ended: `courier_hung_up`, `customer_hung_up`, `company_hung_up`, `refused`, `no_answer`, `declined`, `talk_limit`,
    /// `lost`, `transferred` or `shutdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    /// With `refused`: the code of docs/protocol.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the media carried; there a moment after the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<MediaView>,
}

/// What the media of both sides carried.
#[derive(Serialize, ToSchema)]
pub(super) struct MediaView {
    /// With the courier's app.
    #[serde(skip_serializing_if = "Option::is_none")]
    courier: Option<SideView>,
    /// With the customer's phone, or the contact centre's.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<SideView>,
}

/// What the gateway received from a side and sent to it.
#[derive(Serialize, ToSchema)]
pub(super) struct SideView {
    /// RTP packets received.
    packets_received: u64,
    /// RTP packets that never came.
    packets_lost: u64,
    /// RTP packets sent.
    packets_sent: u64,
    /// Interarrival jitter in milliseconds (RFC 3550).
    jitter_ms: f64,
    /// Round trip in milliseconds, when RTCP told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_ms: Option<f64>,
}

/// One page of calls, the youngest first.
#[derive(Serialize, ToSchema)]
pub(super) struct CallPage {
    calls: Vec<CallView>,
    /// For `cursor`, to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which calls to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallQuery {
    /// This order's only.
    order: Option<String>,
    /// This courier's only.
    courier: Option<String>,
    /// Those that go on only.
    #[serde(default)]
    active: bool,
    /// From `next` of the page before.
    cursor: Option<String>,
    /// Calls per page, 1 to 200; by default 50.
    limit: Option<u32>,
}

impl CallView {
    pub(super) fn state(&self) -> &'static str {
        self.state
    }
}

impl From<StoredCall> for CallView {
    fn from(call: StoredCall) -> Self {
        let state = match (call.ended_at, call.answered_at, call.ringing_at) {
            (Some(_), _, _) => "ended",
            (None, Some(_), _) => "answered",
            (None, None, Some(_)) => "ringing",
            (None, None, None) => "started",
        };
        Self {
            id: call.id,
            order: call.order,
            direction: call.direction,
            state,
            started_at: Moment(call.started_at),
            ringing_at: call.ringing_at.map(Moment),
            answered_at: call.answered_at.map(Moment),
            ended_at: call.ended_at.map(Moment),
            end: call.end,
            error: call.error,
            media: media_view(call.media),
        }
    }
}

fn media_view(media: CallMedia) -> Option<MediaView> {
    let side = |leg: LegStats| SideView {
        packets_received: leg.packets_received,
        packets_lost: leg.packets_lost,
        packets_sent: leg.packets_sent,
        jitter_ms: leg.jitter_ms,
        round_trip_ms: leg.round_trip_ms,
    };
    let view = MediaView { courier: media.courier.map(side), phone: media.phone.map(side) };
    (view.courier.is_some() || view.phone.is_some()).then_some(view)
}

/// Rings one side of an order and, when it has answered, the other. With an `Idempotency-Key` header the same request twice is one call.
#[utoipa::path(post, path = "/v1/orders/{id}/calls", tag = "calls", request_body = CallBody,
    params(
        ("id" = String, Path, description = "The company's id of the order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Up to 128 bytes; remembered for ten minutes"),
    ),
    responses(
        (status = 202, description = "Under way", body = MadeCall),
        (status = 404, description = "No such order", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The order is closed, or nobody can be reached", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many calls at once", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The carrier or the store does not answer", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn make_call(
    State(state): State<Shared>,
    Path(order): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CallBody>,
) -> Result<Response, Problem> {
    let side = match body.first {
        First::Courier => Side::Edge,
        First::Customer => Side::Trunk,
    };
    let call = match headers.get("idempotency-key") {
        None => connect(&state, order, side).await?,
        Some(key) => {
            let key =
                key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_ID).ok_or_else(|| {
                    Problem::invalid(vec![FieldError::new(
                        "Idempotency-Key",
                        format!("1 to {MAX_ID} bytes of ASCII"),
                    )])
                })?;
            let what = format!("{side:?} {order}");
            let mut made = state.made.lock().await;
            match made.find(key, &what) {
                Some(Ok(call)) => call,
                Some(Err(())) => {
                    return Err(Problem::conflict(
                        "key_used",
                        "The Idempotency-Key was used for another request.",
                    ));
                }
                None => {
                    let call = connect(&state, order, side).await?;
                    made.remember(key.to_owned(), what, call.clone());
                    call
                }
            }
        }
    };
    let location = format!("/v1/calls/{call}");
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(MadeCall { id: call.0 })).into_response())
}

/// Reads a call's record.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "The call's id")),
    responses(
        (status = 200, body = CallView),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn read_call(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<CallView>, Problem> {
    Ok(Json(find(&state, &id).await?.ok_or_else(no_such_call)?.into()))
}

/// Hangs up a call that goes on.
#[utoipa::path(delete, path = "/v1/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "The call's id")),
    responses(
        (status = 202, description = "Both sides are being told"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The call has ended", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn hang_up(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    match state.driver.hang_up(CallId(id.clone())).await {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        // The core knows calls that go on; the store says which of the others there were.
        Err(ErrorCode::NoSuchCall) => match find(&state, &id).await? {
            Some(_) => Err(Problem::conflict("call_ended", "The call has ended.")),
            None => Err(no_such_call()),
        },
        Err(code) => Err(call_refused(code)),
    }
}

/// Lists calls, the youngest first, a page at a time.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(CallQuery),
    responses((status = 200, body = CallPage)))]
pub(super) async fn list_calls(
    State(state): State<Shared>,
    QueryOf(query): QueryOf<CallQuery>,
) -> Result<Json<CallPage>, Problem> {
    let limit = limit(query.limit)?;
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    let filter = CallFilter {
        order: query.order,
        courier: query.courier,
        active: query.active,
        before,
        limit: limit + 1,
    };
    let mut calls = state.store.calls(&filter).await?;
    let more = calls.len() > limit as usize;
    calls.truncate(limit as usize);
    let next = if more { calls.last().map(|call| format!("{}.{}", call.started_at, call.id)) } else { None };
    Ok(Json(CallPage {
        calls: calls
            .into_iter()
            .map(|call| state.driver.live().find(&call.id).unwrap_or(call).into())
            .collect(),
        next,
    }))
}

/// The store may lag behind the call.
pub(super) async fn find(state: &Shared, id: &str) -> Result<Option<StoredCall>, Problem> {
    match state.driver.live().find(id) {
        Some(call) => Ok(Some(call)),
        None => Ok(state.store.call(id).await?),
    }
}

async fn connect(state: &Shared, order: String, first: Side) -> Result<CallId, Problem> {
    if state.store.order(&order).await?.is_none() {
        return Err(no_such_order());
    }
    state.driver.connect(OrderId(order), first).await.map_err(call_refused)
}

fn read_cursor(cursor: &str) -> Result<(i64, String), Problem> {
    let parts = cursor.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Problem::invalid(vec![FieldError::new("cursor", "the `next` of the page before")]))
}

pub(super) fn no_such_call() -> Problem {
    Problem::not_found("There is no such call.")
}
