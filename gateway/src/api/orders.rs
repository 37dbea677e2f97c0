//! Orders: opened, changed, read, listed and closed. The customer's number goes in and never comes out.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use doorstep_service::http::{JsonBody, Moment, QueryOf, limit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{FieldError, Problem};
use super::state::Shared;
use crate::masking::{E164, Order, Otherwise};

/// Longest id of an order or courier, in bytes.
pub(super) const MAX_ID: usize = 128;
/// Longest label, in characters: it must fit on a telephone's screen.
const MAX_LABEL: usize = 80;

/// An order as the company opens or changes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderBody {
    /// The courier's id, as in the `sub` of the courier's token.
    #[schema(example = "courier-17")]
    courier: String,
    /// The customer's number in E.164. It never comes back in an answer, an event or a log.
    #[schema(example = "+493012345678", write_only)]
    customer: String,
    /// What the courier's screen shows; by default nothing but the order's id.
    #[schema(example = "Order 4711")]
    label: Option<String>,
    /// The company number that both sides see (E.164). By default the order keeps the one it has, or gets one of the pool that
    /// no other open order of the customer's uses.
    #[schema(example = "+493022220000")]
    caller_id: Option<String>,
    /// From when calls are allowed; by default from now.
    opens_at: Option<Moment>,
    /// Until when.
    closes_at: Moment,
    /// Seconds after `closes_at` during which calls are still allowed; by default none.
    grace: Option<u32>,
    /// Longest call in seconds, 1 to 86400; by default the gateway's limit.
    max_call_s: Option<u32>,
    /// How long a call may ring, in seconds, 5 to 600; by default the gateway's limit.
    ring_s: Option<u32>,
    /// What happens to the customer's call when the courier cannot be reached; by default the gateway's policy.
    #[serde(alias = "fallback")]
    otherwise: Option<OtherwiseWord>,
}

/// What happens to the customer's call when the courier cannot be reached.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OtherwiseWord {
    /// To the contact centre; first the gateway's message, where it has one.
    ContactCentre,
    /// The gateway's message, and the call ends.
    Message,
    /// The call is refused.
    Refuse,
}

/// An order as it is told: neither the customer nor the courier is in it.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderView {
    /// The company's id of the order.
    #[schema(example = "4711")]
    id: String,
    /// What the courier's screen shows.
    label: Option<String>,
    /// The company number that both sides see.
    caller_id: String,
    /// From when calls are allowed.
    opens_at: Moment,
    /// Until when.
    closes_at: Moment,
    /// Seconds of grace after that.
    grace: i64,
    /// Longest call in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_call_s: Option<u64>,
    /// Longest ringing in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_s: Option<u64>,
    /// The order's own policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    otherwise: Option<OtherwiseWord>,
    /// Whether calls are allowed now.
    open: bool,
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderPage {
    orders: Vec<OrderView>,
    /// For `cursor`, to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which orders to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderQuery {
    /// This courier's only.
    courier: Option<String>,
    /// From `next` of the page before.
    cursor: Option<String>,
    /// Orders per page, 1 to 200; by default 50.
    limit: Option<u32>,
}

/// Opens an order, or changes it (another courier mid-order too). The same again changes nothing.
#[utoipa::path(put, path = "/v1/orders/{id}", tag = "orders", request_body = OrderBody,
    params(("id" = String, Path, description = "The company's id of the order, up to 128 bytes")),
    responses(
        (status = 201, description = "Opened", body = OrderView),
        (status = 200, description = "Changed", body = OrderView),
        (status = 422, description = "A field is wrong; it is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn put_order(
    State(state): State<Shared>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<OrderBody>,
) -> Result<Response, Problem> {
    let now = state.clock.unix_ms();
    let before = state.store.order(&id).await?;
    let mut errors = Vec::new();
    check_id("id", &id, &mut errors);
    check_id("courier", &body.courier, &mut errors);
    let customer = number("customer", &body.customer, &mut errors);
    let wanted = body.caller_id.as_deref().map(|text| number("caller_id", text, &mut errors));
    let label = body.label.unwrap_or_default();
    if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        errors
            .push(FieldError::new("label", format!("at most {MAX_LABEL} characters, no control characters")));
    }
    let opens_at = body.opens_at.map(|moment| moment.0);
    let opens_at = opens_at.or_else(|| before.as_ref().map(|order| order.opens_at)).unwrap_or(now);
    if body.closes_at.0 <= opens_at {
        errors.push(FieldError::new("closes_at", "a time after opens_at"));
    }
    let max_call = seconds("max_call_s", body.max_call_s, 1..=86_400, &mut errors);
    let ring = seconds("ring_s", body.ring_s, 5..=600, &mut errors);
    let grace = seconds("grace", body.grace, 0..=604_800, &mut errors).unwrap_or_default();
    match body.otherwise {
        Some(OtherwiseWord::ContactCentre) if !state.fallbacks.contact_centre => {
            errors.push(FieldError::new(
                "otherwise",
                "the gateway has no contact centre (fallback.contact_centre)",
            ));
        }
        Some(OtherwiseWord::Message) if !state.fallbacks.message => {
            errors.push(FieldError::new("otherwise", "the gateway has no message (fallback.message)"));
        }
        Some(OtherwiseWord::ContactCentre | OtherwiseWord::Message | OtherwiseWord::Refuse) | None => {}
    }
    let (Some(customer), true) = (customer, errors.is_empty()) else { return Err(Problem::invalid(errors)) };
    let company_number = match wanted.flatten() {
        Some(number) => number,
        None => choose_number(&state, &id, &customer, before.as_ref(), now).await?,
    };
    let order = Order {
        id,
        courier: body.courier,
        customer,
        company_number,
        label,
        opens_at,
        closes_at: body.closes_at.0,
        grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
        max_call,
        ring,
        otherwise: body.otherwise.map(|word| match word {
            OtherwiseWord::ContactCentre => Otherwise::ContactCentre,
            OtherwiseWord::Message => Otherwise::Message,
            OtherwiseWord::Refuse => Otherwise::Refuse,
        }),
    };
    let created = state.store.put_order(&order).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/orders/{}", escape(&order.id));
    Ok((status, [(LOCATION, location)], Json(view(order, now))).into_response())
}

