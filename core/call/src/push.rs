//! Push messages: what they say, how platforms hand them over, and what comes of them.

use doorstep_sip::Sensitive;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallHandle, EndReason, OrderId};

/// The version of [`PushPayload`] that this endpoint knows.
const VERSION: u32 = 1;
/// Apple carries at most 5 KB, Google 4: what is longer was not carried by them.
const MAX_BYTES: usize = 5 * 1024;
/// Of a malformed push's `call`, for the one who looks for the fault.
const MAX_NAME: usize = 256;

/// What a push says; the same from every provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushPayload {
    /// Version: 1.
    pub v: u32,
    /// The gateway's name for the call: its INVITE bears it as X-Doorstep-Call or as Call-ID.
    pub call: String,
    /// The order.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// What the screen shows.
    #[serde(default)]
    pub label: Option<Sensitive<String>>,
    /// The gateway that sent it. The endpoint connects to the one of its configuration, whatever stands here: a token
    /// does not go where a push says.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Milliseconds since 1970.
    pub sent_at: u64,
    /// Milliseconds since 1970; from then on the push means nothing.
    pub expires_at: u64,
    /// What it is about.
    pub kind: PushKind,
}

/// What a push is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// A call waits.
    Incoming,
    /// The call is over.
    Cancel,
}

/// Where pushes for this app go (RFC 8599).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTarget {
    /// `pn-provider`: `apns` or `fcm`.
    pub provider: String,
    /// `pn-param`: `TEAM.BUNDLE.voip`, or the project.
    pub param: String,
    /// `pn-prid`: the device's token.
    pub prid: Sensitive<String>,
}

/// A push that does not say what a push must. The app was woken all the same, and iOS wants a call shown for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{fault}")]
pub struct MalformedPush {
    /// What it names as its call, where it names one; cut off when it is too long.
    pub call: Option<String>,
    /// What is wrong.
    pub fault: PushFault,
}

/// What is wrong with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFault {
    /// Longer than any provider carries.
    #[error("the push is longer than 5 KB")]
    TooLong,
    /// No JSON, or not an object.
    #[error("the push is no JSON object")]
    NotAnObject,
    /// Of a gateway that is newer than this app.
    #[error("the push is of a version that this app does not know")]
    UnknownVersion,
    /// A field that must be there is not.
    #[error("the push lacks `{0}`")]
    Missing(PushField),
    /// A field is not what it must be.
    #[error("the push's `{0}` cannot be read")]
    Unreadable(PushField),
}

/// The fields that a push must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushField {
    /// `v`.
    Version,
    /// `call`.
    Call,
    /// `kind`.
    Kind,
    /// `sent_at`.
    SentAt,
    /// `expires_at`.
    ExpiresAt,
}

impl PushField {
    /// As in the message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "v",
            Self::Call => "call",
            Self::Kind => "kind",
            Self::SentAt => "sent_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}

impl std::fmt::Display for PushField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of a push. There is exactly one for each, since iOS must show a call for each: one that rings, or one that
/// is taken off the screen at once with [`end_reason`](Self::end_reason).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// This call rings for it now; its INVITE is on the way.
    Rings {
        /// Which.
        call: CallHandle,
    },
    /// The call was here already: by an earlier push, or its INVITE was faster. Nothing has changed.
    Known {
        /// Which.
        call: CallHandle,
    },
    /// It said that the call is over, and the call has stopped ringing.
    CalledOff {
        /// Which.
        call: CallHandle,
    },
    /// It said that the call is over, but the call is answered: whoever ends it hangs up.
    GoesOn {
        /// Which.
        call: CallHandle,
    },
    /// It said that a call is over of which nothing was known. Should its push or its INVITE still come, nobody is rung up.
    Remembered,
    /// It came late: the call is over.
    Over {
        /// Why.
        reason: EndReason,
    },
    /// It came after its `expires_at`.
    Expired,
    /// It does not say what it must.
    Malformed {
        /// What is wrong.
        fault: PushFault,
    },
    /// This endpoint has as many calls as it may.
    TooManyCalls,
    /// This endpoint shuts down.
    Shutdown,
}

impl PushOutcome {
    /// The call that it is about, while there is one.
    pub const fn call(self) -> Option<CallHandle> {
        match self {
            Self::Rings { call } | Self::Known { call } | Self::GoesOn { call } => Some(call),
            Self::CalledOff { .. }
            | Self::Remembered
            | Self::Over { .. }
            | Self::Expired
            | Self::Malformed { .. }
            | Self::TooManyCalls
            | Self::Shutdown => None,
        }
    }

