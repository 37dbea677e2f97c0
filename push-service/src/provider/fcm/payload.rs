//! A data message: every value a string, high priority so that a sleeping phone takes it at once, and not kept when it cannot be delivered.

use serde_json::{Map, Value, json};

use crate::provider::Push;
use crate::provider::payload::{TooLarge, fields};

/// The body of `messages:send`. With `validate_only` Google judges it and sends nothing.
pub(super) fn body(push: &Push, validate_only: bool) -> Result<String, TooLarge> {
    let mut data: Map<String, Value> =
        fields(push)?.into_iter().map(|(name, value)| (name, Value::String(as_text(value)))).collect();
    data.insert("push".to_owned(), push.id.hyphenated().to_string().into());
    let mut body = json!({
        "message": {
            "token": push.target.token.expose(),
            "data": data,
            "android": { "priority": "HIGH", "ttl": "0s" },
        },
    });
    if validate_only {
        body["validate_only"] = true.into();
    }
    Ok(body.to_string())
}

fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}
