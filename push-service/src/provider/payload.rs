//! What the app gets: the same names and values by Apple and by Google. At most [`MAX_SIZE`] bytes, and no phone number: nothing of
//! a push holds one, unless the company puts it into the label.

use serde_json::{Map, Value};

use super::{Kind, Push};

/// Largest payload as JSON, in bytes. Apple takes 5120, Google 4096; what is small arrives sooner.
pub(super) const MAX_SIZE: usize = 2048;
/// Version of the payload.
const VERSION: u64 = 1;

/// A payload cannot be made small enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// The names and values. A label that does not fit is cut: a call that rings without its whole name is better than one that does not ring.
pub(super) fn fields(push: &Push) -> Result<Map<String, Value>, TooLarge> {
    let mut fields = Map::new();
    fields.insert("v".to_owned(), VERSION.into());
    fields.insert("kind".to_owned(), kind(push.kind).into());
    fields.insert("call".to_owned(), push.call.as_str().into());
    if let Some(order) = &push.order {
        fields.insert("order".to_owned(), order.as_str().into());
    }
    if let Some(gateway) = &push.gateway {
        fields.insert("gateway".to_owned(), gateway.as_str().into());
    }
    fields.insert("sent_at".to_owned(), push.sent_at.into());
    fields.insert("expires_at".to_owned(), push.expires_at.into());
    let mut label = push.label.as_ref().map_or("", |label| label.expose().as_str());
    loop {
        if !label.is_empty() {
            fields.insert("label".to_owned(), label.into());
        }
        let excess = size(&fields).saturating_sub(MAX_SIZE);
        if excess == 0 {
            return Ok(fields);
        }
        let written = fields.remove("label").map_or(0, |label| label.to_string().len());
        if written == 0 {
            return Err(TooLarge);
        }
        // In proportion, since a character takes one to six bytes of JSON; and always less than before.
        let room = label.len() * written.saturating_sub(excess) / written;
        label = label.get(..label.floor_char_boundary(room.min(label.len() - 1))).unwrap_or_default();
    }
}

/// Room that APNs' `"aps":{},` and FCM's longest form of the same (each value in quotes, the push's id) take at most.
const ENVELOPE: usize = 96;

fn size(fields: &Map<String, Value>) -> usize {
    ENVELOPE + serde_json::to_string(fields).map_or(usize::MAX, |text| text.len())
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Incoming => "incoming",
        Kind::Cancel => "cancel",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::provider::{Environment, ProviderKind, Target};

    fn push(label: &str) -> Push {
        Push {
            id: Uuid::nil(),
            target: Target {
                provider: ProviderKind::Apns,
                param: "TEAM.com.example.courier.voip".to_owned(),
                token: "aa".repeat(32).into(),
                environment: Environment::Production,
            },
            kind: Kind::Incoming,
            call: "c1@gateway".to_owned(),
            order: Some("4711".to_owned()),
            label: Some(label.to_owned().into()),
            gateway: Some("wss://gateway.example.com/ws".to_owned()),
            sent_at: 1_764_028_800_000,
            expires_at: 1_764_028_830_000,
        }
    }

    #[test]
    fn it_says_what_the_protocol_names_and_nothing_else() {
        let fields = Value::Object(fields(&push("Order 4711")).unwrap());
        assert_eq!(
            fields,
            serde_json::json!({
                "v": 1,
                "kind": "incoming",
                "call": "c1@gateway",
                "order": "4711",
                "label": "Order 4711",
                "gateway": "wss://gateway.example.com/ws",
                "sent_at": 1_764_028_800_000_u64,
                "expires_at": 1_764_028_830_000_u64,
            })
        );
    }

    #[test]
    fn a_label_that_does_not_fit_is_cut_between_characters() {
        for character in ["x", "ß", "\u{1}", "🛵"] {
            let label = character.repeat(3000);
            let fields = fields(&push(&label)).unwrap();
            assert!(size(&fields) <= MAX_SIZE);
            let kept = fields["label"].as_str().unwrap();
            assert!(!kept.is_empty() && label.starts_with(kept), "{character:?}: {}", kept.len());
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let push = Push { call: "c".repeat(2100), ..push("") };
        assert_eq!(fields(&push), Err(TooLarge));
    }
}
