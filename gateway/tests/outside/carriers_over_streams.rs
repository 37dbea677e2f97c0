//! A carrier over TCP and TLS: the gateway keeps a connection and makes it anew; calls go both ways over it, and a carrier may connect too.

use std::sync::Arc;

use doorstep_sip::ua::TransportKind;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{COMPANY, CUSTOMER, Courier, GatewayBuilder, Identity, Phone, StreamWire, soon};

#[tokio::test]
async fn a_call_goes_out_over_tcp_and_the_connection_is_made_anew() {
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = carrier.local_addr().unwrap();
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder
        .line("trunk", format!("carrier = \"{address}\"\ntransport = \"tcp\"\noptions_interval_s = 0"))
        .start();
    gateway.open_order("4711", "anna").await;
    for _ in 0..2 {
        let (stream, _) = soon("the gateway to connect", carrier.accept()).await.unwrap();
        let mut phone = Phone::over(StreamWire::new(stream), TransportKind::Tcp, address).await;
        soon("readiness", async { while gateway.get("/readyz").await.0 != 200 {} }).await;
        let mut anna = Courier::connect(&gateway, "anna").await;
        let courier_session = anna.contact("4711").await;
        let (session, invite) = phone.invited().await;
        assert!(invite.headers.contact().unwrap().uri.to_string().contains("transport=tcp"));
        phone.answer(session).await;
        anna.answered().await;
        phone.hears_rtp().await;
        anna.hang_up(courier_session).await;
        phone.ended().await;
        drop(phone);
        soon("the loss to be seen", async { while gateway.get("/readyz").await.0 == 200 {} }).await;
    }
}

#[tokio::test]
async fn a_carrier_connects_over_tcp_and_its_call_rings_the_courier() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder
        .line(
            "trunk",
            "udp = \"127.0.0.1:0\"\ntcp = \"127.0.0.1:0\"\ncarrier = \"127.0.0.1:9\"\noptions_interval_s = 0",
        )
        .start();
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.register().await;
    let stream = TcpStream::connect(gateway.tcp()).await.unwrap();
    let address = stream.local_addr().unwrap();
    let mut phone = Phone::over(StreamWire::new(stream), TransportKind::Tcp, address).await;
    let session = phone.call_over(gateway.tcp(), CUSTOMER, COMPANY).await;
    let (courier_session, _) = anna.rings().await;
    anna.answer(courier_session).await;
    phone.answered().await;
    phone.hang_up(session).await;
    anna.ended().await;
}

#[tokio::test]
async fn a_carrier_over_tls_is_called_only_if_its_certificate_is_of_the_roots() {
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = carrier.local_addr().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let trunk =
        format!("carrier = \"localhost:{}\"\ntransport = \"tls\"\noptions_interval_s = 0", address.port());

    let mut builder = GatewayBuilder::new(None);
    let ca = builder.dir.path().join("carrier.pem");
    std::fs::write(&ca, cert.pem()).unwrap();
    let gateway = builder.line("trunk", format!("{trunk}\ntls_ca = \"{}\"", ca.display())).start();
    gateway.open_order("4711", "anna").await;
    let (stream, _) = soon("the gateway to connect", carrier.accept()).await.unwrap();
    let stream = soon("TLS", acceptor.accept(stream)).await.unwrap();
    let mut phone = Phone::over(StreamWire::new(stream), TransportKind::Tls, address).await;
    soon("readiness", async { while gateway.get("/readyz").await.0 != 200 {} }).await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let (session, _) = phone.invited().await;
    phone.reject(session, 486).await;
    assert_eq!(anna.refused().await.status.code(), 486);
    drop((gateway, phone));

    // Another root: the handshake fails, and the carrier counts as down.
    let other = rcgen::KeyPair::generate().unwrap();
    let other =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&other).unwrap();
    let mut builder = GatewayBuilder::new(None);
    let ca = builder.dir.path().join("carrier.pem");
    std::fs::write(&ca, other.pem()).unwrap();
    let gateway = builder.line("trunk", format!("{trunk}\ntls_ca = \"{}\"", ca.display())).start();
    let (stream, _) = soon("the gateway to connect", carrier.accept()).await.unwrap();
    assert!(soon("TLS", acceptor.accept(stream)).await.is_err());
    let (status, ready) = gateway.get("/readyz").await;
    assert_eq!((status, ready["trunk"].as_str()), (503, Some("down")));
}

#[tokio::test]
async fn a_carrier_connects_over_tls_and_calls_go_both_ways_over_its_connection() {
    let mut builder = GatewayBuilder::new(None);
    let identity = Identity::write(builder.dir.path());
    let gateway = builder
        .line(
            "trunk",
            format!("udp = \"127.0.0.1:0\"\ntls = \"127.0.0.1:0\"\ncarrier = \"127.0.0.1:9\"\noptions_interval_s = 0\n{}", identity.lines()),
        )
        .start();
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.register().await;
    let stream = identity.connect(gateway.tls()).await.unwrap();
    let address = stream.get_ref().0.local_addr().unwrap();
    let mut phone = Phone::over(StreamWire::new(stream), TransportKind::Tls, address).await;
    for _ in 0..2 {
        let session = phone.call_over(gateway.tls(), CUSTOMER, COMPANY).await;
        let (courier_session, _) = anna.rings().await;
        anna.answer(courier_session).await;
        let answer = phone.answered().await;
        let contact = answer.headers.contact().unwrap().uri.to_string();
        assert!(
            contact.contains("transport=tls") && contact.contains(&gateway.tls().port().to_string()),
            "{contact}"
        );
        phone.hears_rtp().await;
        phone.hang_up(session).await;
        anna.ended().await;
    }
    // Without TLS nothing is heard there, and the listener goes on.
    let mut plain = TcpStream::connect(gateway.tls()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"OPTIONS sip:x SIP/2.0\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = soon("the close", tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut rest)).await;
    assert!(!rest.starts_with(b"SIP/"), "an answer without TLS");
    identity.connect(gateway.tls()).await.unwrap();
}

#[tokio::test]
async fn a_stranger_over_tcp_is_not_heard() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder
        .line(
            "trunk",
            "udp = \"127.0.0.1:0\"\ntcp = \"127.0.0.1:0\"\ncarrier = \"127.0.0.2:9\"\noptions_interval_s = 0",
        )
        .start();
    let mut stream = TcpStream::connect(gateway.tcp()).await.unwrap();
    let read = soon("the close", tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 10])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(
        gateway
            .metrics()
            .await
            .contains("doorstep_trunk_connections_refused_total{why=\"unknown_source\"} 1")
    );
}
