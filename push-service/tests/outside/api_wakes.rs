use std::time::Duration;

use doorstep_push_fakes::Scripted;

use crate::support::{ANDROID, PushBuilder, World, wake};

const LIFE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_wake_reaches_every_device_once_and_is_told_device_by_device() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    push.put("/v1/devices/android", &world.android("courier-17", ANDROID)).await;
    let body = wake("call-1", "courier-17", LIFE);
    for _ in 0..3 {
        let (status, answer) = push.post("/v1/wakes", &body).await;
        assert_eq!((status, answer["devices"].as_u64()), (202, Some(2)), "{answer}");
    }
    let ended = push.ended("call-1").await;
    for device in ended["devices"].as_array().unwrap() {
        assert_eq!(
            (device["state"].as_str(), device["status"].as_u64()),
            (Some("sent"), Some(200)),
            "{ended}"
        );
        assert!(device["sent_at"].is_string() && device["provider_id"].is_string(), "{ended}");
    }
    let pushes = [world.apns.log().delivered(), world.fcm.log().delivered()].concat();
    assert_eq!(pushes.len(), 2);
    for delivered in pushes {
        let payload = delivered.payload();
        assert_eq!(payload["call"], "call-1");
        assert_eq!(payload["gateway"], "wss://voice.example.com/ws");
        assert_eq!(payload["kind"], "incoming");
    }
    let mut other = body.clone();
    other["label"] = "Order 4712".into();
    let (status, answer) = push.post("/v1/wakes", &other).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:doorstep:problem:other_wake")));
}

#[tokio::test]
async fn a_user_without_devices_is_told_at_once() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    let (status, answer) = push.post("/v1/wakes", &wake("call-1", "nobody", LIFE)).await;
    assert_eq!((status, answer["devices"].as_u64()), (202, Some(0)));
    assert_eq!(push.ended("call-1").await["devices"].as_array().unwrap().len(), 0);
    assert_eq!(push.get("/v1/wakes/call-2").await.0, 404);
}

#[tokio::test]
async fn a_dead_token_ends_the_device() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    push.put("/v1/devices/android", &world.android("courier-17", ANDROID)).await;
    world.fcm.uninstall(ANDROID);
    push.post("/v1/wakes", &wake("call-1", "courier-17", LIFE)).await;
    let ended = push.ended("call-1").await;
    assert_eq!(ended["devices"][0]["state"], "gone", "{ended}");
    let (_, body) = push.get("/v1/users/courier-17/devices").await;
    assert_eq!(body["devices"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_wake_that_is_called_off_is_not_sent_and_an_android_that_has_it_is_told() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    push.put("/v1/devices/android", &world.android("courier-17", ANDROID)).await;
    let busy = Scripted::new(503, "ServiceUnavailable").retry_after(Duration::from_secs(40));
    world.apns.script().next(1, busy);
    push.post("/v1/wakes", &wake("call-1", "courier-17", LIFE)).await;
    world.fcm.log().wait_for_reached(1).await;
    world.apns.log().wait_for_answered(1).await;
    // Until both outcomes are written down.
    loop {
        let (_, body) = push.get("/v1/wakes/call-1").await;
        if body["devices"].as_array().unwrap().iter().all(|device| device["attempts"] == 1) {
            break;
        }
    }
    assert_eq!(push.delete("/v1/wakes/call-1").await.0, 204);
    assert_eq!(push.delete("/v1/wakes/call-1").await.0, 204);
    assert_eq!(push.delete("/v1/wakes/call-2").await.0, 404);
    world.fcm.log().wait_for_reached(2).await;
    let kinds: Vec<_> =
        world.fcm.log().delivered().iter().map(|push| push.payload()["kind"].clone()).collect();
    assert_eq!(kinds, ["incoming", "cancel"]);
    let ended = push.ended("call-1").await;
    let states: Vec<_> = ended["devices"].as_array().unwrap().iter().map(|device| &device["state"]).collect();
    assert_eq!(states, ["sent", "cancelled"], "{ended}");
    assert!(ended["cancelled_at"].is_string());
    assert_eq!(world.apns.log().delivered().len(), 0);
}

#[tokio::test]
async fn waiting_for_a_wake_that_does_not_end_ends_by_itself() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    world.apns.script().hold();
    push.post("/v1/wakes", &wake("call-1", "courier-17", LIFE)).await;
    let (status, body) = push.get("/v1/wakes/call-1?wait_s=1").await;
    assert_eq!((status, body["final"].as_bool()), (200, Some(false)));
    let (status, body) = push.get("/v1/wakes/call-1?wait_s=31").await;
    assert_eq!((status, body["errors"][0]["field"].as_str()), (422, Some("wait_s")));
    world.apns.script().release();
    assert_eq!(push.ended("call-1").await["devices"][0]["state"], "sent");
}
