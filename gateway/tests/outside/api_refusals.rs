//! What the API refuses, each time as a problem (RFC 9457): keys, paths, methods, bodies.

use crate::support::{Gateway, GatewayBuilder, api_key, http_client};
use reqwest::{Method, Response};
use serde_json::Value;

async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    problem
}

#[tokio::test]
async fn without_a_known_key_nothing_is_told() {
    let gateway = Gateway::start(None);
    let http = http_client(None);
    for path in ["/v1/orders", "/v1/orders/1", "/v1/calls", "/v1/events", "/v1/numbers", "/metrics"] {
        let url = format!("{}{path}", gateway.api());
        let bare = http.get(&url).send().await.unwrap();
        assert!(bare.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        problem(bare, 401).await;
        for key in ["wrong", "", &api_key()[1..]] {
            problem(http.get(&url).bearer_auth(key).send().await.unwrap(), 401).await;
        }
        problem(http.get(&url).basic_auth("user", Some(api_key())).send().await.unwrap(), 401).await;
    }
}

#[tokio::test]
async fn paths_methods_and_bodies_that_do_not_fit_are_told_apart() {
    let gateway = Gateway::start(None);
    let http = http_client(None);
    let put = |body: String, kind: &'static str| {
        let request = http.put(format!("{}/v1/orders/1", gateway.api())).bearer_auth(api_key());
        request.header("content-type", kind).body(body).send()
    };
    problem(gateway.send(Method::GET, "/v2/orders", None).await, 404).await;
    problem(gateway.send(Method::POST, "/v1/orders/1", None).await, 405).await;
    problem(put("{}".into(), "text/plain").await.unwrap(), 415).await;
    problem(put("{".into(), "application/json").await.unwrap(), 400).await;
    problem(put("[]".into(), "application/json; charset=utf-8").await.unwrap(), 422).await;
    problem(put(format!("\"{}\"", "x".repeat(70_000)), "application/json").await.unwrap(), 413).await;
    let long = format!("/v1/orders/{}", "x".repeat(129));
    let refused =
        problem(gateway.send(Method::PUT, &long, Some(crate::support::order("anna"))).await, 422).await;
    assert_eq!(refused["errors"][0]["field"], "id");
}

#[tokio::test]
async fn without_keys_only_localhost_is_answered() {
    let mut builder = GatewayBuilder::new(None);
    builder.config.replace("api", "listen = \"127.0.0.1:0\"");
    let gateway = builder.start();
    let http = http_client(None);
    let url = format!("{}/v1/orders", gateway.api());
    assert_eq!(http.get(&url).send().await.unwrap().status().as_u16(), 200);
    problem(http.get(&url).header("host", "evil.example").send().await.unwrap(), 403).await;
}

#[tokio::test]
async fn the_document_describes_every_path_and_health_is_open() {
    let gateway = Gateway::start(None);
    let http = http_client(None);
    let document: Value =
        http.get(format!("{}/openapi.json", gateway.api())).send().await.unwrap().json().await.unwrap();
    for (path, method) in [
        ("/v1/orders/{id}", "put"),
        ("/v1/orders/{id}", "delete"),
        ("/v1/orders/{id}/calls", "post"),
        ("/v1/calls/{id}", "delete"),
        ("/v1/calls/{id}/events", "get"),
        ("/v1/events", "get"),
        ("/v1/numbers/{e164}", "put"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
    assert!(document["components"]["schemas"]["OrderView"]["properties"]["customer"].is_null());
    assert_eq!(http.get(format!("{}/healthz", gateway.api())).send().await.unwrap().status().as_u16(), 200);
    let ready = http.get(format!("{}/readyz", gateway.api())).send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 200);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!((&ready["store"], &ready["trunk"]), (&Value::from("up"), &Value::from("none")));
    let metrics = gateway.send(Method::GET, "/metrics", None).await.text().await.unwrap();
    assert!(metrics.contains("doorstep_api_requests_total"), "{metrics}");
}
