//! The courier's own open orders: what a list in the app needs, by the token of the upgrade, and no number.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};

use doorstep_service::http::Moment;

use super::Shared;
use super::upgrade::{bearer, refuse};
use crate::masking::Order;

/// The path that apps ask for.
pub(super) const PATH: &str = "/orders";
/// More than a courier has.
const MOST: u32 = 100;

#[derive(Serialize)]
struct OrderList {
    orders: Vec<OwnOrder>,
}

#[derive(Serialize)]
struct OwnOrder {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    closes_at: Moment,
}

impl From<Order> for OwnOrder {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            label: Some(order.label).filter(|label| !label.is_empty()),
            closes_at: Moment(order.closes_at),
        }
    }
}

/// Answers a request for [`PATH`].
pub(super) async fn list(request: &Request, shared: &Shared) -> ErrorResponse {
    let bearer = match bearer(request, &shared.verifier.current()) {
        Ok(bearer) => bearer,
        Err(refused) => return refused,
    };
    match shared.store.open_orders(&bearer.courier, shared.clock.unix_ms(), MOST).await {
        Ok(orders) => {
            let orders = orders.into_iter().map(OwnOrder::from).collect();
            serde_json::to_string(&OrderList { orders }).map_or_else(|_| unavailable(), json)
        }
        Err(error) => {
            tracing::warn!(%error, "a courier's orders could not be read");
            unavailable()
        }
    }
}

fn json(body: String) -> ErrorResponse {
    let length = body.len();
    let mut response = ErrorResponse::new(Some(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn unavailable() -> ErrorResponse {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The orders cannot be read now.")
}
