//! Orders through the API: opened, changed, listed and closed; what is wrong is named, and the customer's number never comes back.

use crate::support::{COMPANY, CUSTOMER, Gateway, order};
use reqwest::Method;
use serde_json::{Value, json};

fn with(field: &str, value: Value) -> Value {
    let mut body = order("anna");
    body[field] = value;
    body
}

#[tokio::test]
async fn an_order_lives_from_put_to_delete() {
    let gateway = Gateway::start(None);
    let (status, made) = gateway.put("/v1/orders/4711", order("anna")).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["caller_id"], &made["label"], &made["open"]),
        (&json!(COMPANY), &json!("Order 4711"), &json!(true))
    );
    let (status, again) = gateway.put("/v1/orders/4711", order("anna")).await;
    assert_eq!((status, &again["opens_at"]), (200, &made["opens_at"]), "the same again changes nothing");
    let (status, changed) = gateway.put("/v1/orders/4711", with("label", json!("Pizza"))).await;
    assert_eq!((status, &changed["label"]), (200, &json!("Pizza")));
    assert_eq!(gateway.get("/v1/orders/4711").await, (200, changed));
    let gone = gateway.request(Method::DELETE, "/v1/orders/4711", None).await.0;
    assert_eq!(gone, 204);
    for method in [Method::GET, Method::DELETE] {
        let (status, problem) = gateway.request(method, "/v1/orders/4711", None).await;
        assert_eq!((status, &problem["type"]), (404, &json!("urn:doorstep:problem:not_found")));
    }
}

#[tokio::test]
async fn neither_customer_nor_courier_comes_back() {
    let gateway = Gateway::start(None);
    let mut seen = gateway.put("/v1/orders/4711", order("anna-the-courier")).await.1.to_string();
    seen += &gateway.get("/v1/orders/4711").await.1.to_string();
    seen += &gateway.get("/v1/orders?courier=anna-the-courier").await.1.to_string();
    let refused =
        gateway.put("/v1/orders/4711", with("customer", json!("+49309018201234567"))).await.1.to_string();
    seen += &refused;
    assert!(refused.contains("\"field\":\"customer\""), "{refused}");
    seen += &gateway.log();
    for secret in [&CUSTOMER[1..], "309018", "anna-the-courier"] {
        assert!(!seen.contains(secret), "{secret} shows in {seen}");
    }
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let gateway = Gateway::start(None);
    for (body, fields) in [
        (with("customer", json!("030 901820")), vec!["customer"]),
        (with("customer", json!("+49 30 90182a")), vec!["customer"]),
        (with("customer", json!(4930901820u64)), vec!["customer"]),
        (with("caller_id", json!("110")), vec!["caller_id"]),
        (with("courier", json!("")), vec!["courier"]),
        (with("closes_at", json!("tomorrow")), vec!["closes_at"]),
        (with("closes_at", json!("2001-01-01T00:00:00Z")), vec!["closes_at"]),
        (with("ring_s", json!(1)), vec!["ring_s"]),
        (with("otherwise", json!("voicemail")), vec!["otherwise"]),
        // The gateway has neither.
        (with("otherwise", json!("contact_centre")), vec!["otherwise"]),
        (with("otherwise", json!("message")), vec!["otherwise"]),
        (with("phone", json!("x")), vec!["phone"]),
        (with("label", json!("x\r\nVia: y")), vec!["label"]),
        (json!({ "courier": "anna", "customer": CUSTOMER }), vec!["closes_at"]),
        (
            json!({ "courier": "", "customer": "x", "closes_at": 1, "max_call_s": 0, "grace": 99_999_999 }),
            vec!["courier", "customer", "closes_at", "max_call_s", "grace"],
        ),
    ] {
        let response = gateway.send(Method::PUT, "/v1/orders/1", Some(body.clone())).await;
        assert_eq!(response.status().as_u16(), 422, "{body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        let named: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{body} gave {problem}");
    }
    assert_eq!(gateway.get("/v1/orders/1").await.0, 404);
}

#[tokio::test]
async fn orders_are_listed_by_courier_page_by_page() {
    let gateway = Gateway::start(None);
    for id in 0..5 {
        gateway.open_order(&format!("a{id}"), "anna").await;
        gateway.open_order(&format!("b{id}"), "bert").await;
    }
    let mut ids = Vec::new();
    let mut path = "/v1/orders?courier=anna&limit=2".to_owned();
    loop {
        let (status, page) = gateway.get(&path).await;
        assert_eq!(status, 200);
        ids.extend(page["orders"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/orders?courier=anna&limit=2&cursor={next}");
    }
    assert_eq!(ids, ["a0", "a1", "a2", "a3", "a4"]);
    assert_eq!(gateway.get("/v1/orders?limit=0").await.0, 422);
    assert_eq!(gateway.get("/v1/orders?color=red").await.0, 400);
}

#[tokio::test]
async fn a_second_courier_of_one_customer_gets_another_number() {
    let gateway = Gateway::start(None);
    let (status, _) = gateway.put("/v1/numbers/+493022220001", json!({ "label": "second" })).await;
    assert_eq!(status, 201);
    let first = gateway.put("/v1/orders/1", order("anna")).await.1;
    let second = gateway.put("/v1/orders/2", order("bert")).await.1;
    assert_eq!((&first["caller_id"], &second["caller_id"]), (&json!(COMPANY), &json!("+493022220001")));
    let third = gateway.put("/v1/orders/3", order("carl")).await.1;
    assert_eq!(third["caller_id"], COMPANY, "more orders than numbers: the first again");
}

#[tokio::test]
async fn numbers_are_put_listed_and_removed() {
    let gateway = Gateway::start(None);
    for path in ["/v1/numbers/+493022220001", "/v1/numbers/%2B493022220001", "/v1/numbers/493022220001"] {
        assert!(matches!(gateway.put(path, json!({})).await.0, 200 | 201), "{path}");
    }
    assert_eq!(gateway.put("/v1/numbers/110", json!({})).await.0, 422);
    let list = gateway.get("/v1/numbers").await.1;
    let numbers: Vec<_> =
        list["numbers"].as_array().unwrap().iter().map(|n| n["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, [COMPANY, "+493022220001"]);
    let delete = |path: &'static str| gateway.request(Method::DELETE, path, None);
    assert_eq!(delete("/v1/numbers/+493022220001").await.0, 204);
    assert_eq!(delete("/v1/numbers/+493022220001").await.0, 404);
    assert_eq!(delete("/v1/numbers/+493022220000").await.0, 409, "it stands in the configuration");
}
