//! What Google's words mean ("ErrorCode" of FCM HTTP v1, "Errors" of Google's API design guide, RFC 6749 section 5.2).

use std::time::SystemTime;

use serde::Deserialize;

use crate::provider::Verdict;
use crate::provider::sender::Answer;
use crate::provider::verdict_table::Class::{DeviceGone, Misconfigured, Rejected, Retry};
use crate::provider::verdict_table::{Class, Details, Row, UNKNOWN, row};

const ACCOUNT: &str =
    "Make a new key of the service account in the Google Cloud console, and give it as service_account_file.";
const POLICY: &str = "The organisation's policy forbids it: ask its Google Workspace or Cloud administrator.";
const BUSY: &str =
    "Nothing: Google is busy or has an error of its own. If it lasts, see status.firebase.google.com.";

/// Every word that Google documents for a send. In brackets: `status` of an answer without FCM's `errorCode`.
pub static ROWS: [Row; 13] = [
    row(
        400,
        "INVALID_ARGUMENT",
        Rejected,
        "The token is not FCM's, or something between here and Google alters requests: the app must register the whole registration token.",
    ),
    row(
        400,
        "[FAILED_PRECONDITION]",
        Misconfigured,
        "The project is not ready: enable the Firebase Cloud Messaging API (V1) in the Google Cloud console.",
    ),
    row(
        401,
        "THIRD_PARTY_AUTH_ERROR",
        Rejected,
        "The token is of an iOS or web app: register iOS apps with provider \"apns\" and PushKit's token.",
    ),
    row(401, "[UNAUTHENTICATED]", Misconfigured, ACCOUNT),
    row(
        403,
        "SENDER_ID_MISMATCH",
        Rejected,
        "The token is of another Firebase project: compare the app's google-services.json with the service account's project.",
    ),
    row(
        403,
        "[PERMISSION_DENIED]",
        Misconfigured,
        "Enable the Firebase Cloud Messaging API (V1), and give the service account the role Firebase Cloud Messaging API Admin.",
    ),
    row(
        404,
        "UNREGISTERED",
        DeviceGone,
        "Nothing: the app was removed from the device, or has got a new token and registers it when it is started.",
    ),
    row(
        404,
        "[NOT_FOUND]",
        Misconfigured,
        "Google knows no such project: compare project_id in service_account_file with the Firebase console, and look at host.",
    ),
    row(
        429,
        "QUOTA_EXCEEDED",
        Retry,
        "Too many messages a minute, in all or to one device: ask Google for more, or look for an order that calls again and again.",
    ),
    row(
        429,
        "[RESOURCE_EXHAUSTED]",
        Retry,
        "Too many requests of the project a minute: ask Google for more in the Google Cloud console under Quotas.",
    ),
    row(500, "INTERNAL", Retry, BUSY),
    row(500, "UNSPECIFIED_ERROR", Retry, BUSY),
    row(503, "UNAVAILABLE", Retry, BUSY),
];

/// Every word that Google documents for the token endpoint.
pub static OAUTH_ROWS: [Row; 11] = [
    row(400, "admin_policy_enforced", Misconfigured, POLICY),
    row(
        400,
        "invalid_grant",
        Misconfigured,
        "This machine's clock is wrong (let it keep time by NTP), or the key or its service account was deleted: make a new key.",
    ),
    row(
        400,
        "invalid_request",
        Misconfigured,
        "Something between here and Google alters requests: look at token_uri and proxy.",
    ),
    row(
        400,
        "invalid_scope",
        Misconfigured,
        "The service account may not ask for firebase.messaging: look at the project in the Firebase console.",
    ),
    row(
        400,
        "unsupported_grant_type",
        Misconfigured,
        "This is no token endpoint for service accounts: look at token_uri.",
    ),
    row(401, "deleted_client", Misconfigured, ACCOUNT),
    row(
        401,
        "disabled_client",
        Misconfigured,
        "Enable the service account in the Google Cloud console under IAM, Service accounts.",
    ),
    row(401, "invalid_client", Misconfigured, ACCOUNT),
    row(401, "unauthorized_client", Misconfigured, ACCOUNT),
    row(403, "access_denied", Misconfigured, POLICY),
    row(403, "org_internal", Misconfigured, POLICY),
];

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Error,
}

#[derive(Debug, Default, Deserialize)]
struct Error {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(default)]
    error_code: Option<String>,
}

/// The verdict on a message that was answered so, and not with 200.
pub(super) fn verdict(answer: &Answer, now: SystemTime) -> Verdict {
    let Body { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = error.details.into_iter().find_map(|detail| detail.error_code);
    judge(&ROWS, answer, code.unwrap_or(format!("[{}]", error.status)), now)
}

/// The verdict on a push for which the token endpoint gave no token, and answered so.
pub(super) fn denied(answer: &Answer, now: SystemTime) -> Verdict {
    #[derive(Default, Deserialize)]
    struct Denied {
        #[serde(default)]
        error: String,
    }
    let Denied { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
    match judge(&OAUTH_ROWS, answer, error, now) {
        // Without a token nothing can be said about the push or its device.
        Verdict::Rejected { status, reason } | Verdict::Misconfigured { status, reason, remedy: UNKNOWN } => {
            Verdict::Misconfigured { status, reason, remedy: ACCOUNT }
        }
        Verdict::DeviceGone { status, reason, .. } => {
            Verdict::Misconfigured { status: Some(status), reason, remedy: ACCOUNT }
        }
        other @ (Verdict::Sent { .. } | Verdict::Retry { .. } | Verdict::Misconfigured { .. }) => other,
    }
}

fn judge(rows: &[Row], answer: &Answer, word: String, now: SystemTime) -> Verdict {
    let details = Details { retry_after: answer.retry_after(now), since: None };
    match rows.iter().find(|row| row.reason == word) {
        Some(row) => row.class.verdict(answer.status, word, row.remedy, details),
        None => Class::of_unknown(answer.status).verdict(
            answer.status,
            shown(&word, answer.status),
            UNKNOWN,
            details,
        ),
    }
}

/// An unknown word as it may stand in a log: short, and of letters and underscores only.
fn shown(word: &str, status: u16) -> String {
    let bare = word.trim_matches(['[', ']']);
    let good = !bare.is_empty()
        && bare.len() <= 64
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good { word.to_owned() } else { format!("status {status}") }
}
