//! The carriers' side: SIP over UDP, TCP and TLS (RFC 3261 section 18). Only the carriers' addresses and the configured networks are heard;
//! whatever comes from elsewhere is dropped before it is read, and counted.

mod carrier;
mod sources;
mod stream;
mod udp;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::time::Duration;

use doorstep_sip::msg::{Host, SipUri};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::{self, CarrierTransport, HostPort};
use crate::core::{CarrierId, FlowInfo, Peer, TransportKind};
use crate::driver::Handle;
use sources::Sources;
use stream::Streams;
use udp::UdpTrunk;

/// How long the start waits for the carriers' names; then the gateway goes on looking while it runs.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// The running trunk.
#[derive(Debug)]
pub struct Trunk {
    /// Where it listens.
    pub addresses: Addresses,
    tasks: JoinSet<()>,
}

/// Where the trunk listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addresses {
    /// UDP.
    pub udp: Option<SocketAddr>,
    /// TCP.
    pub tcp: Option<SocketAddr>,
    /// TLS.
    pub tls: Option<SocketAddr>,
}

/// TLS of the trunk: for those who connect, and for connecting.
#[derive(Clone, Default)]
pub struct TrunkTls {
    /// For `trunk.tls`.
    pub acceptor: Option<TlsAcceptor>,
    /// For a carrier over TLS.
    pub connector: Option<TlsConnector>,
}

/// The carriers' names in events and metrics, by their places in the configuration.
#[derive(Debug, Clone)]
struct Carriers(Arc<Vec<CarrierId>>);

impl Carriers {
    fn of(carriers: &[config::Carrier]) -> Self {
        Self(Arc::new(carriers.iter().map(|carrier| CarrierId(carrier.name.clone())).collect()))
    }

    #[cfg(test)]
    fn named(names: &[&str]) -> Self {
        Self(Arc::new(names.iter().map(|name| CarrierId((*name).to_owned())).collect()))
    }

    /// A carrier as the core knows it. `outbound`: our requests to it go out there.
    fn peer(&self, place: usize, outbound: bool) -> Peer {
        // A place that nobody has is a carrier that the core does not know: it leaves the flow alone.
        let carrier = self.0.get(place).cloned().unwrap_or_else(|| CarrierId(String::new()));
        Peer::Carrier { carrier, outbound }
    }
}

impl Trunk {
    /// Binds what the configuration names, and begins to look for the carriers. Everything ends when `stop` turns true.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub async fn start(
        config: &config::Trunk,
        tls: TrunkTls,
        driver: Handle,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let sources = Arc::new(Sources::new(networks(config)));
        let carriers = Carriers::of(&config.carriers);
        let mut tasks = JoinSet::new();
        let mut addresses = Addresses::default();
        let mut udp = None;
        if let Some(listen) = config.udp {
            let (advertised, carriers) = (config.advertised.clone(), carriers.clone());
            let trunk =
                UdpTrunk::bind(listen, advertised, carriers, Arc::clone(&sources), driver.clone()).await?;
            addresses.udp = Some(trunk.address);
            tasks.spawn(Arc::clone(&trunk).receive(stop.clone()));
            udp = Some(trunk);
        }
        let tcp = bind(config.tcp, &mut addresses.tcp).await?;
        let tls_listener = bind(config.tls.as_ref().map(|(listen, _)| *listen), &mut addresses.tls).await?;
        let streams =
            Streams::new(config.advertised.clone(), addresses, carriers, Arc::clone(&sources), driver);
        if let Some(listener) = tcp {
            tasks.spawn(Arc::clone(&streams).accept(listener, None, stop.clone()));
        }
        if let (Some(listener), Some(acceptor)) = (tls_listener, tls.acceptor) {
            tasks.spawn(Arc::clone(&streams).accept(listener, Some(acceptor), stop.clone()));
        }
        // Who finds the gateway ready may call at once.
        let first_lookups = config.carriers.iter().enumerate().filter_map(|(place, carrier)| {
            let udp = udp.as_ref().filter(|_| carrier.transport == CarrierTransport::Udp)?;
            Some(timeout(FIRST_LOOKUP, carrier::find(place, carrier, udp, &sources)))
        });
        futures_util::future::join_all(first_lookups).await;
        for (place, carrier) in config.carriers.iter().cloned().enumerate() {
            let (sources, streams, stop) = (Arc::clone(&sources), Arc::clone(&streams), stop.clone());
            match (carrier.transport, &udp, &tls.connector) {
                (CarrierTransport::Udp, Some(udp), _) => {
                    let interval = config.dns_interval;
                    tasks.spawn(carrier::follow(place, carrier, Arc::clone(udp), sources, interval, stop));
                }
                (CarrierTransport::Tcp, ..) => {
                    tasks.spawn(carrier::keep_connected(place, carrier, None, streams, sources, stop));
                }
                (CarrierTransport::Tls, _, Some(connector)) => {
                    let tls = Some(connector.clone());
                    tasks.spawn(carrier::keep_connected(place, carrier, tls, streams, sources, stop));
                }
                (CarrierTransport::Udp, None, _) | (CarrierTransport::Tls, _, None) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "a carrier's transport is not set up",
                    ));
                }
            }
        }
        Ok(Self { addresses, tasks })
    }

    /// Waits until everything has ended.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err() {
                tracing::error!("a part of the trunk failed");
            }
        }
    }
}

