use thiserror::Error;

/// Why a stand-in could not be started.
#[derive(Debug, Error)]
pub enum FakeError {
    /// No port of the loopback address, or a file that cannot be written.
    #[error("input or output: {0}")]
    Io(#[from] std::io::Error),
    /// No certificate could be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take the certificate.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No key pair could be made.
    #[error("key pair: {0}")]
    Key(String),
}
