//! The gateway put together: store, media, core, trunk, edge and API, started in this order and stopped in the other.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorstep_service::tls::{Certificate, TlsError, acceptor, client_config};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngExt as _;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::api::{self, Api};
use crate::auth::{KeyError, Verifier};
use crate::clock::Clock;
use crate::config::{CarrierTransport, Config};
use crate::core::{CarrierConfig, CarrierId, ClipId, CoreConfig, CourierId, Credentials, Limits};
use crate::driver::lookups::Policy;
use crate::driver::{Driver, Parts};
use crate::edge::{self, Edge, SharedVerifier};
use crate::media;
use crate::store::{Store, StoreError};
use crate::trunk::{self, Trunk, TrunkTls};
use crate::wake::{self, PushService};

/// The recording of `fallback.message` is the only one.
const MESSAGE: ClipId = ClipId(0);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error("the store at {path} cannot be used: {error}")]
    Store {
        /// `store.path`.
        path: String,
        /// Why.
        error: StoreError,
    },
    /// Certificates, keys or roots.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The way to push-service.
    #[error(transparent)]
    Push(#[from] wake::StartError),
    /// Keys for tokens.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// An address that is not to be had.
    #[error("{what} cannot listen: {error}")]
    Listen {
        /// Which part.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
    /// No address for media.
    #[error("no address for media: {0}; set media.edge_ips and media.trunk_ip")]
    Media(String),
}

/// A running gateway.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addresses: Addresses,
    certificates: Vec<Arc<Certificate>>,
    verifier: Arc<SharedVerifier>,
    config: Config,
    store: Store,
    edge: Edge,
    trunk: Trunk,
    api: Api,
    driver: JoinHandle<()>,
    stop_driver: oneshot::Sender<()>,
    /// No new connections, no new requests.
    closing: watch::Sender<bool>,
    /// No more SIP with the carrier.
    closed: watch::Sender<bool>,
    upkeep: JoinHandle<()>,
}

/// Where the gateway listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Couriers' apps.
    pub edge: SocketAddr,
    /// Whether by TLS.
    pub edge_tls: bool,
    /// The carrier.
    pub trunk: trunk::Addresses,
    /// The company.
    pub api: SocketAddr,
    /// Whether by TLS.
    pub api_tls: bool,
}

impl Server {
    /// Starts everything; on an error nothing is left running but tasks that end by themselves.
    ///
    /// # Errors
    /// The first part that does not start.
    pub async fn start(config: Config, metrics: PrometheusHandle) -> Result<Self, StartError> {
        let clock = Clock::start();
        let store = open_store(&config, clock).await?;
        let mut certificates = Vec::new();
        let edge_acceptor = acceptor(config.edge.tls.as_ref(), Some("http/1.1"), &mut certificates)?;
        let api_acceptor = acceptor(config.api.tls.as_ref(), None, &mut certificates)?;
        let trunk_files = config.trunk.tls.as_ref().map(|(_, files)| files);
        let trunk_tls = TrunkTls {
            acceptor: acceptor(trunk_files, None, &mut certificates)?,
            connector: connector(&config)?,
        };
        let verifier = SharedVerifier::new(Verifier::new(&config.auth)?);
        let clips = config.message.iter().map(|message| message.clip.clone()).collect();
        let (media, media_events) = media::start(&config.media, media_addresses(&config).await?, clips)
            .map_err(|error| StartError::Media(error.to_string()))?;
        let push =
            config.push.as_ref().map(|push| PushService::start(push, store.clone(), clock)).transpose()?;
        let push_state = push.as_ref().map(|(push, _)| push.state());
        let (driver, handle) = Driver::new(Parts {
            core: core_config(&config),
            seed: rand::rng().random(),
            clock,
            store: store.clone(),
            policy: Policy {
                contact_centre: config.contact_centre.clone(),
                message: config.message.as_ref().map(|_| MESSAGE),
            },
            media,
            media_events,
            push,
        });
        let (stop_driver, stopped) = oneshot::channel();
        // The core gives up after `shutdown` by itself; this is the net under it.
        let patience = config.limits.shutdown + Duration::from_secs(2);
        let driver = tokio::spawn(driver.run(stopped, patience));
        let (closing, on_closing) = watch::channel(false);
        let (closed, on_closed) = watch::channel(false);
        let trunk = Trunk::start(&config.trunk, trunk_tls, handle.clone(), on_closed)
            .await
            .map_err(|error| StartError::Listen { what: "the trunk", error })?;
        let parts = edge::Parts {
            verifier: Arc::clone(&verifier),
            tokens_only: config.auth.digest.is_empty(),
            driver: handle.clone(),
            store: store.clone(),
            clock,
        };
        let edge = Edge::start(&config.edge, edge_acceptor, parts, on_closing.clone())
            .await
            .map_err(|error| StartError::Listen { what: "edge.listen", error })?;
        let upkeep = tokio::spawn(keep_up(metrics.clone()));
        let parts = api::Parts {
            store: store.clone(),
            driver: handle,
            clock,
            numbers: config.numbers.clone(),
            fallbacks: api::Fallbacks {
                contact_centre: config.contact_centre.is_some(),
                message: config.message.is_some(),
            },
            push: push_state,
            metrics,
            stop: on_closing,
        };
        let api = api::start(&config.api, api_acceptor, parts)
            .await
            .map_err(|error| StartError::Listen { what: "api.listen", error })?;
        let addresses = Addresses {
            edge: edge.address,
            edge_tls: config.edge.tls.is_some(),
            trunk: trunk.addresses,
            api: api.address,
            api_tls: config.api.tls.is_some(),
        };
        Ok(Self {
            addresses,
            certificates,
            verifier,
            config,
            store,
            edge,
            trunk,
            api,
            driver,
            stop_driver,
            closing,
            closed,
            upkeep,
        })
    }

