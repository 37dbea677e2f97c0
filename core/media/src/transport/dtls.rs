//! The DTLS 1.2 handshake that gives SRTP its keys (RFC 5763, RFC 5764), authenticated by certificate fingerprints.
//!
//! One certificate serves a process: the first offer takes half a millisecond longer than the next (debug build,
//! `examples/connect_time.rs`), since it makes it. It names nobody.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rtc::{
    crypto::{HashAlgorithm, RTCCryptoProvider},
    dtls::{
        config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
        crypto::Certificate,
        endpoint::{Endpoint, EndpointEvent},
        extension::extension_use_srtp::SrtpProtectionProfile,
        state::State,
    },
    shared::{TransportProtocol, error::Error},
    srtp::{
        config::{Config, LABEL_EXTRACTOR_DTLS_SRTP},
        context::Context,
        option::{srtcp_replay_protection, srtp_replay_protection},
        protection_profile::ProtectionProfile,
    },
};

use super::Fault;

/// The endpoint tells associations apart by address; there is only one here, and ICE moves it about.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 65_535);
/// First repetition of a lost flight; each further one waits twice as long, up to the last. The library gives up after
/// seven.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
const LAST_REPEAT: Duration = Duration::from_secs(4);
/// Datagrams of a handshake; beyond, somebody floods and is not listened to (the library would keep them).
const MAX_HANDSHAKE_DATAGRAMS: u32 = 256;
/// Packets that may overtake one another (RFC 3711 section 3.3.2).
const REPLAY_WINDOW: usize = 128;

/// Keys of both directions.
pub(crate) struct Keys {
    pub(crate) inbound: Box<Context>,
    pub(crate) outbound: Box<Context>,
}

/// What a datagram led to.
pub(crate) enum Outcome {
    Continue,
    Keyed(Keys),
    /// The far side closed the association.
    Closed,
    /// The handshake failed: wrong certificate, no common profile, or a fatal alert.
    Failed,
}

/// One DTLS association.
pub(crate) struct DtlsLink {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    is_client: bool,
    /// A certificate was shown that no fingerprint vouches for.
    impostor: Arc<AtomicBool>,
    started: bool,
    keyed: bool,
    datagrams: u32,
    repeats: u32,
}

/// The library's cryptography; the same for ICE, DTLS and SRTP.
pub(crate) fn crypto() -> Result<Arc<dyn RTCCryptoProvider>, Fault> {
    static PROVIDER: OnceLock<Option<Arc<dyn RTCCryptoProvider>>> = OnceLock::new();
    PROVIDER.get_or_init(|| rtc::crypto::default_provider().ok()).clone().ok_or(Fault)
}

struct Identity {
    certificate: Certificate,
    fingerprint: [u8; 32],
}

fn identity() -> Result<&'static Identity, Fault> {
    static IDENTITY: OnceLock<Option<Identity>> = OnceLock::new();
    IDENTITY
        .get_or_init(|| {
            let crypto = crypto().ok()?;
            let certificate =
                Certificate::generate_self_signed(vec!["voice".to_owned()], crypto.crypto()).ok()?;
            let fingerprint = digest(crypto.as_ref(), certificate.certificate.first()?)?;
            Some(Identity { certificate, fingerprint })
        })
        .as_ref()
        .ok_or(Fault)
}

/// SHA-256 of this process' certificate, for descriptions.
pub(crate) fn fingerprint() -> Result<[u8; 32], Fault> {
    identity().map(|identity| identity.fingerprint)
}

fn digest(crypto: &dyn RTCCryptoProvider, certificate: &[u8]) -> Option<[u8; 32]> {
    crypto.crypto().hash(HashAlgorithm::Sha256, certificate).ok()?.as_slice().try_into().ok()
}

