use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{SpkiPin, TlsFailure};

/// How the gateway proves who it is. The default is what a browser asks: a certificate for its name from an issuer
/// that the platform trusts.
#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    /// Issuers trusted besides the platform's (DER).
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Keys of which the server must have one. Pin a second, unused one, or the next change of keys locks every app
    /// out.
    pub pins: Vec<SpkiPin>,
    /// With [`pins`](Self::pins): the key is identity enough, so issuer, name and dates of the certificate are not
    /// looked at and a self-signed one will do. Otherwise the pin is asked on top of a trusted certificate.
    pub pins_suffice: bool,
}

/// TLS as the configuration wants it. Sessions are resumed as long as the value lives. May read the platform's roots
/// from disk.
pub(super) fn client_config(tls: &TlsConfig) -> Result<Arc<ClientConfig>, TlsFailure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = if tls.pins_suffice && !tls.pins.is_empty() {
        Vec::new()
    } else {
        trusted(&tls.extra_roots, &provider)?
    };
    let verifier = Identity { trusted, pins: tls.pins.clone(), provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFailure::Handshake)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The given roots first: they need no platform, and a machine without roots of its own is no obstacle then.
fn trusted(
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Vec<Arc<dyn ServerCertVerifier>>, TlsFailure> {
    let mut trusted: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
    if !extra.is_empty() {
        let mut roots = RootCertStore::empty();
        for root in extra {
            roots.add(root.clone()).map_err(|_| TlsFailure::BadCertificate)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
            .build()
            .map_err(|_| TlsFailure::BadCertificate)?;
        trusted.push(verifier);
    }
    match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
        Ok(verifier) => trusted.push(Arc::new(verifier)),
        Err(_) if !trusted.is_empty() => tracing::debug!("this machine has no trusted roots of its own"),
        Err(_) => return Err(TlsFailure::NoRoots),
    }
    Ok(trusted)
}

/// One of `trusted` (if any) must accept the certificate, and its key must be one of `pins` (if any).
#[derive(Debug)]
struct Identity {
    trusted: Vec<Arc<dyn ServerCertVerifier>>,
    pins: Vec<SpkiPin>,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    fn verify_pin(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        let pin = SpkiPin::of_spki(&parsed.subject_public_key_info());
        if self.pins.contains(&pin) {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }
}

impl ServerCertVerifier for Identity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify_pin(end_entity)?;
        let mut refusal = None;
        for verifier in &self.trusted {
            match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                Ok(verified) => return Ok(verified),
                // A reason other than "unknown issuer" says more.
                Err(error) => match &refusal {
                    Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) | None => {
                        refusal = Some(error);
                    }
                    Some(_) => {}
                },
            }
        }
        match refusal {
            Some(error) => Err(error),
            // Nobody to ask means that the pin, which has been checked, is the identity.
            None if !self.pins.is_empty() => Ok(ServerCertVerified::assertion()),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
