//! Limits of the edge: messages per second, connections per address, and nobody else is hurt by who exceeds them.

use crate::support::{Courier, GatewayBuilder, soon, upgrade};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn who_floods_is_cut_off_with_a_reason() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "messages_per_second = 5").start();
    let mut anna = Courier::connect(&gateway, "anna").await;
    let mut flooder = upgrade(&gateway.edge(), Some(&gateway.token("bert"))).await.unwrap();
    // 10 pass, 10 are dropped, and then it is enough.
    for _ in 0..100 {
        if flooder.send(Message::text("\r\n\r\n")).await.is_err() {
            break;
        }
    }
    let mut answers = 0;
    let reason = loop {
        match soon("the flooder's end", flooder.next()).await {
            Some(Ok(Message::Close(Some(frame)))) => break frame,
            Some(Ok(_)) => answers += 1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((u16::from(reason.code), reason.reason.as_str()), (1008, "429 too many messages"));
    assert!((10..25).contains(&answers), "{answers}");
    assert_eq!(anna.register().await.status.code(), 200);
}

#[tokio::test]
async fn an_address_gets_no_more_connections_than_allowed_until_one_is_free() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "max_connections_per_ip = 2").start();
    let token = gateway.token("anna");
    let first = upgrade(&gateway.edge(), Some(&token)).await.unwrap();
    let _second = upgrade(&gateway.edge(), Some(&token)).await.unwrap();
    let mut third = TcpStream::connect(gateway.edge_address()).await.unwrap();
    let read = soon("the third to be closed", third.read(&mut [0; 10])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(first);
    soon("a free place", async {
        loop {
            let mut stream = TcpStream::connect(gateway.edge_address()).await.unwrap();
            let read =
                tokio::time::timeout(std::time::Duration::from_millis(100), stream.read(&mut [0; 1])).await;
            // Silence means that the gateway waits for the upgrade: there is a place.
            if read.is_err() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_never_finishes_the_handshake_is_closed() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "handshake_timeout_s = 1").start();
    let mut stream = TcpStream::connect(gateway.edge_address()).await.unwrap();
    let read = soon("the close", stream.read(&mut [0; 10])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn who_does_not_answer_a_ping_is_closed() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "idle_timeout_s = 10").start();
    let mut anna = upgrade(&gateway.edge(), Some(&gateway.token("anna"))).await.unwrap();
    // Reading answers pings: the first ping is seen, and the connection stays.
    let ping = soon("a ping", anna.next()).await.unwrap().unwrap();
    assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    anna.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(soon("an answer", anna.next()).await.unwrap().unwrap(), Message::text("\r\n"));
}
