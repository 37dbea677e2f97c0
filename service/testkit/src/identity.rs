use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate for localhost in PEM files, which is its own root, and clients that trust it alone.
#[derive(Debug, Clone)]
pub struct Identity {
    dir: PathBuf,
    /// The certificate.
    pub pem: String,
}

impl Identity {
    /// Writes `cert.pem` and `key.pem`, over those that are there.
    pub fn write(dir: &Path) -> Self {
        Self::named(dir, &["localhost", "127.0.0.1"])
    }

    /// The same, valid for these names alone.
    pub fn named(dir: &Path, names: &[&str]) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let cert = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        Self { dir: dir.to_owned(), pem: cert.pem() }
    }

    /// `tls_cert` and `tls_key` for a section of the configuration.
    pub fn lines(&self) -> String {
        format!("tls_cert = \"{0}/cert.pem\"\ntls_key = \"{0}/key.pem\"", self.dir.display())
    }

    /// A TLS connection.
    ///
    /// # Errors
    /// When the listener shows another certificate.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(client_config(Some(&self.pem))));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// The PEM file of the certificate, which is its own root.
    pub fn root(&self) -> PathBuf {
        self.dir.join("cert.pem")
    }

    /// For a listener of the test's own.
    pub fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_file(self.dir.join("key.pem")).unwrap();
        let cert = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// An HTTP client.
    pub fn http(&self) -> reqwest::Client {
        http_client(Some(&self.pem))
    }
}

/// An HTTP client that trusts this certificate, or none.
pub fn http_client(pem: Option<&str>) -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(client_config(pem)).no_proxy().build().unwrap()
}

fn client_config(pem: Option<&str>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(pem) = pem {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
