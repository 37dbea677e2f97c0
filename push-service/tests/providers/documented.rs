//! Every status that Apple and Google document has its row, and the row decides; docs/push-providers.md shows the same rows.

use std::time::{Duration, UNIX_EPOCH};

use doorstep_push::provider::{Class, Provider, Row, Verdict, apns, fcm};
use doorstep_push_fakes::Scripted;
use doorstep_push_fakes::apns::DOCUMENTED as APNS_DOCUMENTED;
use doorstep_push_fakes::fcm::{DOCUMENTED as FCM_DOCUMENTED, OAUTH_DOCUMENTED};

use super::stage::Stage;

/// What the verdict must be, by the row.
fn expected(row: &Row) -> Verdict {
    let (status, reason) = (row.status, row.reason.to_owned());
    match row.class {
        Class::Retry => Verdict::Retry { status: Some(status), reason, after: Some(Duration::from_secs(9)) },
        Class::DeviceGone => Verdict::DeviceGone { status, reason, since: None },
        Class::Rejected => Verdict::Rejected { status: Some(status), reason },
        Class::Misconfigured => Verdict::Misconfigured { status: Some(status), reason, remedy: row.remedy },
    }
}

fn find<'a>(rows: &'a [Row], status: u16, reason: &str) -> &'a Row {
    let found = rows.iter().find(|row| row.status == status && row.reason == reason);
    found.unwrap_or_else(|| panic!("no row for {status} {reason}"))
}

#[tokio::test]
async fn each_of_apples_words_does_what_its_row_says() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    assert_eq!(APNS_DOCUMENTED.len(), apns::ROWS.len());
    let since = UNIX_EPOCH + Duration::from_millis(1_764_000_000_123);
    for (status, reason) in APNS_DOCUMENTED {
        let row = find(&apns::ROWS, status, reason);
        let mut scripted = Scripted::new(status, reason).retry_after(Duration::from_secs(9));
        let mut wanted = expected(row);
        if let Verdict::DeviceGone { since: told, .. } = &mut wanted {
            scripted = scripted.timestamp(since);
            *told = Some(since);
        }
        // What is wrong with the provider token alone is tried again with another one.
        let again = ["ExpiredProviderToken", "TooManyProviderTokenUpdates"].contains(&reason);
        stage.apns.script().next(if again { 2 } else { 1 }, scripted);
        assert_eq!(providers.send(&stage.apple()).await, wanted);
        // Whether there is another token depends on the time of day.
        stage.apns.script().clear();
    }
    assert!(matches!(
        providers.send(&stage.apple()).await,
        Verdict::Sent { .. } | Verdict::Retry { status: Some(429), .. }
    ));
}

#[tokio::test]
async fn each_of_googles_words_does_what_its_row_says() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    assert_eq!(FCM_DOCUMENTED.len(), fcm::ROWS.len());
    for (status, google, code) in FCM_DOCUMENTED {
        let row = find(&fcm::ROWS, status, &code.map_or_else(|| format!("[{google}]"), str::to_owned));
        let scripted = Scripted::new(status, code.unwrap_or(google)).retry_after(Duration::from_secs(9));
        // A refused access token is fetched anew once.
        stage.fcm.script().next(if google == "UNAUTHENTICATED" && code.is_none() { 2 } else { 1 }, scripted);
        assert_eq!(providers.send(&stage.google()).await, expected(row));
    }
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
}

#[tokio::test]
async fn each_word_of_the_token_endpoint_does_what_its_row_says() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    assert_eq!(OAUTH_DOCUMENTED.len(), fcm::OAUTH_ROWS.len());
    for (status, error) in OAUTH_DOCUMENTED {
        let row = find(&fcm::OAUTH_ROWS, status, error);
        stage.fcm.token_script().next(1, Scripted::new(status, error));
        assert_eq!(providers.send(&stage.google()).await, expected(row));
    }
    assert_eq!(stage.fcm.log().answered(), 0, "without a token nothing is sent");
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
}

#[tokio::test]
async fn a_word_that_nobody_documents_is_judged_by_its_status() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    for (status, class) in [
        (400, Class::Rejected),
        (403, Class::Misconfigured),
        (410, Class::DeviceGone),
        (418, Class::Rejected),
        (429, Class::Retry),
        (502, Class::Retry),
    ] {
        for (script, push) in [(stage.apns.script(), stage.apple()), (stage.fcm.script(), stage.google())] {
            script.next(1, Scripted::new(status, "<b>+49 30 901820</b>"));
            let verdict = providers.send(&push).await;
            let (is, reason) = match verdict {
                Verdict::Sent { .. } => panic!("{status} is no success"),
                Verdict::Retry { reason, .. } => (Class::Retry, reason),
                Verdict::DeviceGone { reason, .. } => (Class::DeviceGone, reason),
                Verdict::Rejected { reason, .. } => (Class::Rejected, reason),
                Verdict::Misconfigured { reason, .. } => (Class::Misconfigured, reason),
            };
            assert_eq!((is, reason), (class, format!("status {status}")));
        }
    }
}

#[test]
fn the_handbook_shows_the_rows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/push-providers.md");
    let handbook = std::fs::read_to_string(path).unwrap();
    let missing: Vec<String> =
        apns::ROWS.iter().chain(&fcm::ROWS).chain(&fcm::OAUTH_ROWS).map(line).collect();
    let missing: Vec<&str> =
        missing.iter().map(String::as_str).filter(|line| !handbook.contains(line)).collect();
    assert!(missing.is_empty(), "docs/push-providers.md lacks:\n{}", missing.join("\n"));
}

fn line(row: &Row) -> String {
    format!("| {} | `{}` | {} | {} |", row.status, row.reason, row.class.name(), row.remedy)
}
