use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::FakeError;

/// A certificate authority that nobody knows: a client trusts the stand-ins only when it is given [`pem`](Self::pem).
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    listen: IpAddr,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// [`FakeError::Certificate`] when no key or certificate can be made.
    pub fn new() -> Result<Self, FakeError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Doorstep push stand-ins");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, listen: Ipv4Addr::LOCALHOST.into() })
    }

    /// Stand-ins with this authority listen on this address instead of 127.0.0.1, and may be called by it.
    #[must_use]
    pub fn listening_on(self, address: IpAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// Where stand-ins with this authority listen.
    pub(crate) fn listen(&self) -> IpAddr {
        self.listen
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A TLS server for these names (host names or addresses) and application protocols.
    pub(crate) fn server(&self, names: &[&str], alpn: &[&[u8]]) -> Result<Arc<ServerConfig>, FakeError> {
        let key = KeyPair::generate()?;
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.push(self.listen.to_string());
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], private)?;
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}
