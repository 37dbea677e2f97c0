use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{PushBuilder, World, http_client, wake};

#[tokio::test]
async fn what_cannot_be_taken_is_told_field_by_field() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    let good = wake("call-1", "courier-17", Duration::from_secs(60));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("label", json!("ring +49 30 901820")),
        ("order", json!("+4930901820")),
        ("user", json!("+49 (30) 901820")),
        ("user", json!("")),
        ("call", json!("x".repeat(256))),
        ("expires_at", json!(1)),
        ("expires_at", json!("2099-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("phone", json!("x")),
    ] {
        let (status, body) = push.post("/v1/wakes", &with(field, value)).await;
        assert_eq!((status, body["errors"][0]["field"].as_str()), (422, Some(field)), "{body}");
        assert!(!body.to_string().contains("901820"), "the value is not repeated: {body}");
    }
    for (field, value) in [
        ("token", json!("")),
        ("token", json!("a b")),
        ("param", json!("../x")),
        ("provider", json!("sms")),
        ("environment", json!("moon")),
        ("user", json!("+4930901820")),
    ] {
        let mut body = world.iphone("courier-17", 1);
        body[field] = value;
        let (status, body) = push.put("/v1/devices/d", &body).await;
        assert_eq!((status, body["errors"][0]["field"].as_str()), (422, Some(field)), "{body}");
    }
}

#[tokio::test]
async fn only_who_has_the_key_is_let_in() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    let http = http_client(None);
    for path in ["/v1/users/u/devices", "/v1/wakes/c", "/metrics"] {
        let url = format!("{}{path}", push.api());
        assert_eq!(http.get(&url).send().await.unwrap().status(), 401, "{path}");
        let wrong = http.get(&url).bearer_auth("another key").send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{path}");
        assert!(wrong.headers().contains_key("www-authenticate"));
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(http.get(format!("{}{path}", push.api())).send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_request_gets_a_problem() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).start();
    assert_eq!(push.get("/v1/nothing").await.0, 404);
    assert_eq!(push.attempt(Method::PATCH, "/v1/wakes", None).await.unwrap().0, 405);
    let http = http_client(None);
    let url = format!("{}/v1/wakes", push.api());
    let key = "a key of the company's gateway";
    let text = http.post(&url).bearer_auth(key).body("{}").send().await.unwrap();
    assert_eq!(text.status(), 415);
    let json =
        |body: String| http.post(&url).bearer_auth(key).header("content-type", "application/json").body(body);
    assert_eq!(json("{".to_owned()).send().await.unwrap().status(), 400);
    let long = json(format!("\"{}\"", "x".repeat(70_000))).send().await.unwrap();
    assert_eq!(long.status(), 413);
}

#[tokio::test]
async fn a_full_queue_answers_429_and_takes_wakes_again() {
    let world = World::new().await;
    let push = PushBuilder::new(&world).line("queue", "pending = 1").start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    world.apns.script().hold();
    let life = Duration::from_secs(60);
    assert_eq!(push.post("/v1/wakes", &wake("call-1", "courier-17", life)).await.0, 202);
    let (status, body) = push.post("/v1/wakes", &wake("call-2", "courier-17", life)).await;
    assert_eq!((status, body["type"].as_str()), (429, Some("urn:doorstep:problem:overloaded")));
    world.apns.script().release();
    push.ended("call-1").await;
    // Its place is free a moment after its end is told.
    while push.post("/v1/wakes", &wake("call-3", "courier-17", life)).await.0 == 429 {}
    push.ended("call-3").await;
    assert_eq!(world.apns.log().delivered().len(), 2);
}
