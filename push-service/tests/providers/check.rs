//! `check` says in words what is wrong.

use doorstep_push::provider::{Check, ProviderKind, Providers};
use doorstep_push_fakes::Scripted;

use super::stage::Stage;

fn of(checks: &[Check], provider: ProviderKind) -> &Check {
    checks.iter().find(|check| check.provider == provider).unwrap()
}

#[tokio::test]
async fn good_credentials_are_called_good_and_no_phone_rings() {
    let stage = Stage::new().await;
    let checks = stage.providers().check().await;
    assert_eq!(checks.len(), 3);
    assert!(checks.iter().all(|check| check.good), "{checks:?}");
    assert_eq!((stage.apns.log().reached(), stage.fcm.log().reached()), (0, 0));
}

#[tokio::test]
async fn a_key_of_another_team_is_told_with_the_remedy() {
    let mut stage = Stage::new().await;
    stage.apns_settings().team = "OTHERTEAM1".to_owned();
    let checks = stage.providers().check().await;
    let check = of(&checks, ProviderKind::Apns);
    assert!(!check.good);
    assert!(
        check.words.contains("InvalidProviderToken") && check.words.contains("key_id, team and key_file"),
        "{check:?}"
    );
}

#[tokio::test]
async fn a_topic_that_is_not_the_teams_is_told_with_the_remedy() {
    let mut stage = Stage::new().await;
    stage.apns_settings().topics = vec!["com.example.unknown.voip".to_owned()];
    let checks = stage.providers().check().await;
    let check = of(&checks, ProviderKind::Apns);
    assert!(!check.good && check.words.contains("TopicDisallowed"), "{check:?}");
    stage.apns_settings().topics.clear();
    let checks = stage.providers().check().await;
    let check = of(&checks, ProviderKind::Apns);
    assert!(!check.good && check.words.contains("topics"), "{check:?}");
}

#[tokio::test]
async fn what_google_says_is_told_with_the_remedy() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    for (word, remedy) in [("PERMISSION_DENIED", "role"), ("SERVICE_DISABLED", "not documented")] {
        stage.fcm.script().next(1, Scripted::new(403, word));
        let checks = providers.check().await;
        let check = of(&checks, ProviderKind::Fcm);
        assert!(!check.good && check.words.contains(word) && check.words.contains(remedy), "{check:?}");
    }
    let fresh = stage.providers();
    stage.fcm.token_script().next(1, Scripted::new(400, "invalid_grant"));
    let checks = fresh.check().await;
    let check = of(&checks, ProviderKind::Fcm);
    assert!(
        !check.good && check.words.contains("invalid_grant") && check.words.contains("clock"),
        "{check:?}"
    );
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_told_as_that() {
    let stage = Stage::new().await;
    stage.apns.refuse().await;
    stage.fcm.refuse().await;
    for check in stage.providers().check().await {
        assert!(!check.good && check.words.contains("not reached"), "{check:?}");
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_refused_with_its_key() {
    let mut stage = Stage::new().await;
    let good = stage.settings.clone();
    let other = stage.settings.fcm.as_ref().unwrap().service_account_file.clone();
    let key = stage.settings.apns.as_ref().unwrap().key_file.clone();
    let mut refused = |change: &dyn Fn(&mut Stage), section: &str, key: &str| {
        stage.settings = good.clone();
        change(&mut stage);
        let error = Providers::new(&stage.settings).map(|_| ()).unwrap_err();
        assert_eq!((error.section, error.key), (section, key), "{error}");
        let text = error.to_string();
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    };
    refused(&|stage| stage.apns_settings().key_file = "/nowhere".into(), "apns", "key_file");
    refused(&|stage| stage.apns_settings().key_file = other.clone(), "apns", "key_file");
    refused(&|stage| stage.apns_settings().key_id = "short".to_owned(), "apns", "key_id");
    refused(&|stage| stage.apns_settings().team = "TEAM.1234X".to_owned(), "apns", "team");
    refused(&|stage| stage.apns_settings().topics.push("no voip".to_owned()), "apns", "topics");
    refused(&|stage| stage.apns_settings().host = Some("a host/with path".to_owned()), "apns", "host");
    refused(&|stage| stage.apns_settings().ca_file = Some(other.clone()), "apns", "ca_file");
    refused(&|stage| stage.apns_settings().proxy = Some("::".to_owned()), "apns", "proxy");
    refused(&|stage| stage.fcm_settings().service_account_file = key.clone(), "fcm", "service_account_file");
    refused(&|stage| stage.fcm_settings().token_uri = Some("http://x/token".to_owned()), "fcm", "token_uri");
}
