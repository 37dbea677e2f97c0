//! kill -9: orders, numbers and bindings are there after the restart.

use crate::support::{Courier, Gateway, Phone, soon};
use serde_json::json;
use sqlx::Connection as _;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9() {
    let mut gateway = Gateway::start(None);
    gateway.open_order("4711", "anna").await;
    gateway.put("/v1/numbers/+493022220001", json!({ "label": "second" })).await;
    let before = gateway.get("/v1/orders/4711").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);
    gateway.kill_9().await;

    let gateway = gateway.start_again();
    assert_eq!(gateway.get("/v1/orders/4711").await, before);
    assert_eq!(gateway.get("/v1/numbers/+493022220001").await.1["label"], "second");
    // A REGISTER without a Contact asks for the bindings (RFC 3261 section 10.2.3).
    let mut anna = Courier::connect(&gateway, "anna").await;
    let bindings = anna.ask_bindings().await;
    let contact = bindings.headers.get(&doorstep_sip::msg::HeaderName::Contact).expect("the binding is gone");
    assert!(contact.contains("x7f3a.invalid"), "{contact}");
}

#[tokio::test]
async fn a_call_that_was_going_on_is_recorded_as_lost() {
    let mut phone = Phone::new().await;
    let mut gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let (session, _) = phone.invited().await;
    phone.answer(session).await;
    anna.answered().await;
    soon("the record", async {
        let path = gateway.dir.path().join("gateway.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut store = sqlx::sqlite::SqliteConnection::connect_with(&options).await.unwrap();
        let answered = "SELECT COUNT(*) FROM calls WHERE answered_at IS NOT NULL";
        while sqlx::query_scalar::<_, i64>(answered).fetch_one(&mut store).await.unwrap() == 0 {}
    })
    .await;
    gateway.kill_9().await;
    let gateway = gateway.start_again();
    let call = soon("the record", gateway.call_of("4711", |_| true)).await;
    assert_eq!((&call["state"], &call["end"]), (&json!("ended"), &json!("lost")));
}
