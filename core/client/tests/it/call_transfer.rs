use doorstep::{ApiError, Client, EndReason, Event, TransferProgress};

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::{event, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transferred_call_ends_here_when_it_has_worked() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let mut events = client.events();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    gateway.until(Seen::Confirmed).await;
    assert_eq!(call.transfer_to_uri("not a uri").await, Err(ApiError::InvalidTarget));
    call.transfer_to_order("4712").await.unwrap();
    gateway.until(Seen::Refered { to: "<sip:order.4712@localhost>".to_owned() }).await;
    let done =
        |event| matches!(event, Event::Transfer { progress: TransferProgress::Done, .. }).then_some(());
    event(&mut events, done).await;
    assert_eq!(within(call.ended()).await.reason, EndReason::Transferred);
    client.shutdown().await;
}
