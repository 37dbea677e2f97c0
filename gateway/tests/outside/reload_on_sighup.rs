//! SIGHUP: the next connection sees the new certificate, and connections that stand are not touched.

use std::sync::Arc;

use crate::support::{GatewayBuilder, soon};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

fn write_identity(dir: &std::path::Path) -> CertificateDer<'static> {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()
}

async fn connect(
    address: std::net::SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn a_new_certificate_is_served_after_sighup_and_old_connections_stay() {
    let mut builder = GatewayBuilder::new(None);
    let dir = builder.dir.path().to_owned();
    let first = write_identity(&dir);
    let gateway = builder
        .line("edge", format!("tls_cert = \"{0}/cert.pem\"\ntls_key = \"{0}/key.pem\"", dir.display()))
        .start_as_is();
    assert!(gateway.edge().starts_with("wss://"));
    let address = gateway.edge_address();

    let mut request = format!("wss://localhost:{}/ws", address.port()).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    let bearer = format!("Bearer {}", gateway.token("anna"));
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let stream = connect(address, &first).await.unwrap();
    let (mut standing, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();

    let second = write_identity(&dir);
    gateway.signal("HUP");
    soon("the new certificate", async { while connect(address, &second).await.is_err() {} }).await;
    assert!(connect(address, &first).await.is_err(), "the old one is no longer served");

    standing.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(soon("an answer", standing.next()).await.unwrap().unwrap(), Message::text("\r\n"));

    // A file that is no certificate changes nothing.
    std::fs::write(dir.join("cert.pem"), "junk").unwrap();
    gateway.signal("HUP");
    soon("the log", async {
        while !gateway.log().contains("a certificate stays as it was") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    connect(address, &second).await.unwrap();
}
