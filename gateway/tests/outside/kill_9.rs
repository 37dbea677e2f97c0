//! kill -9: orders, numbers and bindings are there after the restart.

use crate::support::{Courier, Gateway};
use serde_json::json;

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
