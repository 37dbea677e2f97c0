//! A client that sends and never reads is cut off, and nobody else notices.

use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Courier, GatewayBuilder, soon, upgrade};

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_and_the_others_are_served() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "messages_per_second = 100000").start();
    let mut anna = Courier::connect(&gateway, "anna").await;
    let mut deaf = upgrade(&gateway.edge(), Some(&gateway.token("bert"))).await.unwrap();
    // Each is answered with a long response (its own headers come back in Via), and none of the answers is read.
    let padding = "x".repeat(8000);
    soon("the cut", async {
        for number in 0u64.. {
            let options = format!(
                "OPTIONS sip:doorstep.invalid SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK{number};p={padding}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:bert@doorstep.invalid>;tag=1\r\nTo: <sip:doorstep.invalid>\r\n\
                 Call-ID: {number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            if deaf.send(Message::text(options)).await.is_err() {
                break;
            }
        }
    })
    .await;
    assert!(gateway.metrics().await.contains("doorstep_slow_peers_total 1"));
    assert_eq!(anna.register().await.status.code(), 200);
    let mut bert = Courier::connect(&gateway, "bert").await;
    assert_eq!(bert.register().await.status.code(), 200);
}
