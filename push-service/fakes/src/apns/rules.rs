//! What APNs refuses, in the order in which it looks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use super::ApnsAccount;
use super::token::Tokens;
use crate::{Clock, FakeError};

/// Largest payload of a VoIP push, in bytes.
const MAX_VOIP_PAYLOAD: usize = 5120;
/// Largest payload of any other push, in bytes.
const MAX_PAYLOAD: usize = 4096;
/// Values of `apns-push-type`.
const PUSH_TYPES: [&str; 11] = [
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "mdm",
    "pushtotalk",
    "voip",
    "widgets",
];

/// Why a push is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) timestamp: Option<SystemTime>,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, timestamp: None }
    }
}

pub(super) struct Rules {
    topics: Vec<String>,
    tokens: Tokens,
    devices: Mutex<Devices>,
}

#[derive(Default)]
struct Devices {
    /// Token to topic. While it is empty every well-formed token is known.
    known: HashMap<String, String>,
    gone: HashMap<String, SystemTime>,
}

impl Rules {
    pub(super) fn new(account: &ApnsAccount, public_key_pem: &str) -> Result<Self, FakeError> {
        let tokens = Tokens::new(&account.team, &account.key_id, public_key_pem)?;
        Ok(Self { topics: account.topics.clone(), tokens, devices: Mutex::default() })
    }

    pub(super) fn know(&self, token: String, topic: String) {
        self.devices().known.insert(token, topic);
    }

    pub(super) fn uninstall(&self, token: String, at: SystemTime) {
        self.devices().gone.insert(token, at);
    }

    pub(super) fn judge(&self, head: &Parts, body: &[u8], token: &str, clock: &Clock) -> Result<(), Refusal> {
        if head.method != http::Method::POST {
            return Err(Refusal::new(405, "MethodNotAllowed"));
        }
        if !head.uri.path().starts_with("/3/device/") {
            return Err(Refusal::new(404, "BadPath"));
        }
        if head.headers.keys().any(|name| head.headers.get_all(name).iter().count() > 1) {
            return Err(Refusal::new(400, "DuplicateHeaders"));
        }
        self.tokens.check(header(head, "authorization"), clock)?;
        well_formed(token)?;
        options(head)?;
        let topic = self.topic(head)?;
        payload(body, topic)?;
        self.device(token, topic)
    }

    /// The topic, and that it goes with the push type.
    fn topic<'a>(&self, head: &'a Parts) -> Result<&'a str, Refusal> {
        let topic = header(head, "apns-topic").ok_or_else(|| Refusal::new(400, "MissingTopic"))?;
        let push_type = header(head, "apns-push-type").unwrap_or("alert");
        if !PUSH_TYPES.contains(&push_type) || (push_type == "voip") != topic.ends_with(".voip") {
            return Err(Refusal::new(400, "InvalidPushType"));
        }
        if topic.is_empty() || topic.contains(char::is_whitespace) {
            return Err(Refusal::new(400, "BadTopic"));
        }
        if !self.topics.iter().any(|known| known == topic) {
            return Err(Refusal::new(400, "TopicDisallowed"));
        }
        Ok(topic)
    }

    fn device(&self, token: &str, topic: &str) -> Result<(), Refusal> {
        let devices = self.devices();
        if let Some(at) = devices.gone.get(token) {
            return Err(Refusal { timestamp: Some(*at), ..Refusal::new(410, "Unregistered") });
        }
        if token.bytes().all(|byte| byte == b'0') {
            // Nobody was ever given this one.
            return Err(Refusal::new(400, "BadDeviceToken"));
        }
        if devices.known.is_empty() {
            return Ok(());
        }
        match devices.known.get(token) {
            Some(of) if of == topic => Ok(()),
            Some(_) => Err(Refusal::new(400, "DeviceTokenNotForTopic")),
            None => Err(Refusal::new(400, "BadDeviceToken")),
        }
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Device tokens are 32 bytes and more, in hexadecimal.
fn well_formed(token: &str) -> Result<(), Refusal> {
    if token.is_empty() {
        return Err(Refusal::new(400, "MissingDeviceToken"));
    }
    let hexadecimal = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = (64..=200).contains(&token.len()) && token.len().is_multiple_of(2);
    if !hexadecimal || !size {
        return Err(Refusal::new(400, "BadDeviceToken"));
    }
    Ok(())
}

fn options(head: &Parts) -> Result<(), Refusal> {
    if header(head, "apns-id").is_some_and(|id| id.len() != 36 || Uuid::parse_str(id).is_err()) {
        return Err(Refusal::new(400, "BadMessageId"));
    }
    if header(head, "apns-expiration").is_some_and(|at| at.parse::<u64>().is_err()) {
        return Err(Refusal::new(400, "BadExpirationDate"));
    }
    if header(head, "apns-priority").is_some_and(|priority| !["1", "5", "10"].contains(&priority)) {
        return Err(Refusal::new(400, "BadPriority"));
    }
    if header(head, "apns-collapse-id").is_some_and(|id| id.is_empty() || id.len() > 64) {
        return Err(Refusal::new(400, "BadCollapseId"));
    }
    Ok(())
}

fn payload(body: &[u8], topic: &str) -> Result<(), Refusal> {
    let most = if topic.ends_with(".voip") { MAX_VOIP_PAYLOAD } else { MAX_PAYLOAD };
    if body.len() > most {
        return Err(Refusal::new(413, "PayloadTooLarge"));
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if !value.get("aps").is_some_and(Value::is_object) {
        return Err(Refusal::new(400, "PayloadEmpty"));
    }
    Ok(())
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    // A value that is no text is like none at all: the checks then say what is missing.
    head.headers.get(name).and_then(|value| value.to_str().ok())
}
