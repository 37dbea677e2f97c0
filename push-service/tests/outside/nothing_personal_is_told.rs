use std::time::Duration;

use doorstep_push_fakes::Scripted;

use crate::support::{ANDROID, PushBuilder, World, token, wake};

#[tokio::test]
async fn neither_log_nor_metrics_show_a_token_a_key_or_a_label() {
    let world = World::new().await;
    let mut push = PushBuilder::new(&world).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 0xfeed)).await;
    push.put("/v1/devices/android", &world.android("courier-17", ANDROID)).await;
    world.apns.script().next(1, Scripted::new(500, "InternalServerError"));
    world.fcm.script().next(1, Scripted::new(401, "THIRD_PARTY_AUTH_ERROR"));
    let mut body = wake("call-1", "courier-17", Duration::from_secs(60));
    body["label"] = "Anna, third floor".into();
    push.post("/v1/wakes", &body).await;
    let ended = push.ended("call-1").await;
    assert_eq!(ended["devices"][1]["attempts"], 2, "the phones were reached for: {ended}");
    push.post("/v1/wakes", &serde_json::json!({ "label": "Anna, third floor", "phone": "+4930901820" }))
        .await;
    let (_, metrics) = push.get("/metrics").await;
    let metrics = metrics.as_str().unwrap().to_owned();
    for name in ["doorstep_push_wakes_accepted_total", "doorstep_push_queue_seconds", "doorstep_push_pending"]
    {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    push.signal("TERM");
    let (_, log) = push.gone().await;
    let key = std::fs::read_to_string(world.dir.path().join("key.p8")).unwrap();
    let line_of_key = key.lines().nth(1).unwrap().to_owned();
    for secret in
        [token(0xfeed).as_str(), ANDROID, "Anna", "901820", "a key of the company's gateway", &line_of_key]
    {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
        assert!(!metrics.contains(secret), "{secret} is in the metrics:\n{metrics}");
    }
}
