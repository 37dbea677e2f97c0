use std::sync::Arc;
use std::time::Duration;

use doorstep_push::provider::{Kind, Provider, Push, Target, Verdict};
use doorstep_push_fakes::{Act, Scripted};
use serde_json::json;
use tokio::task::JoinSet;

use super::stage::{FCM_TOKEN, Stage};

#[tokio::test]
async fn a_message_arrives_as_google_wants_it() {
    let stage = Stage::new().await;
    let push = stage.google();
    let Verdict::Sent { provider_id, status: 200 } = stage.providers().send(&push).await else { panic!() };
    assert!(provider_id.starts_with("projects/courier-example/messages/"), "{provider_id}");
    let log = stage.fcm.log().all();
    assert_eq!(log.len(), 1);
    assert_eq!(
        log[0].body,
        json!({ "message": {
            "token": FCM_TOKEN,
            "android": { "priority": "HIGH", "ttl": "0s" },
            "data": {
                "v": "1",
                "kind": "incoming",
                "push": push.id.to_string(),
                "call": "c1@gateway.invalid",
                "order": "4711",
                "label": "Order 4711",
                "gateway": "wss://gateway.example.com/ws",
                "sent_at": push.sent_at.to_string(),
                "expires_at": push.expires_at.to_string(),
            },
        }})
    );
}

#[tokio::test]
async fn a_cancel_is_sent_and_what_google_shall_not_get_is_not() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    let good = stage.google();
    let cancel = Push { kind: Kind::Cancel, ..good.clone() };
    assert!(matches!(providers.send(&cancel).await, Verdict::Sent { .. }));
    assert_eq!(stage.fcm.log().all()[0].payload()["kind"], "cancel");
    let elsewhere =
        Push { target: Target { param: "another".to_owned(), ..good.target.clone() }, ..good.clone() };
    let rows = [
        (Push { expires_at: good.sent_at, ..good.clone() }, "Expired"),
        (elsewhere, "AnotherProject"),
        (Push { call: "c".repeat(3000), ..good.clone() }, "PayloadTooLarge"),
    ];
    for (push, reason) in rows {
        let expected = Verdict::Rejected { status: None, reason: reason.to_owned() };
        assert_eq!(providers.send(&push).await, expected);
    }
    assert_eq!(stage.fcm.log().answered(), 1);
}

#[tokio::test]
async fn one_access_token_serves_all_until_shortly_before_its_end() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    let mut sends = JoinSet::new();
    for _ in 0..50 {
        let (providers, push) = (Arc::clone(&providers), stage.google());
        sends.spawn(async move { providers.send(&push).await });
    }
    while let Some(verdict) = sends.join_next().await {
        assert!(matches!(verdict.unwrap(), Verdict::Sent { .. }));
    }
    assert_eq!((stage.fcm.access_tokens_issued(), stage.fcm.connections_opened()), (1, 1));
    stage.advance(Duration::from_secs(54 * 60));
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
    assert_eq!(stage.fcm.access_tokens_issued(), 1);
    stage.advance(Duration::from_secs(2 * 60));
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
    assert_eq!(stage.fcm.access_tokens_issued(), 2);
}

#[tokio::test]
async fn a_refused_access_token_is_fetched_anew_once() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
    stage.fcm.revoke_access_tokens();
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
    assert_eq!(stage.fcm.access_tokens_issued(), 2);
    stage.fcm.script().next(5, Scripted::new(401, "UNAUTHENTICATED"));
    assert!(matches!(
        providers.send(&stage.google()).await,
        Verdict::Misconfigured { status: Some(401), .. }
    ));
    assert_eq!((stage.fcm.access_tokens_issued(), stage.fcm.log().answered()), (3, 5));
}

#[tokio::test]
async fn without_an_access_token_a_push_waits_and_one_request_asks_for_all() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    stage.fcm.token_script().hold();
    stage.fcm.token_script().next(1, Scripted::new(503, "unavailable").retry_after(Duration::from_secs(3)));
    let mut sends = JoinSet::new();
    for _ in 0..20 {
        let (providers, push) = (Arc::clone(&providers), stage.google());
        sends.spawn(async move { providers.send(&push).await });
    }
    // All twenty wait behind the one that asks: on this runtime each has run up to its first wait once the next task runs.
    tokio::task::yield_now().await;
    stage.fcm.token_script().release();
    let mut retries = 0;
    while let Some(verdict) = sends.join_next().await {
        match verdict.unwrap() {
            Verdict::Retry { status: Some(503), after, .. } => {
                assert_eq!(after, Some(Duration::from_secs(3)));
                retries += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((retries, stage.fcm.log().answered()), (20, 0));
    assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
}

#[tokio::test]
async fn a_lost_connection_is_told_and_the_next_message_goes_over_another() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    for act in [Act::Drop, Act::AcceptAndDrop, Act::Reset, Act::GoAway] {
        let going = act == Act::GoAway;
        stage.fcm.script().next(1, act);
        let verdict = providers.send(&stage.google()).await;
        assert_eq!(matches!(verdict, Verdict::Sent { .. }), going, "{verdict:?}");
        assert_eq!(matches!(verdict, Verdict::Retry { status: None, .. }), !going, "{verdict:?}");
        assert!(matches!(providers.send(&stage.google()).await, Verdict::Sent { .. }));
    }
}
