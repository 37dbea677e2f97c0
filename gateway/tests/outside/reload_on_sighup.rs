//! SIGHUP: the next connection sees the new certificate, and connections that stand are not touched.

use crate::support::{GatewayBuilder, Identity, soon};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

#[tokio::test]
async fn a_new_certificate_is_served_after_sighup_and_old_connections_stay() {
    let mut builder = GatewayBuilder::new(None);
    let dir = builder.dir.path().to_owned();
    let first = Identity::write(&dir);
    let gateway = builder.line("edge", first.lines()).start_as_is();
    assert!(gateway.edge().starts_with("wss://"));
    let address = gateway.edge_address();

    let mut request = format!("wss://localhost:{}/ws", address.port()).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    let bearer = format!("Bearer {}", gateway.token("anna"));
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let stream = first.connect(address).await.unwrap();
    let (mut standing, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();

    let second = Identity::write(&dir);
    gateway.signal("HUP");
    soon("the new certificate", async { while second.connect(address).await.is_err() {} }).await;
    assert!(first.connect(address).await.is_err(), "the old one is no longer served");

    standing.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(soon("an answer", standing.next()).await.unwrap().unwrap(), Message::text("\r\n"));

    // A file that is no certificate changes nothing.
    std::fs::write(dir.join("cert.pem"), "junk").unwrap();
    gateway.signal("HUP");
    gateway.says("a certificate stays as it was").await;
    second.connect(address).await.unwrap();
}

#[tokio::test]
async fn the_api_and_the_trunk_serve_the_new_certificate_too() {
    let mut builder = GatewayBuilder::new(None);
    let dir = builder.dir.path().to_owned();
    let first = Identity::write(&dir);
    let gateway = builder
        .line("api", first.lines())
        .line(
            "trunk",
            format!(
                "tls = \"127.0.0.1:0\"\ncarrier = \"127.0.0.1:9\"\ntransport = \"tcp\"\n{}",
                first.lines()
            ),
        )
        .start();
    let healthz = format!("{}/healthz", gateway.api());
    assert!(first.http().get(&healthz).send().await.unwrap().status().is_success());
    first.connect(gateway.tls()).await.unwrap();
    let second = Identity::write(&dir);
    assert!(second.http().get(&healthz).send().await.is_err());
    gateway.signal("HUP");
    soon("the API's new certificate", async { while second.http().get(&healthz).send().await.is_err() {} })
        .await;
    soon("the trunk's new certificate", async { while second.connect(gateway.tls()).await.is_err() {} })
        .await;
    assert!(first.http().get(&healthz).send().await.is_err());
    assert!(first.connect(gateway.tls()).await.is_err());
}
