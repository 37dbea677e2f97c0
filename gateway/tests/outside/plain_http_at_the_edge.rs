//! Whoever comes to the edge without a WebSocket gets an HTTP answer that says what is there and what is wrong.

use std::net::SocketAddr;

use crate::support::{Courier, Gateway, GatewayBuilder, Identity, soon, upgrade};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The answer's head in lower case, and its body.
async fn ask(edge: SocketAddr, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(edge).await.unwrap();
    stream.write_all(request).await.unwrap();
    read(stream).await
}

async fn read(mut stream: impl tokio::io::AsyncRead + Unpin) -> (String, String) {
    let mut answer = Vec::new();
    soon("an answer and the end", stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let length = format!("content-length: {}", body.len());
    let head = head.to_ascii_lowercase();
    assert!(head.contains(&length) && head.contains("connection: "), "{head}");
    (head, body.to_owned())
}

#[tokio::test]
async fn every_request_gets_its_answer_and_an_app_beside_it_is_served() {
    let gateway = Gateway::start(None);
    let edge = gateway.edge_address();
    let long = format!("GET /ws HTTP/1.1\r\nX: {}\r\n", "x".repeat(20_000));
    let many = format!("GET /ws HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200));
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http/1.1 200 ok", None),
        ("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", "http/1.1 404 not found", Some("no_such_path")),
        ("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", "http/1.1 426 upgrade required", Some("no_upgrade")),
        (
            "GET /ws HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "http/1.1 426 upgrade required",
            Some("no_upgrade"),
        ),
        (
            "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
            "http/1.1 426 upgrade required",
            Some("websocket_version"),
        ),
        (
            "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "http/1.1 400 bad request",
            Some("handshake"),
        ),
        (
            "POST /ws HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
            "http/1.1 405 method not allowed",
            Some("method_not_allowed"),
        ),
        ("HEAD / HTTP/1.1\r\n\r\n", "http/1.1 405 method not allowed", Some("method_not_allowed")),
        ("GET / HTTP/1.0\r\n\r\n", "http/1.1 505 http version not supported", Some("http_version")),
        ("\0\x01\x02 garbage\r\n\r\n", "http/1.1 400 bad request", Some("malformed")),
        ("REGISTER sip:x SIP/2.0\r\n\r\n", "http/1.1 400 bad request", Some("malformed")),
        ("GET / HTTP/1.1\r\n\r\nand more", "http/1.1 400 bad request", Some("malformed")),
        (&long, "http/1.1 431 request header fields too large", Some("headers_too_large")),
        (&many, "http/1.1 431 request header fields too large", Some("headers_too_large")),
    ] {
        let shown = &request[..request.len().min(60)];
        let (head, body) = ask(edge, request.as_bytes()).await;
        assert_eq!(head.lines().next(), Some(status), "{shown:?}");
        let told = head.lines().find_map(|line| line.strip_prefix("x-doorstep-error: "));
        assert_eq!(told, code, "{shown:?}");
        assert!(!body.trim().is_empty(), "{shown:?}: a person is told nothing");
        match status.split(' ').nth(1) {
            Some("200") => assert!(body.contains("Doorstep gateway") && body.contains("/ws"), "{body}"),
            Some("426") => {
                assert!(
                    head.contains("upgrade: websocket") && head.contains("connection: upgrade"),
                    "{head}"
                );
            }
            Some("405") => assert!(head.contains("allow: get"), "{head}"),
            _ => {}
        }
    }
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("doorstep_edge_refused_total{why=\"no_upgrade\"} 2"), "{metrics}");
}

#[tokio::test]
async fn http_without_tls_is_told_that_tls_is_needed() {
    let mut builder = GatewayBuilder::new(None);
    let identity = Identity::write(builder.dir.path());
    let gateway = builder.line("edge", identity.lines()).start_as_is();
    let edge = gateway.edge_address();
    let (head, body) = ask(edge, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 400 ") && head.contains("x-doorstep-error: tls_needed"), "{head}");
    assert!(body.contains("wss://"), "{body}");
    // Within TLS the answers are the same as without.
    let mut stream = identity.connect(edge).await.unwrap();
    stream.write_all(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let (head, _) = read(stream).await;
    assert!(head.starts_with("http/1.1 426 "), "{head}");
}

#[tokio::test]
async fn a_request_may_come_in_pieces() {
    let gateway = Gateway::start(None);
    let mut stream = TcpStream::connect(gateway.edge_address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in ["GE", "T /nowhere HT", "TP/1.1\r\nHost: x\r", "\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let (head, _) = read(stream).await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    assert!(upgrade(&gateway.edge(), Some(&gateway.token("anna"))).await.is_ok());
}
