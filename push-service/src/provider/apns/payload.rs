//! A VoIP push in a2's words: options become headers, the payload the body.

use std::collections::BTreeMap;

use a2::request::payload::{APS, Payload, PayloadLike};
use a2::{NotificationOptions, Priority, PushType};
use reqwest::RequestBuilder;

use crate::provider::Push;
use crate::provider::payload::{TooLarge, fields};

/// What is sent.
pub(super) struct Request {
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// The request for a push to `topic`.
pub(super) fn request(push: &Push, topic: &str) -> Result<Request, TooLarge> {
    let id = push.id.hyphenated().to_string();
    let fields = fields(push)?;
    let options = NotificationOptions {
        apns_id: Some(&id),
        apns_push_type: Some(PushType::Voip),
        // A call rings now or not at all: Apple shall not keep it for later.
        apns_expiration: Some(0),
        apns_priority: Some(Priority::High),
        apns_topic: Some(topic),
        apns_collapse_id: None,
    };
    let data: BTreeMap<&str, _> = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let payload = Payload { options, device_token: push.target.token.expose(), aps: APS::default(), data };
    let body = payload.to_json_string().map_err(|_| TooLarge)?;
    Ok(Request { headers: headers(payload.get_options()), body })
}

impl Request {
    pub(super) fn fill(&self, mut request: RequestBuilder) -> RequestBuilder {
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(self.body.clone())
    }
}

fn headers(options: &NotificationOptions<'_>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(5);
    let mut add = |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
    add("apns-id", options.apns_id.map(str::to_owned));
    add("apns-push-type", options.apns_push_type.map(|kind| kind.to_string()));
    add("apns-expiration", options.apns_expiration.map(|at| at.to_string()));
    add("apns-priority", options.apns_priority.as_ref().map(ToString::to_string));
    add("apns-topic", options.apns_topic.map(str::to_owned));
    headers
}
