//! What FCM refuses. Two rules are the house's and not Google's: a message that would not wake a sleeping phone at once (`android.priority` is not
//! `HIGH`), and one that could come late (`android.ttl` is not `0s`).

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Largest data of a message, in bytes of keys and values.
const MAX_DATA: usize = 4096;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) field: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &'static str) -> Self {
        Self { status, code, field: None }
    }

    fn field(field: impl Into<String>) -> Self {
        Self { status: 400, code: "INVALID_ARGUMENT", field: Some(field.into()) }
    }
}

/// A message that is taken.
pub(super) struct Accepted {
    pub(super) message_id: String,
    pub(super) validated_only: bool,
}

pub(super) struct Rules {
    project: String,
    devices: Mutex<Devices>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone,
    OfAnotherProject,
}

#[derive(Default)]
struct Devices {
    /// While it is empty every well-formed token is known.
    known: HashSet<String>,
    fates: HashMap<String, Fate>,
}

impl Rules {
    pub(super) fn new(project: &str) -> Self {
        Self { project: project.to_owned(), devices: Mutex::default() }
    }

    pub(super) fn project(&self) -> &str {
        &self.project
    }

    pub(super) fn know(&self, token: String) {
        self.devices().known.insert(token);
    }

    pub(super) fn uninstall(&self, token: String) {
        self.devices().fates.insert(token, Fate::Gone);
    }

    pub(super) fn give_away(&self, token: String) {
        self.devices().fates.insert(token, Fate::OfAnotherProject);
    }

    pub(super) fn judge(&self, head: &Parts, body: &Value) -> Result<Accepted, Refusal> {
        let project = head
            .uri
            .path()
            .strip_prefix("/v1/projects/")
            .and_then(|rest| rest.strip_suffix("/messages:send"));
        let project = project.ok_or(Refusal::new(404, "NOT_FOUND"))?;
        if head.method != http::Method::POST {
            return Err(Refusal::new(404, "NOT_FOUND"));
        }
        if project != self.project {
            return Err(Refusal::new(403, "PERMISSION_DENIED"));
        }
        let request = object(body, "")?;
        only(request, &["message", "validate_only"], "")?;
        let validated_only = match request.get("validate_only") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| Refusal::field("validate_only"))?,
        };
        let message = object(request.get("message").unwrap_or(&Value::Null), "message")?;
        only(message, &["android", "data", "token"], "message.")?;
        let token =
            message.get("token").and_then(Value::as_str).ok_or_else(|| Refusal::field("message.token"))?;
        data(message.get("data").unwrap_or(&Value::Null))?;
        android(message.get("android").unwrap_or(&Value::Null))?;
        self.device(token)?;
        let message_id = if validated_only {
            "fake_message_id".to_owned()
        } else {
            format!("0:{}", Uuid::new_v4().simple())
        };
        Ok(Accepted { message_id, validated_only })
    }

    fn device(&self, token: &str) -> Result<(), Refusal> {
        let devices = self.devices();
        match devices.fates.get(token) {
            Some(Fate::Gone) => return Err(Refusal::new(404, "UNREGISTERED")),
            Some(Fate::OfAnotherProject) => return Err(Refusal::new(403, "SENDER_ID_MISMATCH")),
            None => {}
        }
        let shaped = token.len() >= 32
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte));
        if !shaped || !(devices.known.is_empty() || devices.known.contains(token)) {
            return Err(Refusal::field("message.token"));
        }
        Ok(())
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn data(value: &Value) -> Result<(), Refusal> {
    let mut size = 0;
    for (name, value) in object(value, "message.data")? {
        let reserved = ["from", "message_type", "notification"].contains(&name.as_str());
        if reserved || name.starts_with("google") || name.starts_with("gcm") {
            return Err(Refusal::field(format!("message.data.{name}")));
        }
        let text = value.as_str().ok_or_else(|| Refusal::field(format!("message.data.{name}")))?;
        size += name.len() + text.len();
    }
    if size > MAX_DATA { Err(Refusal::field("message.data")) } else { Ok(()) }
}

fn android(value: &Value) -> Result<(), Refusal> {
    let android = object(value, "message.android")?;
    only(android, &["collapse_key", "priority", "ttl"], "message.android.")?;
    for (name, wanted) in [("priority", "HIGH"), ("ttl", "0s")] {
        if android.get(name).and_then(Value::as_str) != Some(wanted) {
            return Err(Refusal::field(format!("message.android.{name}")));
        }
    }
    match android.get("collapse_key") {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(Refusal::field("message.android.collapse_key")),
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::field(field))
}

/// Google refuses names that it does not know.
fn only(object: &Map<String, Value>, known: &[&str], prefix: &str) -> Result<(), Refusal> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Refusal::field(format!("{prefix}{name}"))),
        None => Ok(()),
    }
}
