use doorstep::{ApiError, Client, EndReason};

use crate::support::gateway::{Gateway, Order};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_code_names_the_reason_and_its_words_reach_the_courier() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    for (status, code, reason) in [
        (403, "not_your_order", EndReason::NotYourOrder),
        (404, "no_such_order", EndReason::NoSuchOrder),
        (410, "order_closed", EndReason::OrderClosed),
        (480, "customer_unreachable", EndReason::CustomerUnreachable),
        (486, "customer_busy", EndReason::Busy),
        (503, "trunk_down", EndReason::TrunkDown),
    ] {
        let call = client.contact_customer("4711").await.unwrap();
        gateway.until_invited().await;
        gateway.order(Order::Refuse(status, "What the gateway says", vec![("X-Doorstep-Error", code)])).await;
        let ended = within(call.ended()).await;
        assert_eq!((ended.reason, ended.text.as_str()), (reason, "What the gateway says"), "{code}");
        assert_eq!(within(call.answered()).await, Err(ended));
    }
    client.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name_and_changes_nothing() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    let before = call.snapshot();
    assert_eq!(call.answer().await, Err(ApiError::WrongState));
    assert_eq!(call.hold().await, Err(ApiError::WrongState));
    assert_eq!(call.send_dtmf("12x").await, Err(ApiError::InvalidDigit));
    assert_eq!(call.send_dtmf("1".repeat(1000)).await, Err(ApiError::TooManyDigits));
    assert_eq!(call.snapshot().state, before.state);
    call.hang_up().await.unwrap();
    within(call.ended()).await;
    assert_eq!(call.hang_up().await, Err(ApiError::CallOver));
    client.shutdown().await;
    assert_eq!(client.contact_customer("4711").await.err(), Some(ApiError::ShutDown));
}

#[tokio::test]
async fn a_call_beyond_the_limit_or_to_nowhere_is_over_at_once() {
    let gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.endpoint.max_calls = 1;
    let client = Client::connect(config).await.unwrap();
    let nowhere = client.dial("not a uri").await.unwrap();
    assert_eq!(nowhere.end().unwrap().reason, EndReason::NoSuchTarget);
    let _first = client.contact_customer("4711").await.unwrap();
    let second = client.contact_customer("4712").await.unwrap();
    assert_eq!(within(second.ended()).await.reason, EndReason::TooManyCalls);
    client.shutdown().await;
}
