use bytes::Bytes;
use doorstep::transport::{CloseCause, Connection, SocketCommand, TransportConfig};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::HandshakeKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::support::server::{Manners, Server};

pub(crate) struct Running {
    pub(crate) commands: mpsc::Sender<SocketCommand>,
    pub(crate) messages: mpsc::Receiver<Bytes>,
    pub(crate) end: JoinHandle<CloseCause>,
}

pub(crate) fn run(connection: Connection) -> Running {
    let (commands, queue) = mpsc::channel(8);
    let (deliver, messages) = mpsc::channel(8);
    let end = tokio::spawn(async move { connection.run(queue, &deliver, |bytes| bytes).await });
    Running { commands, messages, end }
}

#[tokio::test]
async fn the_token_goes_with_the_upgrade_and_messages_go_both_ways() {
    let mut server = Server::start(Manners::Polite).await;
    let mut client = run(server.connect(Some("t0ken")).await.unwrap());
    let mut peer = server.accept().await;
    assert_eq!(peer.authorization.as_deref(), Some("Bearer t0ken"));
    assert_eq!(peer.path, "/ws");

    client.commands.send(SocketCommand::Send("OPTIONS".into())).await.unwrap();
    assert_eq!(peer.socket.next().await.unwrap().unwrap(), Message::text("OPTIONS"));
    client.commands.send(SocketCommand::Send(Bytes::from_static(b"\xff\r\n"))).await.unwrap();
    assert_eq!(peer.socket.next().await.unwrap().unwrap(), Message::binary(&b"\xff\r\n"[..]));

    peer.socket.send(Message::text("text")).await.unwrap();
    peer.socket.send(Message::Ping("are you there".into())).await.unwrap();
    peer.socket.send(Message::binary("binary")).await.unwrap();
    assert_eq!(client.messages.recv().await.unwrap(), "text");
    assert_eq!(client.messages.recv().await.unwrap(), "binary");
    assert_eq!(peer.socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
}

#[tokio::test]
async fn without_a_token_there_is_no_authorization() {
    let mut server = Server::start(Manners::Polite).await;
    let _client = server.connect(None).await.unwrap();
    assert_eq!(server.accept().await.authorization, None);
}

#[tokio::test]
async fn the_second_connection_resumes_the_first_ones_tls_session() {
    let mut server = Server::start(Manners::Polite).await;
    let config = TransportConfig { tls: server.tls(), ..TransportConfig::default() };
    let connector = server.connector(config).unwrap();

    let first = run(connector.connect(None).await.unwrap());
    let mut peer = server.accept().await;
    assert_eq!(peer.handshake, HandshakeKind::Full);
    // A message read is proof that the ticket before it was read too.
    let mut messages = first.messages;
    peer.socket.send(Message::text("hello")).await.unwrap();
    messages.recv().await.unwrap();
    first.commands.send(SocketCommand::Close).await.unwrap();
    assert!(matches!(peer.socket.next().await, Some(Ok(Message::Close(_)))));

    let _second = connector.connect(None).await.unwrap();
    assert_eq!(server.accept().await.handshake, HandshakeKind::Resumed);
}