/// Reads an order.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "The company's id of the order")),
    responses(
        (status = 200, body = OrderView),
        (status = 404, description = "No such order", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn read_order(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<OrderView>, Problem> {
    let order = state.store.order(&id).await?.ok_or_else(no_such_order)?;
    Ok(Json(view(order, state.clock.unix_ms())))
}

/// Closes and forgets an order. Calls that go on are not ended.
#[utoipa::path(delete, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "The company's id of the order")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such order", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn delete_order(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if state.store.delete_order(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_order()) }
}

/// Lists orders by id, a page at a time.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(OrderQuery),
    responses((status = 200, body = OrderPage)))]
pub(super) async fn list_orders(
    State(state): State<Shared>,
    QueryOf(query): QueryOf<OrderQuery>,
) -> Result<Json<OrderPage>, Problem> {
    let limit = limit(query.limit)?;
    let mut orders =
        state.store.orders_page(query.courier.as_deref(), query.cursor.as_deref(), limit + 1).await?;
    let more = orders.len() > limit as usize;
    orders.truncate(limit as usize);
    let next = if more { orders.last().map(|order| order.id.clone()) } else { None };
    let now = state.clock.unix_ms();
    Ok(Json(OrderPage { orders: orders.into_iter().map(|order| view(order, now)).collect(), next }))
}

/// The number that the order has, or the first of the pool by which the customer's call back finds this order alone.
async fn choose_number(
    state: &Shared,
    id: &str,
    customer: &E164,
    before: Option<&Order>,
    now: i64,
) -> Result<E164, Problem> {
    if let Some(before) = before.filter(|before| before.customer == *customer) {
        return Ok(before.company_number.clone());
    }
    let mut pool = state.numbers.clone();
    pool.extend(state.store.numbers().await?.into_iter().map(|own| own.number));
    for number in &pool {
        let others = state.store.orders_between(customer, number).await?;
        if !others.iter().any(|other| other.id != id && other.is_open(now)) {
            return Ok(number.clone());
        }
    }
    pool.into_iter().next().ok_or_else(|| {
        let message = "needed: the gateway has no company numbers (PUT /v1/numbers/{e164})";
        Problem::invalid(vec![FieldError::new("caller_id", message)])
    })
}

fn view(order: Order, now: i64) -> OrderView {
    OrderView {
        open: order.is_open(now),
        label: Some(order.label).filter(|label| !label.is_empty()),
        caller_id: order.company_number.expose().to_owned(),
        opens_at: Moment(order.opens_at),
        closes_at: Moment(order.closes_at),
        grace: order.grace_ms / 1000,
        max_call_s: order.max_call.map(|limit| limit.as_secs()),
        ring_s: order.ring.map(|limit| limit.as_secs()),
        otherwise: order.otherwise.map(|otherwise| match otherwise {
            Otherwise::ContactCentre => OtherwiseWord::ContactCentre,
            Otherwise::Message => OtherwiseWord::Message,
            Otherwise::Refuse => OtherwiseWord::Refuse,
        }),
        id: order.id,
    }
}

fn check_id(field: &str, id: &str, errors: &mut Vec<FieldError>) {
    if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
        errors.push(FieldError::new(field, format!("1 to {MAX_ID} bytes, no control characters")));
    }
}

pub(super) fn number(field: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<E164> {
    E164::parse(text).map_err(|error| errors.push(FieldError::new(field, error.to_string()))).ok()
}

fn seconds(
    field: &str,
    value: Option<u32>,
    range: std::ops::RangeInclusive<u32>,
    errors: &mut Vec<FieldError>,
) -> Option<Duration> {
    let value = value?;
    if !range.contains(&value) {
        errors.push(FieldError::new(field, format!("{} to {} seconds", range.start(), range.end())));
    }
    Some(Duration::from_secs(value.into()))
}

pub(super) fn no_such_order() -> Problem {
    Problem::not_found("There is no such order.")
}

/// RFC 3986: what may stand in a path segment as it is.
pub(super) fn escape(segment: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    segment
        .bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
