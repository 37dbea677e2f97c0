use doorstep::{Call, CallState, Client};
use doorstep_media::sdp::Direction;

use crate::support::gateway::{Gateway, Order, Seen};
use crate::support::within;

async fn until(call: &Call, held_locally: bool, held_remotely: bool) {
    let wanted = CallState::Active { muted: false, held_locally, held_remotely };
    within(call.state().wait_for(|call| call.state == wanted)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_holds_and_resumes() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    gateway.until(Seen::Confirmed).await;
    within(call.answered()).await.unwrap();

    call.hold().await.unwrap();
    gateway.until(Seen::Offered(Direction::SendOnly)).await;
    until(&call, true, false).await;
    call.resume().await.unwrap();
    gateway.until(Seen::Offered(Direction::SendRecv)).await;
    until(&call, false, false).await;

    gateway.order(Order::Hold(true)).await;
    until(&call, false, true).await;
    gateway.until(Seen::OfferTaken).await;
    gateway.order(Order::Hold(false)).await;
    until(&call, false, false).await;
    client.shutdown().await;
}