/// Where the best carrier's name leads now; `None` without a carrier or an answer.
pub(crate) async fn first_address(config: &config::Trunk) -> Option<SocketAddr> {
    let found = carrier::resolve(config.carriers.first()?);
    timeout(FIRST_LOOKUP, found).await.ok()?.into_iter().next()
}

/// Where calls may come from besides the carriers' own addresses; what no carrier names of its own is the first one's.
fn networks(config: &config::Trunk) -> Vec<(IpNet, usize)> {
    let of_carriers = config.carriers.iter().enumerate();
    of_carriers
        .flat_map(|(place, carrier)| carrier.sources.iter().map(move |network| (*network, place)))
        .chain(config.sources.iter().map(|network| (*network, 0)))
        .collect()
}

async fn bind(listen: Option<SocketAddr>, bound: &mut Option<SocketAddr>) -> io::Result<Option<TcpListener>> {
    let Some(listen) = listen else { return Ok(None) };
    let listener = TcpListener::bind(listen).await?;
    *bound = Some(listener.local_addr()?);
    Ok(Some(listener))
}

/// What we write of ourselves to the carrier: what the configuration says, else our end of the path.
fn flow_info(
    transport: TransportKind,
    local: SocketAddr,
    remote: SocketAddr,
    advertised: Option<&HostPort>,
) -> FlowInfo {
    let host = advertised.map_or_else(|| Host::Address(local.ip()), |own| own.host.clone());
    let port = advertised.and_then(|own| own.port).unwrap_or(local.port());
    let mut contact = SipUri::new(host.clone()).with_user("doorstep").with_port(port);
    let parameter = match transport {
        TransportKind::Udp => None,
        TransportKind::Tcp => Some("tcp"),
        TransportKind::Tls => Some("tls"),
        TransportKind::Ws | TransportKind::Wss => Some("ws"),
    };
    if let Some(parameter) = parameter
        && let Err(error) = contact.params.set("transport", Some(parameter))
    {
        tracing::error!(%error, "a Contact without its transport");
    }
    FlowInfo { transport, host, port: Some(port), contact, remote: Some(canonical(remote)) }
}

/// Our address on the way to `remote`, for a socket that listens on all. Nothing is sent.
pub(crate) fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = StdUdpSocket::bind(any)?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip().to_canonical())
}

/// An IPv4 address as such, also when it came in on an IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl std::fmt::Debug for TrunkTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkTls")
            .field("acceptor", &self.acceptor.is_some())
            .field("connector", &self.connector.is_some())
            .finish()
    }
}
