//! The stand-ins keep Apple's and Google's rules: what they would refuse is refused, in their words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "rules/apns.rs"]
mod apns;
#[path = "rules/fcm.rs"]
mod fcm;
#[path = "rules/misbehaviour.rs"]
mod misbehaviour;

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// A client that trusts only this authority.
fn client(authority_pem: &str) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap()).unwrap();
    let mut tls =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}
