use crate::support::{ANDROID, PushBuilder, World};

#[tokio::test]
async fn a_device_is_registered_replaced_listed_and_removed() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    let (status, body) = push.put("/v1/devices/d%201", &world.iphone("courier-17", 1)).await;
    assert_eq!((status, body["id"].as_str(), body["token"].as_str()), (201, Some("d 1"), Some("[redacted]")));
    assert_eq!(body["environment"], "production");
    let mut again = world.iphone("courier-17", 2);
    again["environment"] = "sandbox".into();
    let (status, body) = push.put("/v1/devices/d%201", &again).await;
    assert_eq!((status, body["environment"].as_str()), (200, Some("sandbox")));
    push.put("/v1/devices/d2", &world.android("courier-17", ANDROID)).await;
    let (status, body) = push.get("/v1/users/courier-17/devices").await;
    let ids: Vec<_> = body["devices"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap()).collect();
    assert_eq!((status, ids), (200, vec!["d2", "d 1"]));
    assert!(!body.to_string().contains("token-of"), "{body}");
    // The same installation under another courier: whoever had the token has it no more.
    push.put("/v1/devices/d3", &world.android("courier-18", ANDROID)).await;
    let (_, body) = push.get("/v1/users/courier-17/devices").await;
    assert_eq!(body["devices"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        assert_eq!(push.delete("/v1/devices/d3").await.0, 204);
    }
    let (_, body) = push.get("/v1/users/courier-18/devices").await;
    assert_eq!(body["devices"].as_array().unwrap().len(), 0);
}