    /// Why the call that the system shows for the push is to be taken off the screen; `None` while there is a call, whose
    /// own end then says it.
    pub const fn end_reason(self) -> Option<EndReason> {
        match self {
            Self::Rings { .. } | Self::Known { .. } | Self::GoesOn { .. } => None,
            Self::CalledOff { .. } | Self::Remembered => Some(EndReason::Cancelled),
            Self::Over { reason } => Some(reason),
            Self::Expired => Some(EndReason::Expired),
            Self::Malformed { .. } => Some(EndReason::ProtocolError),
            Self::TooManyCalls => Some(EndReason::TooManyCalls),
            Self::Shutdown => Some(EndReason::Shutdown),
        }
    }

    /// A word for programs, stable over versions.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rings { .. } => "rings",
            Self::Known { .. } => "known",
            Self::CalledOff { .. } => "called_off",
            Self::GoesOn { .. } => "goes_on",
            Self::Remembered => "remembered",
            Self::Over { .. } => "over",
            Self::Expired => "expired",
            Self::Malformed { .. } => "malformed",
            Self::TooManyCalls => "too_many_calls",
            Self::Shutdown => "shutdown",
        }
    }
}

impl PushPayload {
    /// Reads a push as JSON: APNs' whole payload (beside its `aps`), or FCM's data as an object of strings. Numbers may
    /// be strings; fields that are not known are passed over.
    ///
    /// # Errors
    /// [`MalformedPush`], which is to be handed in in place of the payload.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedPush> {
        let malformed = |fault| MalformedPush { call: None, fault };
        if json.len() > MAX_BYTES {
            return Err(malformed(PushFault::TooLong));
        }
        let value = serde_json::from_slice(json).map_err(|_| malformed(PushFault::NotAnObject))?;
        let Value::Object(fields) = value else { return Err(malformed(PushFault::NotAnObject)) };
        Self::read(|name| match fields.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            // The value of no field.
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(String::new()),
        })
    }

    /// Reads a push as FCM hands it over: names and texts.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Self, MalformedPush>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut known: [(&str, Option<String>); 8] =
            ["v", "call", "order", "label", "gateway", "sent_at", "expires_at", "kind"]
                .map(|name| (name, None));
        let mut bytes = 0;
        for (name, text) in fields {
            let (name, text) = (name.as_ref(), text.into());
            bytes += name.len() + text.len();
            if let Some((_, field)) = known.iter_mut().find(|(known, _)| *known == name) {
                *field = Some(text);
            }
        }
        if bytes > MAX_BYTES {
            return Err(MalformedPush { call: None, fault: PushFault::TooLong });
        }
        Self::read(|name| known.iter().find(|(known, _)| *known == name)?.1.clone())
    }

    /// Whether this endpoint knows its version.
    pub(crate) fn is_known_version(&self) -> bool {
        self.v == VERSION
    }

    fn read(field: impl Fn(&str) -> Option<String>) -> Result<Self, MalformedPush> {
        let call = field("call").filter(|call| !call.is_empty());
        let malformed = |fault| MalformedPush {
            call: call.as_deref().map(|call| call.chars().take(MAX_NAME).collect()),
            fault,
        };
        let text = |of: PushField| field(of.name()).ok_or_else(|| malformed(PushFault::Missing(of)));
        let number =
            |of: PushField| text(of)?.parse::<u64>().map_err(|_| malformed(PushFault::Unreadable(of)));
        // The version first: another one may have other fields.
        let v = number(PushField::Version)?;
        let v = u32::try_from(v).ok().filter(|v| *v == VERSION);
        let v = v.ok_or_else(|| malformed(PushFault::UnknownVersion))?;
        let kind = match text(PushField::Kind)?.as_str() {
            "incoming" => PushKind::Incoming,
            "cancel" => PushKind::Cancel,
            _ => return Err(malformed(PushFault::Unreadable(PushField::Kind))),
        };
        text(PushField::Call)?;
        let optional = |name| field(name).filter(|text| !text.is_empty());
        Ok(Self {
            v,
            call: call.clone().ok_or_else(|| malformed(PushFault::Unreadable(PushField::Call)))?,
            order: optional("order").map(OrderId),
            label: optional("label").map(Sensitive::new),
            gateway: optional("gateway"),
            sent_at: number(PushField::SentAt)?,
            expires_at: number(PushField::ExpiresAt)?,
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const APNS: &str = r#"{"aps":{},"v":1,"call":"c1","order":"4711","label":"Order 4711","gateway":"wss://h/ws",
        "sent_at":1700000000000,"expires_at":1700000030000,"kind":"incoming"}"#;

    fn fault(json: &str) -> PushFault {
        PushPayload::from_json(json.as_bytes()).unwrap_err().fault
    }

    #[test]
    fn apples_numbers_and_googles_texts_say_the_same() {
        let apns = PushPayload::from_json(APNS.as_bytes()).unwrap();
        assert_eq!(
            (apns.call.as_str(), apns.kind, apns.expires_at),
            ("c1", PushKind::Incoming, 1_700_000_030_000)
        );
        let fields = [
            ("v", "1"),
            ("call", "c1"),
            ("order", "4711"),
            ("label", "Order 4711"),
            ("gateway", "wss://h/ws"),
            ("sent_at", "1700000000000"),
            ("expires_at", "1700000030000"),
            ("kind", "incoming"),
            ("push", "3f0c"),
        ];
        assert_eq!(PushPayload::from_fields(fields).unwrap(), apns);
        let as_json = serde_json::to_vec(&serde_json::Map::from_iter(
            fields.map(|(name, text)| (name.to_owned(), Value::from(text))),
        ));
        assert_eq!(PushPayload::from_json(&as_json.unwrap()).unwrap(), apns);
    }

    #[test]
    fn what_is_wrong_is_named_and_so_is_the_call() {
        assert_eq!(fault("{"), PushFault::NotAnObject);
        assert_eq!(fault("[1]"), PushFault::NotAnObject);
        assert_eq!(fault(&format!("\"{}\"", "x".repeat(6000))), PushFault::TooLong);
        assert_eq!(fault("{}"), PushFault::Missing(PushField::Version));
        assert_eq!(fault(r#"{"v":"one"}"#), PushFault::Unreadable(PushField::Version));
        assert_eq!(fault(r#"{"v":2,"call":"c"}"#), PushFault::UnknownVersion);
        assert_eq!(fault(r#"{"v":99999999999,"call":"c"}"#), PushFault::UnknownVersion);
        for (from, to, expected) in [
            (r#""kind":"incoming""#, r#""kind":"missed""#, PushFault::Unreadable(PushField::Kind)),
            (r#""call":"c1","#, "", PushFault::Missing(PushField::Call)),
            (r#""call":"c1""#, r#""call":["c1"]"#, PushFault::Unreadable(PushField::Call)),
            (
                r#""expires_at":1700000030000"#,
                r#""expires_at":-1"#,
                PushFault::Unreadable(PushField::ExpiresAt),
            ),
            (r#""sent_at":1700000000000,"#, "", PushFault::Missing(PushField::SentAt)),
        ] {
            assert!(APNS.contains(from));
            assert_eq!(fault(&APNS.replace(from, to)), expected);
        }
        let malformed = PushPayload::from_json(br#"{"v":7,"call":"c9"}"#).unwrap_err();
        assert_eq!(malformed.call.as_deref(), Some("c9"));
    }

    #[test]
    fn more_than_a_provider_carries_is_not_read() {
        let long = "x".repeat(6000);
        let malformed = PushPayload::from_fields([("v", "1"), ("call", "c1"), ("label", &long)]).unwrap_err();
        assert_eq!(malformed.fault, PushFault::TooLong);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
            let refused = PushPayload::from_json(&bytes).unwrap_err();
            prop_assert!(refused.call.is_none());
        }

        #[test]
        fn what_is_read_is_of_this_version_and_names_a_call(
            fields in vec((0..9_usize, prop_oneof!["[a-z0-9]{0,4}", Just("1".to_owned()), Just("incoming".to_owned())]), 0..12)
        ) {
            const NAMES: [&str; 9] =
                ["v", "call", "order", "label", "gateway", "sent_at", "expires_at", "kind", "other"];
            let fields = fields.into_iter().map(|(name, text)| (NAMES[name], text));
            // Enough of it is right for some to be read.
            let base = [("v", "1"), ("call", "c"), ("sent_at", "1"), ("expires_at", "2"), ("kind", "cancel")];
            let all = base.map(|(name, text)| (name, text.to_owned())).into_iter().chain(fields);
            match PushPayload::from_fields(all) {
                Ok(payload) => prop_assert!(payload.v == 1 && !payload.call.is_empty()),
                Err(refused) => prop_assert!(refused.fault != PushFault::NotAnObject),
            }
        }
    }

    #[test]
    fn a_label_does_not_print() {
        let payload =
            PushPayload::from_json(APNS.replace("Order 4711", "Mia at the back").as_bytes()).unwrap();
        assert!(!format!("{payload:?}").contains("Mia"));
    }
}
