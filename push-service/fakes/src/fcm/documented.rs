/// Every error of FCM's reference ("ErrorCode") and of Google's API guide that a send can meet: HTTP status, `status`, and FCM's
/// `errorCode` where it gives one. For tests that send each one.
pub const DOCUMENTED: [(u16, &str, Option<&str>); 13] = [
    (400, "INVALID_ARGUMENT", Some("INVALID_ARGUMENT")),
    (400, "FAILED_PRECONDITION", None),
    (401, "UNAUTHENTICATED", Some("THIRD_PARTY_AUTH_ERROR")),
    (401, "UNAUTHENTICATED", None),
    (403, "PERMISSION_DENIED", Some("SENDER_ID_MISMATCH")),
    (403, "PERMISSION_DENIED", None),
    (404, "NOT_FOUND", Some("UNREGISTERED")),
    (404, "NOT_FOUND", None),
    (429, "RESOURCE_EXHAUSTED", Some("QUOTA_EXCEEDED")),
    (429, "RESOURCE_EXHAUSTED", None),
    (500, "INTERNAL", Some("INTERNAL")),
    (500, "UNKNOWN", Some("UNSPECIFIED_ERROR")),
    (503, "UNAVAILABLE", Some("UNAVAILABLE")),
];

/// Every error of the token endpoint that RFC 6749 section 5.2 and Google's guide for service accounts name: HTTP status and `error`.
pub const OAUTH_DOCUMENTED: [(u16, &str); 11] = [
    (400, "admin_policy_enforced"),
    (400, "invalid_grant"),
    (400, "invalid_request"),
    (400, "invalid_scope"),
    (400, "unsupported_grant_type"),
    (401, "deleted_client"),
    (401, "disabled_client"),
    (401, "invalid_client"),
    (401, "unauthorized_client"),
    (403, "access_denied"),
    (403, "org_internal"),
];

/// Google's `status` and FCM's `errorCode` for a word that may be either.
pub(super) fn status_of(status: u16, word: &str) -> (String, Option<String>) {
    let coded = DOCUMENTED.iter().find(|row| row.0 == status && row.2 == Some(word));
    match coded {
        Some((_, google, code)) => ((*google).to_owned(), code.map(str::to_owned)),
        None => (word.to_owned(), None),
    }
}
