//! What APNs' words mean ("Handling notification responses from APNs", Apple developer documentation).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::provider::Verdict;
use crate::provider::sender::Answer;
use crate::provider::verdict_table::Class::{DeviceGone, Misconfigured, Rejected, Retry};
use crate::provider::verdict_table::{Class, Details, Row, UNKNOWN, row};

/// A request that Apple calls malformed is not what we have sent.
const ALTERED: &str = "Something between here and Apple alters requests: look at proxy and host. Without one, report it as an error of push-service's.";
/// The key cannot be used for what is sent.
const KEY: &str = "Compare key_id, team and key_file with the key's page at developer.apple.com under Certificates, Identifiers & Profiles, Keys.";
/// Topics are apps of the team's.
const TOPIC: &str = "The bundle id is not the team's app with push notifications: compare pn-param (TEAM.BUNDLE.voip), topics and team.";

/// Every word that Apple documents.
pub static ROWS: [Row; 32] = [
    row(400, "BadCollapseId", Rejected, ALTERED),
    row(
        400,
        "BadDeviceToken",
        Rejected,
        "The token is no VoIP token of Apple's, or belongs to the other environment: an app from Xcode registers with environment \"sandbox\".",
    ),
    row(400, "BadExpirationDate", Rejected, ALTERED),
    row(400, "BadMessageId", Rejected, ALTERED),
    row(400, "BadPriority", Rejected, ALTERED),
    row(400, "BadTopic", Misconfigured, TOPIC),
    row(
        400,
        "DeviceTokenNotForTopic",
        Rejected,
        "The token was given to another app: the app must register the PushKit token with its own bundle id in pn-param.",
    ),
    row(400, "DuplicateHeaders", Misconfigured, ALTERED),
    row(
        400,
        "IdleTimeout",
        Retry,
        "Nothing: Apple has closed a quiet connection, and the push goes over another.",
    ),
    row(
        400,
        "InvalidPushType",
        Misconfigured,
        "The topic must end in .voip: the app must register TEAM.BUNDLE.voip as pn-param.",
    ),
    row(
        400,
        "MissingDeviceToken",
        Rejected,
        "The device was registered with an empty token: the app must wait for PushKit's token.",
    ),
    row(400, "MissingTopic", Misconfigured, ALTERED),
    row(400, "PayloadEmpty", Misconfigured, ALTERED),
    row(400, "TopicDisallowed", Misconfigured, TOPIC),
    row(403, "BadCertificate", Misconfigured, KEY),
    row(403, "BadCertificateEnvironment", Misconfigured, KEY),
    row(
        403,
        "BadEnvironmentKeyIdInToken",
        Misconfigured,
        "The key is restricted to the other environment: make one for both, or for this one, at developer.apple.com under Keys.",
    ),
    row(
        403,
        "ExpiredProviderToken",
        Misconfigured,
        "This machine's clock is wrong by more than 20 minutes: let it keep time (NTP).",
    ),
    row(
        403,
        "Forbidden",
        Misconfigured,
        "The team may not send this: look for expired agreements or memberships at developer.apple.com.",
    ),
    row(403, "InvalidProviderToken", Misconfigured, KEY),
    row(403, "MissingProviderToken", Misconfigured, ALTERED),
    row(
        403,
        "UnrelatedKeyIdInToken",
        Misconfigured,
        "The key is restricted to other topics: add the app's topic to the key, or use one without restriction.",
    ),
    row(404, "BadPath", Misconfigured, ALTERED),
    row(405, "MethodNotAllowed", Misconfigured, ALTERED),
    row(410, "ExpiredToken", DeviceGone, "Nothing: the app registers its new token when it is started."),
    row(
        410,
        "Unregistered",
        DeviceGone,
        "Nothing: the app was removed from the device, or has got a new token and registers it when it is started.",
    ),
    row(413, "PayloadTooLarge", Rejected, ALTERED),
    row(
        429,
        "TooManyProviderTokenUpdates",
        Retry,
        "Another program uses the same key with tokens of its own: give push-service a key for itself.",
    ),
    row(
        429,
        "TooManyRequests",
        Retry,
        "One device gets too many pushes at a time: look for an order that calls it again and again.",
    ),
    row(
        500,
        "InternalServerError",
        Retry,
        "Nothing: Apple's own error. If it lasts, see developer.apple.com/system-status.",
    ),
    row(
        503,
        "ServiceUnavailable",
        Retry,
        "Nothing: Apple is busy. If it lasts, see developer.apple.com/system-status.",
    ),
    row(503, "Shutdown", Retry, "Nothing: Apple takes a server down, and the push goes to another."),
];

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    reason: String,
    /// When Apple found out that the token is dead, in milliseconds of the Unix epoch.
    timestamp: Option<u64>,
}

/// The provider's word of an answer that is not 200.
pub(super) fn reason(answer: &Answer) -> String {
    serde_json::from_slice::<Body>(&answer.body).unwrap_or_default().reason
}

/// The verdict on a push that was answered so, and not with 200.
pub(super) fn verdict(answer: &Answer, now: SystemTime) -> Verdict {
    let Body { reason, timestamp } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let since = timestamp.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    let details = Details { retry_after: answer.retry_after(now), since };
    let known = ROWS.iter().find(|row| row.reason == reason);
    let (class, remedy) =
        known.map_or((Class::of_unknown(answer.status), UNKNOWN), |row| (row.class, row.remedy));
    let reason = if known.is_some() { reason } else { shown(&reason, answer.status) };
    class.verdict(answer.status, reason, remedy, details)
}

/// An unknown word as it may stand in a log: short, and of letters and digits only.
fn shown(reason: &str, status: u16) -> String {
    let word =
        !reason.is_empty() && reason.len() <= 64 && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if word { reason.to_owned() } else { format!("status {status}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_word_that_a2_knows_and_the_four_that_it_does_not() {
        let unknown_to_a2 =
            ["InvalidPushType", "BadEnvironmentKeyIdInToken", "UnrelatedKeyIdInToken", "ExpiredToken"];
        for row in &ROWS {
            let parsed = serde_json::from_value::<a2::ErrorReason>(row.reason.into());
            assert_eq!(parsed.is_err(), unknown_to_a2.contains(&row.reason), "{}", row.reason);
        }
        assert!(
            ROWS.is_sorted_by_key(|row| (row.status, row.reason)),
            "as docs/push-providers.md lists them, each once"
        );
    }
}
