use std::time::Duration;

use doorstep_push::provider::{Kind, Provider, Push, Target, Verdict};
use doorstep_push_fakes::{Act, Scripted};
use serde_json::json;

use super::stage::{APNS_TOKEN, Stage};

#[tokio::test]
async fn a_push_arrives_as_apple_wants_it() {
    let stage = Stage::new().await;
    let push = stage.apple();
    let id = push.id.to_string();
    assert_eq!(stage.providers().send(&push).await, Verdict::Sent { provider_id: id.clone(), status: 200 });
    let log = stage.apns.log().all();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].path, format!("/3/device/{APNS_TOKEN}"));
    for (name, value) in [
        ("apns-id", id.as_str()),
        ("apns-topic", "com.example.courier.voip"),
        ("apns-push-type", "voip"),
        ("apns-priority", "10"),
        ("apns-expiration", "0"),
    ] {
        assert_eq!(log[0].headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(
        log[0].body,
        json!({
            "aps": {},
            "v": 1,
            "kind": "incoming",
            "call": "c1@gateway.invalid",
            "order": "4711",
            "label": "Order 4711",
            "gateway": "wss://gateway.example.com/ws",
            "sent_at": push.sent_at,
            "expires_at": push.expires_at,
        })
    );
    assert!(log[0].size <= 2048);
}

#[tokio::test]
async fn what_apple_shall_not_get_is_not_sent() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    let good = stage.apple();
    let to = |param: &str, token: &str| Push {
        target: Target { param: param.to_owned(), token: token.to_owned().into(), ..good.target.clone() },
        ..good.clone()
    };
    let param = good.target.param.clone();
    let rows = [
        (Push { kind: Kind::Cancel, ..good.clone() }, "CancelIsNotSentToApple"),
        (Push { expires_at: good.sent_at, ..good.clone() }, "Expired"),
        (to("OTHERTEAM1.com.example.courier.voip", APNS_TOKEN), "AnotherTeam"),
        (to("DOORTEAM01.com.example.other.voip", APNS_TOKEN), "TopicNotSetUp"),
        (to("DOORTEAM01.com.example.courier", APNS_TOKEN), "BadParam"),
        (to("DOORTEAM01", APNS_TOKEN), "BadParam"),
        (to(&param, "../../v1/x?y"), "BadDeviceToken"),
        (to(&param, ""), "BadDeviceToken"),
        (Push { call: "c".repeat(3000), ..good.clone() }, "PayloadTooLarge"),
    ];
    for (push, reason) in rows {
        let expected = Verdict::Rejected { status: None, reason: reason.to_owned() };
        assert_eq!(providers.send(&push).await, expected);
    }
    assert_eq!(stage.apns.log().answered(), 0);
}

#[tokio::test]
async fn one_connection_and_one_token_carry_all_pushes_of_a_day() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    for _ in 0..24 * 6 {
        let verdict = providers.send(&stage.apple()).await;
        assert!(matches!(verdict, Verdict::Sent { .. }), "{verdict:?}");
        stage.advance(Duration::from_secs(600));
    }
    assert_eq!(stage.apns.connections_opened(), 1);
}

#[tokio::test]
async fn another_instance_and_a_restarted_one_are_no_token_update_to_apple() {
    let stage = Stage::new().await;
    let steady = stage.providers();
    for _ in 0..100 {
        for providers in [&steady, &stage.providers()] {
            let verdict = providers.send(&stage.apple()).await;
            assert!(matches!(verdict, Verdict::Sent { .. }), "{verdict:?}");
        }
        stage.advance(Duration::from_secs(7 * 60));
    }
}

#[tokio::test]
async fn a_token_that_apple_calls_expired_is_renewed_once_and_the_push_goes() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    stage.advance(Duration::from_secs(25 * 60));
    stage.apns.script().next(1, Scripted::new(403, "ExpiredProviderToken"));
    assert!(matches!(providers.send(&stage.apple()).await, Verdict::Sent { .. }));
    assert_eq!(stage.apns.log().answered(), 2);

    stage.apns.script().next(2, Scripted::new(403, "ExpiredProviderToken"));
    let Verdict::Misconfigured { status, reason, remedy } = providers.send(&stage.apple()).await else {
        panic!()
    };
    assert_eq!((status, reason.as_str()), (Some(403), "ExpiredProviderToken"));
    assert!(remedy.contains("clock"), "{remedy}");
    assert_eq!(stage.apns.log().answered(), 3, "no second renewal within twenty minutes");
}

#[tokio::test]
async fn a_push_on_a_dead_connection_is_told_and_the_next_goes_over_another() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    assert!(matches!(providers.send(&stage.apple()).await, Verdict::Sent { .. }));
    let push = stage.apple();
    for act in [Act::Drop, Act::AcceptAndDrop, Act::Reset] {
        stage.apns.script().next(1, act);
        let Verdict::Retry { status: None, reason, after: None } = providers.send(&push).await else {
            panic!()
        };
        assert!(reason.starts_with("connection lost"), "{reason}");
        assert!(matches!(providers.send(&push).await, Verdict::Sent { .. }));
    }
    stage.apns.refuse().await;
    let Verdict::Retry { status: None, reason, .. } = providers.send(&push).await else { panic!() };
    assert!(reason.starts_with("not reached"), "{reason}");
    stage.apns.admit().await;
    assert!(matches!(providers.send(&push).await, Verdict::Sent { .. }));
    let ids: Vec<_> =
        stage.apns.log().all().iter().skip(1).map(|push| push.headers["apns-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == push.id.to_string()), "a push is sent again with its own id");
}

#[tokio::test]
async fn goaway_loses_nothing() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    stage.apns.script().rule(|number, _| if number % 7 == 3 { Act::GoAway } else { Act::Judge });
    for _ in 0..50 {
        assert!(matches!(providers.send(&stage.apple()).await, Verdict::Sent { .. }));
    }
    assert_eq!(stage.apns.log().reached(), 50);
    assert!(stage.apns.connections_opened() > 5);
}
