//! The pool of company numbers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_service::http::JsonBody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::number;
use super::problem::{FieldError, Problem};
use super::state::Shared;
use crate::masking::E164;
use crate::store::CompanyNumber;

/// Longest label, in characters.
const MAX_LABEL: usize = 80;

/// A company number as it is put.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NumberBody {
    /// What the company calls it.
    #[schema(example = "Berlin")]
    label: String,
}

/// A company number.
#[derive(Serialize, ToSchema)]
pub(super) struct NumberView {
    /// E.164.
    #[schema(example = "+493022220000")]
    number: String,
    /// What the company calls it.
    label: String,
    /// Whether it stands in the configuration, where alone it can be removed.
    configured: bool,
}

/// All company numbers, those of the configuration first.
#[derive(Serialize, ToSchema)]
pub(super) struct NumberList {
    numbers: Vec<NumberView>,
}

/// Adds a company number to the pool, or changes its label.
#[utoipa::path(put, path = "/v1/numbers/{e164}", tag = "numbers", request_body = NumberBody,
    params(("e164" = String, Path, description = "The number in E.164, its plus as + or %2B")),
    responses(
        (status = 201, description = "Added", body = NumberView),
        (status = 200, description = "Changed", body = NumberView),
        (status = 422, description = "Not E.164", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn put_number(
    State(state): State<Shared>,
    Path(text): Path<String>,
    JsonBody(body): JsonBody<NumberBody>,
) -> Result<Response, Problem> {
    let number = read(&text)?;
    if body.label.chars().count() > MAX_LABEL || body.label.chars().any(char::is_control) {
        let message = format!("at most {MAX_LABEL} characters, no control characters");
        return Err(Problem::invalid(vec![FieldError::new("label", message)]));
    }
    let own = CompanyNumber { number, label: body.label };
    let created = state.store.put_number(&own).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view(&state, own))).into_response())
}

/// Reads a company number.
#[utoipa::path(get, path = "/v1/numbers/{e164}", tag = "numbers",
    params(("e164" = String, Path, description = "The number in E.164")),
    responses(
        (status = 200, body = NumberView),
        (status = 404, description = "Not in the pool", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn read_number(
    State(state): State<Shared>,
    Path(text): Path<String>,
) -> Result<Json<NumberView>, Problem> {
    let number = read(&text)?;
    let stored = state.store.number(&number).await?;
    let configured = || {
        state
            .numbers
            .contains(&number)
            .then(|| CompanyNumber { number: number.clone(), label: String::new() })
    };
    Ok(Json(view(&state, stored.or_else(configured).ok_or_else(no_such_number)?)))
}

/// Takes a company number out of the pool. Orders that show it go on showing it.
#[utoipa::path(delete, path = "/v1/numbers/{e164}", tag = "numbers",
    params(("e164" = String, Path, description = "The number in E.164")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "Not in the pool", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the configuration", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn delete_number(
    State(state): State<Shared>,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let number = read(&text)?;
    if state.store.delete_number(&number).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    if state.numbers.contains(&number) {
        let detail =
            "The number stands in the gateway's configuration (numbers.company) and is removed there.";
        return Err(Problem::conflict("configured", detail));
    }
    Err(no_such_number())
}

/// Lists the pool.
#[utoipa::path(get, path = "/v1/numbers", tag = "numbers", responses((status = 200, body = NumberList)))]
pub(super) async fn list_numbers(State(state): State<Shared>) -> Result<Json<NumberList>, Problem> {
    let stored = state.store.numbers().await?;
    let configured = state.numbers.iter().filter(|number| !stored.iter().any(|own| own.number == **number));
    let configured = configured.map(|number| CompanyNumber { number: number.clone(), label: String::new() });
    let all: Vec<_> = configured.chain(stored.iter().cloned()).collect();
    Ok(Json(NumberList { numbers: all.into_iter().map(|own| view(&state, own)).collect() }))
}

fn view(state: &Shared, own: CompanyNumber) -> NumberView {
    NumberView {
        configured: state.numbers.contains(&own.number),
        number: own.number.expose().to_owned(),
        label: own.label,
    }
}

/// A plus in a path may have come as a space or not at all.
fn read(text: &str) -> Result<E164, Problem> {
    let mut errors = Vec::new();
    let digits = text.trim().trim_start_matches('+');
    number("e164", &format!("+{digits}"), &mut errors).ok_or_else(|| Problem::invalid(errors))
}

fn no_such_number() -> Problem {
    Problem::not_found("That number is not in the pool.")
}
