//! A WebSocket server with TLS on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use doorstep::transport::{Connection, Connector, SpkiPin, TlsConfig, TransportConfig, TransportError};
use doorstep_sip::Sensitive;
use rcgen::{CertificateParams, Issuer, KeyPair, PublicKeyData as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// What the server does with a connection.
#[derive(Clone)]
pub(crate) enum Manners {
    /// Takes the upgrade and the subprotocol `sip`.
    Polite,
    /// Takes the upgrade without a subprotocol.
    NoSubprotocol,
    /// Answers the upgrade with this status, header and body.
    Refuse(u16, Option<(&'static str, &'static str)>, &'static str),
    /// Takes tokens for which this says yes; others get 401.
    Tokens(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// Writes this and closes.
    Raw(&'static [u8]),
    /// Takes the TCP connection and says nothing, ever.
    Mute,
}

pub(crate) struct Identity {
    pub(crate) pin: SpkiPin,
    /// Of the authority that issued it.
    pub(crate) root: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A certificate for `names` from an authority of its own.
    pub(crate) fn new(names: &[&str]) -> Arc<Self> {
        Self::with(names, |_| {})
    }

    pub(crate) fn with(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Arc<Self> {
        let root_key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let root_der = root.self_signed(&root_key).unwrap().der().clone();
        let issuer = Issuer::new(root, root_key);

        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        let pin = SpkiPin::of_spki(&key.subject_public_key_info());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        Arc::new(Self { pin, root: root_der, config: Arc::new(config) })
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Arc<Identity>,
    peers: mpsc::Receiver<Peer>,
    listening: AbortHandle,
}

/// The server's end of one connection.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TlsStream<TcpStream>>,
    pub(crate) authorization: Option<String>,
    pub(crate) path: String,
    pub(crate) handshake: HandshakeKind,
}

impl Server {
    pub(crate) async fn start(manners: Manners) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), Identity::new(&["localhost"]), manners).await
    }

    pub(crate) async fn start_on(address: SocketAddr, identity: Arc<Identity>, manners: Manners) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        let (accepted, peers) = mpsc::channel(16);
        let listening = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, acceptor.clone(), manners.clone(), accepted.clone()));
            }
        })
        .abort_handle();
        Self { address, identity, peers, listening }
    }

    /// The next connection whose upgrade was taken.
    pub(crate) async fn accept(&mut self) -> Peer {
        self.peers.recv().await.unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("wss://localhost:{}/ws", self.address.port())
    }

    /// Trusts the server's authority.
    pub(crate) fn tls(&self) -> TlsConfig {
        TlsConfig { extra_roots: vec![self.identity.root.clone()], ..TlsConfig::default() }
    }

    pub(crate) fn connector(&self, config: TransportConfig) -> Result<Connector, TransportError> {
        Connector::new(self.url().parse().unwrap(), config)
    }

    /// Connects as a client that trusts the server's authority.
    pub(crate) async fn connect(&self, token: Option<&str>) -> Result<Connection, TransportError> {
        let config = TransportConfig { tls: self.tls(), ..TransportConfig::default() };
        self.connector(config)?.connect(token.map(|token| Sensitive::new(token.to_owned())).as_ref()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, manners: Manners, accepted: mpsc::Sender<Peer>) {
    if let Manners::Mute = manners {
        let mut tcp = tcp;
        let mut ignored = Vec::new();
        let _ = tcp.read_to_end(&mut ignored).await;
        return;
    }
    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
    let handshake = tls.get_ref().1.handshake_kind().unwrap();
    if let Manners::Raw(bytes) = manners {
        let _ = tls.read(&mut [0; 2048]).await;
        let _ = tls.write_all(bytes).await;
        let _ = tls.shutdown().await;
        return;
    }
    let mut authorization = None;
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "tungstenite's callback")]
    let answer = |request: &Request, mut response: Response| {
        authorization =
            request.headers().get("Authorization").map(|value| value.to_str().unwrap().to_owned());
        path = request.uri().to_string();
        assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "sip");
        match &manners {
            Manners::Polite => {}
            Manners::NoSubprotocol => return Ok(response),
            Manners::Refuse(status, header, body) => return Err(refuse(*status, *header, body)),
            Manners::Tokens(good) => {
                let token = authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
                if !token.is_some_and(|token| good(token)) {
                    return Err(refuse(401, None, "token expired"));
                }
            }
            Manners::Raw(_) | Manners::Mute => unreachable!(),
        }
        response.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(tls, answer).await else { return };
    let _ = accepted.send(Peer { socket, authorization, path, handshake }).await;
}

fn refuse(status: u16, header: Option<(&'static str, &'static str)>, body: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(body.to_owned()));
    *response.status_mut() = status.try_into().unwrap();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
