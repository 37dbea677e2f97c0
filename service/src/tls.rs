//! TLS from PEM files: the certificate of a listener, exchanged while it runs, and the roots for an outgoing connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Where a listener's certificate lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the leaf first.
    pub cert: PathBuf,
    /// PEM, PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Why no TLS could be made of the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing or no PEM.
    #[error("{path}: {error}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// No certificate among what the file holds.
    #[error("{0}: no certificate in it")]
    NoCertificate(PathBuf),
    /// Key and certificate do not belong together, or are of an unknown kind.
    #[error("certificate and key cannot be used together: {0}")]
    Mismatch(#[source] rustls::Error),
    /// The system has no usable root certificates.
    #[error("the system's root certificates cannot be used: {0}")]
    Roots(#[source] rustls::Error),
}

/// A listener's certificate, which [`reload`](Self::reload) exchanges for connections to come.
pub struct Certificate {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again. On an error the certificate stays as it was.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(read(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The settings of a listener with this certificate: TLS 1.2 and 1.3, and in ALPN only `protocol`.
    ///
    /// # Errors
    /// When the cryptographic provider lacks what TLS needs; not seen with the built-in one.
    pub fn server_config(self: &Arc<Self>, protocol: Option<&str>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Mismatch)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocol.map(|name| name.as_bytes().to_vec()).into_iter().collect();
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What a listener shakes hands with, `None` without files. The certificate joins those that a SIGHUP reads again.
///
/// # Errors
/// As [`Certificate::load`].
pub fn acceptor(
    files: Option<&TlsFiles>,
    protocol: Option<&str>,
    certificates: &mut Vec<Arc<Certificate>>,
) -> Result<Option<TlsAcceptor>, TlsError> {
    let Some(files) = files else { return Ok(None) };
    let certificate = Certificate::load(files.clone())?;
    let acceptor = TlsAcceptor::from(certificate.server_config(protocol)?);
    certificates.push(certificate);
    Ok(Some(acceptor))
}

/// The settings of an outgoing connection, checked against `roots` (PEM) or the system's own.
///
/// # Errors
/// When the roots cannot be read.
pub fn client_config(roots: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Roots)?;
    let config = match roots {
        Some(path) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates(path)? {
                store.add(certificate).map_err(TlsError::Roots)?;
            }
            builder.with_root_certificates(store).with_no_client_auth()
        }
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider()).map_err(TlsError::Roots)?;
            // "dangerous" is the name of the hook that takes a verifier; this one is the system's.
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    Ok(Arc::new(config))
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::Pem { path: files.key.clone(), error })?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Mismatch)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |error| TlsError::Pem { path: path.to_owned(), error };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