    /// Reads certificates and token keys again, for connections to come. What cannot be read stays as it was, and is said.
    pub fn reload(&self) {
        for certificate in &self.certificates {
            match certificate.reload() {
                Ok(()) => tracing::info!("a certificate was read again"),
                Err(error) => tracing::error!(%error, "a certificate stays as it was"),
            }
        }
        match Verifier::new(&self.config.auth) {
            Ok(verifier) => {
                self.verifier.replace(verifier);
                tracing::info!("the keys for tokens were read again");
            }
            Err(error) => tracing::error!(%error, "the keys for tokens stay as they were"),
        }
    }

    /// Takes no new connections and calls, ends the calls that go on (BYE on both sides), closes everything.
    pub async fn stop(self) {
        self.closing.send_replace(true);
        // The driver has ended by itself when this fails.
        let _ = self.stop_driver.send(());
        if self.driver.await.is_err() {
            tracing::error!("the driver failed");
        }
        self.closed.send_replace(true);
        let all = async {
            tokio::join!(self.api.ended(), self.edge.ended(), self.trunk.ended());
        };
        if tokio::time::timeout(Duration::from_secs(5), all).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
        self.upkeep.abort();
        self.store.close().await;
    }

    /// Ends only when the driver has failed: nothing works without it.
    pub async fn failed(&mut self) {
        // Whether it panicked or was aborted makes no difference.
        let _ = (&mut self.driver).await;
    }
}

async fn open_store(config: &Config, clock: Clock) -> Result<Store, StartError> {
    let bad = |error| StartError::Store { path: config.store.path.display().to_string(), error };
    let store = Store::open(&config.store.path, config.store.busy_timeout, clock).await.map_err(bad)?;
    match store.end_orphaned_calls().await {
        Ok(0) => {}
        Ok(calls) => tracing::warn!(calls, "calls of an earlier run were left open: their records say lost"),
        Err(error) => tracing::warn!(%error, "records of an earlier run could not be closed"),
    }
    Ok(store)
}

fn connector(config: &Config) -> Result<Option<TlsConnector>, TlsError> {
    let over_tls = config.trunk.carriers.iter().any(|carrier| carrier.transport == CarrierTransport::Tls);
    over_tls.then(|| client_config(config.trunk.tls_ca.as_deref()).map(TlsConnector::from)).transpose()
}

/// What the configuration says, else what the listeners and the way to the carrier say.
async fn media_addresses(config: &Config) -> Result<media::Addresses, StartError> {
    let bad = |error: io::Error| StartError::Media(error.to_string());
    // No packet is sent there: it stands for "anywhere".
    let anywhere = SocketAddr::from(([192, 0, 2, 1], 9));
    let own = || trunk::local_ip_towards(anywhere);
    let edge: Vec<IpAddr> = match config.edge.listen.ip() {
        _ if !config.media.edge_ips.is_empty() => config.media.edge_ips.clone(),
        ip if ip.is_unspecified() => vec![own().map_err(bad)?],
        ip => vec![ip],
    };
    let trunk = match (config.media.trunk_ip, config.trunk.udp) {
        (Some(ip), _) => ip,
        (None, Some(udp)) if !udp.ip().is_unspecified() => udp.ip(),
        (None, _) => match trunk::first_address(&config.trunk).await {
            Some(carrier) => trunk::local_ip_towards(carrier).map_err(bad)?,
            None => own().unwrap_or(IpAddr::from([127, 0, 0, 1])),
        },
    };
    Ok(media::Addresses { edge, trunk, trunk_advertised: config.media.trunk_advertised_ip })
}

fn core_config(config: &Config) -> CoreConfig {
    let mut core = CoreConfig::new(config.edge.domain.clone(), config.trunk.numbers);
    core.product = format!("Doorstep/{}", env!("CARGO_PKG_VERSION"));
    core.contact_centre = config.contact_centre.as_ref().map(|centre| centre.number.clone());
    core.limits = Limits {
        ring: config.limits.ring,
        talk: config.limits.talk,
        calls_per_courier: config.limits.calls_per_courier,
        calls: config.limits.calls,
    };
    core.flow_grace = config.limits.flow_grace;
    core.drain_time = config.limits.shutdown;
    core.digest = config
        .auth
        .digest
        .iter()
        .map(|user| (CourierId::new(user.user.clone()), user.password.clone()))
        .collect::<BTreeMap<_, _>>();
    for carrier in &config.trunk.carriers {
        let mut own = CarrierConfig::new(CarrierId(carrier.name.clone()), carrier.host.clone());
        own.port = Some(carrier.port);
        own.trust_asserted_identity = config.trunk.trust_asserted_identity;
        own.assert_identity = config.trunk.assert_identity;
        own.health_interval = config.trunk.options_interval;
        if let Some(register) = &carrier.register {
            own.from_host = Some(register.domain.clone());
            own.register = register.expires;
            own.credentials =
                Some(Credentials { username: register.user.clone(), password: register.password.clone() });
        }
        core.carriers.push(own);
    }
    core
}

async fn keep_up(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(crate::metrics::UPKEEP);
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}
