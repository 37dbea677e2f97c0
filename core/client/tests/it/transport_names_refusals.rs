use std::io::ErrorKind;
use std::time::Duration;

use doorstep::transport::{TransportConfig, TransportError};

use crate::support::server::{Manners, Server};

async fn refused(manners: Manners) -> TransportError {
    Server::start(manners).await.connect(Some("token")).await.err().expect("a refusal")
}

#[tokio::test]
async fn each_status_has_its_error() {
    let reason = || Some("token expired".to_owned());
    for (status, header, body, expected) in [
        (401, None, "token expired", TransportError::Unauthorized { reason: reason() }),
        (403, None, r#"{"detail":"token expired"}"#, TransportError::Forbidden { reason: reason() }),
        (404, None, "", TransportError::NotFound),
        (429, None, "", TransportError::Busy { retry_after: None }),
        (
            503,
            Some(("Retry-After", "7")),
            "",
            TransportError::Busy { retry_after: Some(Duration::from_secs(7)) },
        ),
        (302, None, "", TransportError::Refused { status: 302 }),
        (500, None, "", TransportError::Refused { status: 500 }),
    ] {
        assert_eq!(refused(Manners::Refuse(status, header, body)).await, expected);
    }
}

#[tokio::test]
async fn what_is_no_sip_websocket_server_is_told_apart() {
    assert_eq!(refused(Manners::NoSubprotocol).await, TransportError::NotSip);
    assert_eq!(refused(Manners::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")).await, TransportError::NotWebSocket);
    assert_eq!(
        refused(Manners::Raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")).await,
        TransportError::NotWebSocket
    );
    assert_eq!(refused(Manners::Raw(b"HTTP/1.1 10")).await, TransportError::NotWebSocket);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let server = Server::start(Manners::Polite).await;
    let connector =
        server.connector(TransportConfig { tls: server.tls(), ..TransportConfig::default() }).unwrap();
    let address = server.address;
    drop(server);
    // The listener closes when its task has ended.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let error = connector.connect(None).await.err();
    assert_eq!(error, Some(TransportError::Unreachable(ErrorKind::ConnectionRefused)));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_dns_error() {
    let server = Server::start(Manners::Polite).await;
    let config = TransportConfig { tls: server.tls(), ..TransportConfig::default() };
    let connector =
        doorstep::transport::Connector::new("wss://gateway.invalid/ws".parse().unwrap(), config).unwrap();
    assert_eq!(connector.connect(None).await.err(), Some(TransportError::Dns));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start(Manners::Mute).await;
    let config = TransportConfig {
        tls: server.tls(),
        connect_timeout: Duration::from_millis(50),
        ..TransportConfig::default()
    };
    assert_eq!(server.connector(config).unwrap().connect(None).await.err(), Some(TransportError::TimedOut));
}

#[tokio::test]
async fn a_token_with_line_breaks_is_not_sent() {
    let server = Server::start(Manners::Polite).await;
    let error = server.connect(Some("good\r\nX-Evil: yes")).await.err();
    assert_eq!(error, Some(TransportError::MalformedToken));
}
