use std::sync::Arc;

use doorstep::transport::{SpkiPin, TlsConfig, TlsFailure, TransportConfig, TransportError};

use crate::support::server::{Identity, Manners, Server};

async fn server_with(identity: Arc<Identity>) -> Server {
    Server::start_on("127.0.0.1:0".parse().unwrap(), identity, Manners::Polite).await
}

async fn verdict(server: &Server, tls: TlsConfig) -> Result<(), TlsFailure> {
    let config = TransportConfig { tls, ..TransportConfig::default() };
    match server.connector(config).unwrap().connect(None).await {
        Ok(_) => Ok(()),
        Err(TransportError::Tls(failure)) => Err(failure),
        Err(other) => panic!("{other:?}"),
    }
}

fn pinned(pin: SpkiPin) -> TlsConfig {
    TlsConfig { pins: vec![pin], pins_suffice: true, ..TlsConfig::default() }
}

#[tokio::test]
async fn an_issuer_that_nobody_knows_is_not_trusted() {
    let server = server_with(Identity::new(&["localhost"])).await;
    let other = Identity::new(&["localhost"]);
    let tls = TlsConfig { extra_roots: vec![other.root.clone()], ..TlsConfig::default() };
    // Both authorities bear the same name, so the signature decides.
    assert!(verdict(&server, tls).await.is_err());
    assert_eq!(verdict(&server, server.tls()).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = server_with(Identity::new(&["other.example"])).await;
    assert_eq!(verdict(&server, server.tls()).await, Err(TlsFailure::WrongName));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let identity = Identity::with(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let server = server_with(identity).await;
    assert_eq!(verdict(&server, server.tls()).await, Err(TlsFailure::WrongTime));
}

#[tokio::test]
async fn a_pinned_key_suffices_whatever_the_certificate_says() {
    let identity =
        Identity::with(&["other.example"], |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let server = server_with(identity).await;
    assert_eq!(verdict(&server, pinned(server.identity.pin)).await, Ok(()));
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_refused() {
    let server = server_with(Identity::new(&["localhost"])).await;
    let stranger = SpkiPin::of_spki(b"another key");
    assert_eq!(verdict(&server, pinned(stranger)).await, Err(TlsFailure::PinMismatch));
    // Also from an issuer that is trusted.
    let both = TlsConfig { pins: vec![stranger], ..server.tls() };
    assert_eq!(verdict(&server, both).await, Err(TlsFailure::PinMismatch));
}

#[tokio::test]
async fn a_pin_that_does_not_suffice_is_asked_on_top_of_the_certificate() {
    let server = server_with(Identity::new(&["localhost"])).await;
    let both = TlsConfig { pins: vec![server.identity.pin], ..server.tls() };
    assert_eq!(verdict(&server, both).await, Ok(()));

    let misnamed = server_with(Identity::new(&["other.example"])).await;
    let both = TlsConfig { pins: vec![misnamed.identity.pin], ..misnamed.tls() };
    assert_eq!(verdict(&misnamed, both).await, Err(TlsFailure::WrongName));
}
