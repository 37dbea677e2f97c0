//! Whatever is thrown at a listener, only the thrower notices: a courier's connection beside it goes on.

use crate::support::{Courier, GatewayBuilder, Phone, soon, upgrade};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn garbage_on_every_listener_leaves_a_courier_registered_and_served() {
    let phone = Phone::new().await;
    let mut builder = GatewayBuilder::new(Some(phone.address));
    let gateway = builder.line("trunk", "tcp = \"127.0.0.1:0\"").start();
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);

    // WebSocket: junk as text and binary, half a SIP message, a broken frame.
    let mut bert = upgrade(&gateway.edge(), Some(&gateway.token("bert"))).await.unwrap();
    for junk in [
        "",
        "\0\0\0",
        "INVITE",
        "REGISTER sip:x SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        bert.send(Message::text(junk)).await.unwrap();
        bert.send(Message::Binary(junk.as_bytes().to_vec().into())).await.unwrap();
    }
    bert.send(Message::Binary(vec![0xff; 4096].into())).await.unwrap();
    for bytes in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET /ws HTTP/1.1\r\n\r\n", &[0u8; 2000], b"\r\n\r\n"] {
        let mut stream = TcpStream::connect(gateway.edge_address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Reset or closed: both are an end.
        let _ = soon("the edge to close", stream.read_to_end(&mut rest)).await;
    }

    // UDP, from the carrier's own address.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for junk in [&b""[..], b"\r\n\r\n", b"INVITE", &[0xff; 1400], b"SIP/2.0 999 X\r\nVia: \r\n\r\n"] {
        socket.send_to(junk, gateway.udp()).await.unwrap();
    }
    // TCP: no Content-Length, and endless headers.
    for junk in [b"OPTIONS sip:x SIP/2.0\r\n\r\n".to_vec(), [b"X: ".to_vec(), vec![b'a'; 40_000]].concat()] {
        let mut stream = TcpStream::connect(gateway.tcp()).await.unwrap();
        // The gateway may close before all is written.
        let _ = stream.write_all(&junk).await;
        let mut rest = Vec::new();
        let _ = soon("the trunk to close", stream.read_to_end(&mut rest)).await;
    }

    assert_eq!(anna.register().await.status.code(), 200, "the courier beside it is served");
    let mut carl = Courier::connect(&gateway, "carl").await;
    assert_eq!(carl.register().await.status.code(), 200, "and so is a new one");
    assert_eq!(gateway.get("/v1/orders").await.0, 200);
    drop(bert);
}

#[tokio::test]
async fn a_keep_alive_is_answered_and_a_long_message_closes_only_its_own_connection() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("edge", "max_message_bytes = 2000").start();
    let mut anna = upgrade(&gateway.edge(), Some(&gateway.token("anna"))).await.unwrap();
    anna.send(Message::text("\r\n\r\n")).await.unwrap();
    let answer = soon("the keep-alive's answer", anna.next()).await.unwrap().unwrap();
    assert_eq!(answer, Message::text("\r\n"));

    let mut bert = upgrade(&gateway.edge(), Some(&gateway.token("bert"))).await.unwrap();
    bert.send(Message::text("x".repeat(2001))).await.unwrap();
    let close = soon("the close", bert.next()).await.unwrap().unwrap();
    let Message::Close(Some(frame)) = close else { panic!("{close:?}") };
    assert_eq!(u16::from(frame.code), 1009);

    anna.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(soon("the keep-alive's answer", anna.next()).await.unwrap().unwrap(), Message::text("\r\n"));
}

#[tokio::test]
async fn datagrams_from_elsewhere_are_dropped_and_counted() {
    // The carrier is at 127.0.0.2; 127.0.0.1 is nobody.
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder
        .line("trunk", "udp = \"127.0.0.1:0\"\ncarrier = \"127.0.0.2:5999\"\noptions_interval_s = 0")
        .start();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let friend = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let options = |host: &str| {
        format!(
            "OPTIONS sip:gateway SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n\
             From: <sip:a@{host}>;tag=1\r\nTo: <sip:b@{host}>\r\nCall-ID: {host}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    };
    stranger.send_to(options("stranger").as_bytes(), gateway.udp()).await.unwrap();
    friend.send_to(options("friend").as_bytes(), gateway.udp()).await.unwrap();
    let mut buffer = [0; 2000];
    let (length, _) = soon("an answer to the carrier", friend.recv_from(&mut buffer)).await.unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    // What the stranger sent came first, so an answer would be here by now.
    assert!(stranger.try_recv(&mut buffer).is_err());
    let metrics = gateway.send(reqwest::Method::GET, "/metrics", None).await.text().await.unwrap();
    assert!(
        metrics.contains("doorstep_trunk_datagrams_dropped_total{why=\"unknown_source\"} 1"),
        "{metrics}"
    );
}
