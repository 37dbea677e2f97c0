//! Real calls through the real binary: the courier's WebRTC on one side, a plain telephone on the other.

use doorstep_sip::msg::HeaderName;
use doorstep_sip::ua::EndCause;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    COMPANY, CUSTOMER, Courier, Gateway, GatewayBuilder, Phone, api_key, http_client, soon,
};

#[tokio::test]
async fn a_courier_calls_the_customer_and_hangs_up() {
    let mut phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    anna.progress(183).await;
    let (session, invite) = phone.invited().await;
    assert!(invite.uri.to_string().contains(CUSTOMER), "{}", invite.uri);
    let from = invite.headers.from().unwrap().to_string();
    assert!(from.contains(COMPANY) && !from.contains("anna"), "{from}");
    anna.connected().await;
    phone.ring(session).await;
    anna.progress(180).await;
    phone.answer(session).await;
    anna.answered().await;
    phone.hears_rtp().await;
    let active = soon("the call's record", gateway.call_of("4711", |call| call["state"] == "answered")).await;
    assert_eq!(active["direction"], "courier_to_customer");
    anna.hang_up(courier_session).await;
    assert!(matches!(phone.ended().await, EndCause::Remote { .. }));
    let ended = soon("the call's end", gateway.call_of("4711", |call| call["state"] == "ended")).await;
    assert_eq!(ended["end"], "courier_hung_up");
    let counted =
        soon("the media's counts", gateway.call_of("4711", |call| call["media"]["phone"].is_object())).await;
    let sent = counted["media"]["phone"]["packets_sent"].as_u64().unwrap();
    assert!(sent > 0 && counted["media"]["courier"].is_object(), "{counted}");
    let id = counted["id"].as_str().unwrap();
    assert_eq!(gateway.get(&format!("/v1/calls/{id}")).await.1["media"], counted["media"]);
    let metrics = gateway.metrics().await;
    for line in [
        "doorstep_calls_ended_total{direction=\"courier_to_customer\",reason=\"courier_hung_up\"} 1",
        "doorstep_calls_active 0",
        "doorstep_call_setup_seconds_count{direction=\"courier_to_customer\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
}

#[tokio::test]
async fn the_customer_calls_back_and_hangs_up() {
    let mut phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);
    let session = phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (courier_session, invite) = anna.rings().await;
    let text = String::from_utf8(invite.to_bytes().to_vec()).unwrap();
    assert!(text.contains("Order 4711") && !text.contains(&CUSTOMER[1..]), "{text}");
    anna.answer(courier_session).await;
    phone.answered().await;
    phone.hears_rtp().await;
    phone.hang_up(session).await;
    assert!(matches!(anna.ended().await, EndCause::Remote { .. }));
}

#[tokio::test]
async fn refusals_reach_the_app_with_their_code() {
    let mut phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let closed = json!({ "courier": "anna", "customer": CUSTOMER, "opens_at": 1000, "closes_at": 2000 });
    gateway.put("/v1/orders/1", closed).await;
    gateway.open_order("2", "bert").await;
    for (order, status, code) in
        [("1", 410, "order_closed"), ("2", 403, "not_your_order"), ("3", 404, "no_such_order")]
    {
        let mut anna = Courier::connect(&gateway, "anna").await;
        anna.contact(order).await;
        let refused = anna.refused().await;
        let told =
            refused.headers.get(&"X-Doorstep-Error".parse::<HeaderName>().unwrap()).unwrap_or_default();
        assert_eq!((refused.status.code(), told), (status, code), "order {order}");
    }
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let (session, _) = phone.invited().await;
    phone.reject(session, 486).await;
    assert_eq!(anna.refused().await.status.code(), 486);
}

#[tokio::test]
async fn the_company_connects_both_and_hangs_up() {
    let mut phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let (status, problem) = gateway.post("/v1/orders/4711/calls", json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:doorstep:problem:courier_unreachable")));
    assert_eq!(gateway.post("/v1/orders/1/calls", json!({})).await.0, 404);

    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);
    let (status, made) = gateway.post("/v1/orders/4711/calls", json!({ "first": "courier" })).await;
    assert_eq!(status, 202, "{made}");
    let call = format!("/v1/calls/{}", made["id"].as_str().unwrap());
    let (courier_session, _) = anna.rings().await;
    anna.answer(courier_session).await;
    let (session, _) = phone.invited().await;
    phone.answer(session).await;
    soon("the record", gateway.call_of("4711", |call| call["state"] == "answered")).await;
    let events = tokio::spawn(gateway.events(&format!("{call}/events")));
    assert_eq!(gateway.delete(&call).await.0, 202);
    anna.ended().await;
    phone.ended().await;
    let events = soon("the stream's end", events).await.unwrap();
    assert!(events.contains("event: ended") && events.contains("company_hung_up"), "{events}");
    soon("the record", gateway.call_of("4711", |call| call["end"] == "company_hung_up")).await;
    assert_eq!(gateway.delete(&call).await.0, 409);
    assert_eq!(gateway.delete("/v1/calls/none").await.0, 404);
}

#[tokio::test]
async fn the_same_idempotency_key_twice_is_one_call() {
    let phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    gateway.open_order("4712", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.register().await;
    let make = |order: &str| {
        let url = format!("{}/v1/orders/{order}/calls", gateway.api());
        let request = http_client(None).post(url).bearer_auth(api_key()).header("idempotency-key", "k1");
        async move { request.json(&json!({})).send().await.unwrap() }
    };
    let first = make("4711").await;
    assert_eq!(first.status().as_u16(), 202);
    let location = first.headers()["location"].to_str().unwrap().to_owned();
    let second = make("4711").await;
    assert_eq!(second.headers()["location"].to_str().unwrap(), location);
    assert_eq!(make("4712").await.status().as_u16(), 409, "the key was used for another order");
    let calls = gateway.get("/v1/calls").await.1;
    assert!(calls["calls"].as_array().unwrap().len() <= 1, "{calls}");
}

#[tokio::test]
async fn one_call_more_than_the_limit_is_refused_and_the_rest_goes_on() {
    let mut phone = Phone::new().await;
    let gateway = GatewayBuilder::new(Some(phone.address)).line("limits", "calls_per_courier = 1").start();
    gateway.open_order("4711", "anna").await;
    let mut first = Courier::connect(&gateway, "anna").await;
    first.contact("4711").await;
    let (session, _) = phone.invited().await;
    let mut second = Courier::connect(&gateway, "anna").await;
    second.contact("4711").await;
    assert_eq!(second.refused().await.status.code(), 429);
    phone.answer(session).await;
    first.answered().await;
}

#[tokio::test]
async fn everything_that_happens_is_told_on_the_event_stream() {
    let mut phone = Phone::new().await;
    let mut gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut events = gateway.send(Method::GET, "/v1/events", None).await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let (session, _) = phone.invited().await;
    phone.ring(session).await;
    anna.progress(180).await;
    phone.reject(session, 486).await;
    anna.refused().await;
    let mut told = String::new();
    soon("the end on the stream", async {
        while !told.contains("event: ended") {
            told += &String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap());
        }
    })
    .await;
    let steps: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(steps, ["started", "ringing", "ended"], "{told}");
    assert!(
        told.contains("customer_busy") && !told.contains(&CUSTOMER[1..]) && !told.contains("anna"),
        "{told}"
    );
    // An open stream does not hold up the end.
    gateway.signal("TERM");
    let (status, _) = gateway.ended().await;
    assert_eq!(status.code(), Some(0));
}