impl DtlsLink {
    /// An association with whoever owns a certificate with one of `fingerprints`.
    pub(crate) fn new(is_client: bool, fingerprints: Vec<[u8; 32]>) -> Result<Self, Fault> {
        let provider = crypto()?;
        let verifier = provider.clone();
        let impostor = Arc::new(AtomicBool::new(false));
        let noted = impostor.clone();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![identity()?.certificate.clone()])
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // No chain is followed: the fingerprint in the description is what authenticates (RFC 5763 section 5).
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |certificates: &[Vec<u8>], _: &[_]| {
                let shown = certificates.first().and_then(|shown| digest(verifier.as_ref(), shown));
                if shown.is_some_and(|digest| fingerprints.contains(&digest)) {
                    return Ok(());
                }
                noted.store(true, Ordering::Relaxed);
                Err(Error::ErrNoMatchingCertificateFingerprint)
            })))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FIRST_REPEAT)
            .build(is_client, None)
            .map_err(|_| Fault)?;
        let config = Arc::new(config);
        let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, (!is_client).then(|| config.clone()));
        Ok(Self {
            endpoint,
            config,
            is_client,
            impostor,
            started: false,
            keyed: false,
            datagrams: 0,
            repeats: 0,
        })
    }

    pub(crate) fn is_client(&self) -> bool {
        self.is_client
    }

    /// Sends the first flight, if that is this side's part. Again does nothing.
    pub(crate) fn start(&mut self, now: Instant) -> Result<(), Fault> {
        if self.is_client && !self.started {
            self.endpoint.connect(now, PEER, self.config.clone(), None).map_err(|_| Fault)?;
        }
        self.started = true;
        Ok(())
    }

    pub(crate) fn input(&mut self, now: Instant, datagram: &[u8]) -> Outcome {
        if !self.keyed {
            self.datagrams += 1;
            if self.datagrams > MAX_HANDSHAKE_DATAGRAMS {
                return Outcome::Continue;
            }
        }
        if self.is_client && !self.started {
            return Outcome::Continue;
        }
        self.repeats = 0;
        let events = match self.endpoint.read(now, PEER, None, BytesMut::from(datagram)) {
            Ok(events) => events,
            Err(_) if !self.keyed && (self.impostor.load(Ordering::Relaxed) || is_fatal_alert(datagram)) => {
                return Outcome::Failed;
            }
            // Junk neither ends a handshake nor what came of it; lost flights are repeated.
            Err(_) => return Outcome::Continue,
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.keyed = true;
                    let keys = self.endpoint.get_connection_state(PEER).and_then(|state| keys(state).ok());
                    return keys.map_or(Outcome::Failed, Outcome::Keyed);
                }
                EndpointEvent::PeerClosed => return Outcome::Closed,
                // The library's own enum; nobody sends application data here.
                _ => {}
            }
        }
        Outcome::Continue
    }

    pub(crate) fn transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|out| out.message)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let armed = self.endpoint.poll_timeout(&PEER).filter(|_| !self.keyed)?;
        let wait = FIRST_REPEAT.saturating_mul(1 << self.repeats.min(8)).min(LAST_REPEAT);
        Some(armed + wait.saturating_sub(FIRST_REPEAT))
    }

    /// Repeats a lost flight.
    ///
    /// # Errors
    /// When it was repeated too often.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> Result<(), Fault> {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.repeats += 1;
            self.endpoint.handle_timeout(PEER, now).map_err(|_| Fault)?;
        }
        Ok(())
    }

    /// Tells the far side that it is over.
    pub(crate) fn close(&mut self, now: Instant) {
        // Nothing follows that could fail.
        let _closed = self.endpoint.close(now);
    }
}

/// An alert record in the clear, of level fatal (RFC 5246 section 7.2).
fn is_fatal_alert(datagram: &[u8]) -> bool {
    datagram.first() == Some(&21) && datagram.get(13) == Some(&2)
}

/// Keys exported by the handshake (RFC 5764 section 4.2).
fn keys(state: &State) -> Result<Keys, Fault> {
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        // The library's own enum: these two are all that is offered.
        _ => return Err(Fault),
    };
    let mut config = Config { profile, ..Config::default() };
    let material = state
        .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())
        .map_err(|_| Fault)?;
    config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).map_err(|_| Fault)?;
    let crypto = crypto()?;
    let outbound = Context::new(
        &config.keys.local_master_key,
        &config.keys.local_master_salt,
        profile,
        None,
        None,
        crypto.crypto(),
    );
    let inbound = Context::new(
        &config.keys.remote_master_key,
        &config.keys.remote_master_salt,
        profile,
        Some(srtp_replay_protection(REPLAY_WINDOW)),
        Some(srtcp_replay_protection(REPLAY_WINDOW)),
        crypto.crypto(),
    );
    match (inbound, outbound) {
        (Ok(inbound), Ok(outbound)) => Ok(Keys { inbound: Box::new(inbound), outbound: Box::new(outbound) }),
        (Err(_), _) | (_, Err(_)) => Err(Fault),
    }
}
