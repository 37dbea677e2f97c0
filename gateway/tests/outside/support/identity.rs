//! A certificate for localhost in PEM files, and a client that trusts it alone.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// See the [module](self).
pub(crate) struct Identity {
    dir: PathBuf,
    /// The certificate.
    pub(crate) pem: String,
}

impl Identity {
    /// Writes `cert.pem` and `key.pem`, over those that are there.
    pub(crate) fn write(dir: &Path) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let cert = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        Self { dir: dir.to_owned(), pem: cert.pem() }
    }

    /// `tls_cert` and `tls_key` for a section of the configuration.
    pub(crate) fn lines(&self) -> String {
        format!("tls_cert = \"{0}/cert.pem\"\ntls_key = \"{0}/key.pem\"", self.dir.display())
    }

    /// A TLS connection; an error when the listener shows another certificate.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}
