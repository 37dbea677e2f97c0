use bytes::Bytes;
use doorstep::Client;

use crate::support::gateway::{Gateway, Order};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_connection_disturbs_no_call() {
    let mut gateway = Gateway::start().await;
    let client = Client::connect(gateway.config()).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    gateway.until_invited().await;
    let garbage: [&[u8]; 7] = [
        b"",
        b"\0\xff\xfe",
        b"INVITE",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/WS x;branch=z9hG4bK1\r\nContent-Length: 99999\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKunknown\r\nCSeq: 1 INVITE\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
    ];
    for bytes in garbage {
        gateway.order(Order::Raw(Bytes::from_static(bytes))).await;
    }
    gateway.order(Order::Raw(vec![b'x'; 60_000].into())).await;
    gateway.order(Order::Answer).await;
    within(call.answered()).await.unwrap();
    client.shutdown().await;
    gateway.until_ended().await;
}
