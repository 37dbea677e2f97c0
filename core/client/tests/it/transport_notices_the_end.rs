use std::time::Duration;

use bytes::Bytes;
use doorstep::transport::{CloseCause, SocketCommand, TransportConfig};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::support::server::{Manners, Server};
use crate::transport_carries_messages::run;

#[tokio::test]
async fn closing_sends_what_waits_and_says_goodbye() {
    let mut server = Server::start(Manners::Polite).await;
    let client = run(server.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    client.commands.send(SocketCommand::Send("BYE".into())).await.unwrap();
    client.commands.send(SocketCommand::Close).await.unwrap();
    assert_eq!(peer.socket.next().await.unwrap().unwrap(), Message::text("BYE"));
    assert!(matches!(peer.socket.next().await, Some(Ok(Message::Close(_)))));
    assert!(peer.socket.next().await.is_none());
    assert_eq!(client.end.await.unwrap(), CloseCause::ByUs);
}

#[tokio::test]
async fn a_peer_that_closes_is_answered() {
    let mut server = Server::start(Manners::Polite).await;
    let client = run(server.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    peer.socket.close(None).await.unwrap();
    assert!(matches!(peer.socket.next().await, Some(Ok(Message::Close(_)))));
    drop(peer);
    assert_eq!(client.end.await.unwrap(), CloseCause::ByPeer);
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_has_broken_the_connection() {
    let mut server = Server::start(Manners::Polite).await;
    let client = run(server.connect(None).await.unwrap());
    drop(server.accept().await);
    assert!(matches!(client.end.await.unwrap(), CloseCause::Broken(_)));
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_connection() {
    let mut server = Server::start(Manners::Polite).await;
    let client = run(server.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    let limit = TransportConfig::default().max_message_bytes;
    // The client may close before all is sent.
    let _ = peer.socket.send(Message::text("x".repeat(limit + 1))).await;
    assert_eq!(client.end.await.unwrap(), CloseCause::TooLarge);
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_connection() {
    let mut server = Server::start(Manners::Polite).await;
    let client = run(server.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    // Reserved bits set.
    peer.socket.get_mut().write_all(b"\xf1\x00").await.unwrap();
    peer.socket.get_mut().flush().await.unwrap();
    assert_eq!(client.end.await.unwrap(), CloseCause::Protocol);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_dead() {
    let mut server = Server::start(Manners::Polite).await;
    let config = TransportConfig {
        tls: server.tls(),
        send_timeout: Duration::from_millis(20),
        ..TransportConfig::default()
    };
    let client = run(server.connector(config).unwrap().connect(None).await.unwrap());
    // Held, and never read.
    let _peer = server.accept().await;
    let message = Bytes::from("x".repeat(1 << 20));
    while client.commands.send(SocketCommand::Send(message.clone())).await.is_ok() {}
    assert_eq!(client.end.await.unwrap(), CloseCause::Stalled);
}

#[tokio::test]
async fn a_keep_alive_is_a_ping_and_its_pong_an_empty_message() {
    let mut server = Server::start(Manners::Polite).await;
    let mut client = run(server.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    client.commands.send(SocketCommand::Send("\r\n\r\n".into())).await.unwrap();
    assert!(matches!(peer.socket.next().await, Some(Ok(Message::Ping(_)))));
    // Read on, so that the pong goes out.
    tokio::spawn(async move { peer.socket.next().await });
    assert_eq!(client.messages.recv().await.unwrap(), "");
}
