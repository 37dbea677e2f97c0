//! Bodies, queries and times of requests, whose faults are told as problems.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::problem::{FieldError, Problem};
use super::state::ApiState;

/// The most that a page holds.
const MAX_LIMIT: u32 = 200;
/// What it holds when nothing is said.
const DEFAULT_LIMIT: u32 = 50;

/// A JSON body, of at most [`ApiState::max_body`] bytes.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: ApiState> FromRequest<Arc<S>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<S>) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
        if !is_json {
            return Err(Problem::media_type());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large(state.max_body())
            } else {
                Problem::bad_request("The body ended too early.")
            }
        })?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return Problem::bad_request("The body is not JSON.");
        }
        Problem::invalid(vec![data_error(&path, &inner.to_string())])
    })
}

/// serde's words, without the value that it found: that may be a real number.
fn data_error(path: &str, words: &str) -> FieldError {
    let quoted = |words: &str| words.split('`').nth(1).map(str::to_owned);
    // A name that looks like one of ours is repeated; anything else may be a number or an id in the wrong place.
    let harmless = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if words.starts_with("unknown field") {
        let allowed = words.split_once("expected ").map_or("", |(_, allowed)| allowed);
        let allowed = allowed.rsplit_once(" at line").map_or(allowed, |(allowed, _)| allowed);
        return FieldError::new(
            &quoted(words).filter(harmless).unwrap_or_else(|| "(another)".to_owned()),
            format!("unknown field; allowed: {allowed}"),
        );
    }
    if words.starts_with("missing field") {
        return FieldError::new(&quoted(words).unwrap_or_default(), "missing");
    }
    let expected = words.rsplit_once("expected ").map_or("another kind of value", |(_, expected)| expected);
    let expected = expected.rsplit_once(" at line").map_or(expected, |(expected, _)| expected);
    FieldError::new(path, format!("expected {expected}"))
}

/// A query string.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::bad_request("A parameter of the query is unknown or of the wrong kind."))?;
        Ok(Self(query))
    }
}

/// How many a page holds.
///
/// # Errors
/// When so many are never given.
pub fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::invalid(vec![FieldError::new("limit", format!("1 to {MAX_LIMIT}"))])),
    }
}

/// A point in time: RFC 3339 with an offset, or Unix milliseconds. Answers hold RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-24T18:30:00Z")]
pub struct Moment(pub i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Moment;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time such as 2026-11-24T18:30:00Z, or Unix milliseconds")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Moment, E> {
                let time = OffsetDateTime::parse(text, &Rfc3339)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Other("something else"), &self))?;
                i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Moment).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Moment, E> {
                // The year 9999, as far as RFC 3339 goes.
                let in_range = i64::try_from(value).ok().filter(|value| *value <= 253_402_300_799_999);
                in_range
                    .map(Moment)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Other("something else"), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000);
        let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
        text.ok_or_else(|| serde::ser::Error::custom("a time out of range"))?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read by serde")]
    struct Body {
        customer: String,
        at: Option<Moment>,
    }

    fn told(body: &str) -> String {
        serde_json::to_string(&parse::<Body>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn the_field_is_named_and_its_value_is_not_repeated() {
        let text = told(r#"{"customer": 4930901820}"#);
        assert!(text.contains("customer") && text.contains("string") && !text.contains("901820"), "{text}");
        let text = told(r#"{"customer": "x", "at": "4930901820"}"#);
        assert!(text.contains("\"at\"") && !text.contains("901820"), "{text}");
        assert!(told(r#"{}"#).contains("\"field\":\"customer\",\"message\":\"missing\""));
        let text = told(r#"{"customer": "x", "phone": "+4930901820"}"#);
        assert!(
            text.contains("phone") && text.contains("customer` or `at") && !text.contains("901820"),
            "{text}"
        );
        let text = told(r#"{"customer": "x", "+4930901820": 1}"#);
        assert!(text.contains("(another)") && !text.contains("901820"), "{text}");
        assert!(told("{").contains("malformed"));
    }

    #[test]
    fn times_are_read_in_both_forms_and_written_in_one() {
        let read = |text: &str| serde_json::from_str::<Moment>(text);
        assert_eq!(read("\"1970-01-01T01:00:01+01:00\"").unwrap(), Moment(1000));
        assert_eq!(read("1500").unwrap(), Moment(1500));
        for bad in ["\"tomorrow\"", "-1", "99999999999999999", "1.5", "null", "\"2026-11-24T18:30:00\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&Moment(1500)).unwrap(), "\"1970-01-01T00:00:01.5Z\"");
    }
}
