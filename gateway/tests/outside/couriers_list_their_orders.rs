//! `GET /orders` at the edge: the courier's own open orders, by the token alone, and no number.

use crate::support::{COMPANY, CUSTOMER, Gateway, GatewayBuilder, Identity, now, order, token};
use doorstep_service_testkit::http_client;
use reqwest::Response;
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

async fn ask(gateway: &Gateway, token: Option<&str>) -> Response {
    let url = format!("http://{}/orders", gateway.edge_address());
    let mut request = http_client(None).get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

async fn list(gateway: &Gateway, courier: &str) -> Value {
    let answer = ask(gateway, Some(&gateway.token(courier))).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.json().await.unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    list["orders"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_courier_sees_own_open_orders_the_first_to_close_first() {
    let gateway = Gateway::start(None);
    assert_eq!(list(&gateway, "anna").await, json!({ "orders": [] }));
    for (id, courier, opens_in, closes_in, grace) in [
        ("later", "anna", -10, 7200, 0),
        ("soon", "anna", -10, 600, 0),
        ("in grace", "anna", -100, -10, 3600),
        ("closed", "anna", -100, -10, 0),
        ("not yet", "anna", 3600, 7200, 0),
        ("another's", "bert", -10, 600, 0),
    ] {
        let moment = |seconds: i64| (i64::try_from(now()).unwrap() + seconds) * 1000;
        let mut body = order(courier);
        body["opens_at"] = json!(moment(opens_in));
        body["closes_at"] = json!(moment(closes_in));
        body["grace"] = json!(grace);
        let (status, said) = gateway.put(&format!("/v1/orders/{id}"), body).await;
        assert_eq!(status, 201, "{said}");
    }
    let orders = list(&gateway, "anna").await;
    assert_eq!(ids(&orders), ["in grace", "soon", "later"]);
    assert_eq!(orders["orders"][1]["label"], "Order 4711");
    assert!(orders["orders"][1]["closes_at"].as_str().unwrap().ends_with('Z'), "{orders}");
    assert_eq!(ids(&list(&gateway, "bert").await), ["another's"]);
}

#[tokio::test]
async fn an_order_without_a_label_has_none() {
    let gateway = Gateway::start(None);
    let mut body = order("anna");
    body["label"] = json!("");
    gateway.put("/v1/orders/1", body).await;
    let orders = list(&gateway, "anna").await;
    let fields: Vec<_> = orders["orders"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["closes_at", "id"]);
}

#[tokio::test]
async fn no_number_and_no_courier_shows() {
    let gateway = Gateway::start(None);
    gateway.open_order("4711", "anna-the-courier").await;
    let token = gateway.token("anna-the-courier");
    let answer = ask(&gateway, Some(&token)).await;
    let mut seen = format!("{:?}", answer.headers());
    seen += &answer.text().await.unwrap();
    seen += &gateway.log();
    assert!(seen.contains("4711"));
    for secret in [&CUSTOMER[1..], "30901820", &COMPANY[3..], "anna-the-courier", &token] {
        assert!(!seen.contains(secret), "{secret} shows in {seen}");
    }
}

#[tokio::test]
async fn a_token_that_is_missing_or_wrong_is_told_as_at_the_upgrade() {
    let mut builder = GatewayBuilder::new(None);
    let with_digest =
        builder.line("auth", "[[auth.digest]]\nuser = \"dora\"\npassword = \"swordfish\"").start();
    let expired = token(&json!({ "sub": "anna", "exp": now() - 60 }));
    for (token, code) in [(None, "missing"), (Some("junk"), "malformed"), (Some(&*expired), "expired")] {
        let answer = ask(&with_digest, token).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-doorstep-error"]),
            (401, &code.parse().unwrap())
        );
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer realm="));
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_as_503() {
    let gateway = Gateway::start(None);
    gateway.open_order("4711", "anna").await;
    let options = SqliteConnectOptions::new().filename(gateway.dir.path().join("gateway.db"));
    let mut beside = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE orders SET customer = 'nobody'").execute(&mut beside).await.unwrap();
    let answer = ask(&gateway, Some(&gateway.token("anna"))).await;
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers()["x-doorstep-error"], "unavailable");
    sqlx::query("UPDATE orders SET customer = ?").bind(CUSTOMER).execute(&mut beside).await.unwrap();
    assert_eq!(ids(&list(&gateway, "anna").await), ["4711"]);
}

#[tokio::test]
async fn over_tls_it_is_the_same() {
    let mut builder = GatewayBuilder::new(None);
    let identity = Identity::write(builder.dir.path());
    let gateway = builder.line("edge", identity.lines()).start_as_is();
    gateway.open_order("4711", "anna").await;
    let request =
        format!("GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", gateway.token("anna"));
    let mut stream = identity.connect(gateway.edge_address()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"id\":\"4711\""), "{answer}");
}
