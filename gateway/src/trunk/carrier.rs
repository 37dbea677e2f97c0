//! Where a carrier is: its name is looked up again and again, and over TCP and TLS a connection to it is kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorstep_sip::msg::Host;
use rand::RngExt as _;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::sources::Sources;
use super::stream::Streams;
use super::udp::UdpTrunk;
use crate::config::Carrier;

/// For one attempt to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// The first pause, doubled each time.
const MIN_PAUSE: Duration = Duration::from_millis(500);

/// UDP: keeps the flow for our requests at where the name leads. `place` is the carrier's in the configuration, here and below.
pub(super) async fn follow(
    place: usize,
    carrier: Carrier,
    udp: Arc<UdpTrunk>,
    sources: Arc<Sources>,
    interval: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::default();
    loop {
        let pause = if find(place, &carrier, &udp, &sources).await {
            backoff = Backoff::default();
            interval
        } else {
            backoff.next_pause().min(interval)
        };
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// UDP: looks once; whether the name leads anywhere.
pub(super) async fn find(place: usize, carrier: &Carrier, udp: &UdpTrunk, sources: &Sources) -> bool {
    let addresses = resolve(carrier).await;
    if !addresses.is_empty() {
        sources.found_carrier(place, &addresses, Instant::now().into_std());
        udp.lead_to(place, &addresses).await;
    }
    !addresses.is_empty()
}

/// TCP and TLS: keeps a connection, made anew with growing pauses (full jitter, so that gateways do not come all at once).
pub(super) async fn keep_connected(
    place: usize,
    carrier: Carrier,
    tls: Option<TlsConnector>,
    streams: Arc<Streams>,
    sources: Arc<Sources>,
    mut stop: watch::Receiver<bool>,
) {
    let name = match &carrier.host {
        Host::Address(ip) => Ok(ServerName::from(*ip)),
        Host::Domain(_) => ServerName::try_from(carrier.host.to_string()),
    };
    let mut backoff = Backoff::default();
    loop {
        let addresses = resolve(&carrier).await;
        if !addresses.is_empty() {
            sources.found_carrier(place, &addresses, Instant::now().into_std());
        }
        let started = Instant::now();
        if let Some(stream) = connect(&carrier.name, &addresses).await {
            match (&tls, &name) {
                (None, _) => streams.run(stream, None, place).await,
                (Some(tls), Ok(name)) => streams.run(stream, Some((tls.clone(), name.clone())), place).await,
                (Some(_), Err(_)) => tracing::error!("the carrier's name cannot stand in a certificate"),
            }
        }
        if started.elapsed() > MAX_PAUSE {
            backoff = Backoff::default();
        }
        tokio::select! {
            () = sleep(backoff.next_pause()) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

pub(super) async fn resolve(carrier: &Carrier) -> Vec<SocketAddr> {
    let name = match &carrier.host {
        Host::Address(ip) => return vec![SocketAddr::new(*ip, carrier.port)],
        Host::Domain(_) => carrier.host.to_string(),
    };
    match lookup_host((name, carrier.port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => {
            metrics::counter!("doorstep_trunk_dns_failures_total").increment(1);
            tracing::warn!(carrier = carrier.name, "the carrier's name cannot be resolved");
            Vec::new()
        }
    }
}

async fn connect(carrier: &str, addresses: &[SocketAddr]) -> Option<TcpStream> {
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => {
                tracing::warn!(carrier, kind = ?error.kind(), "the carrier cannot be connected to")
            }
            Err(_) => tracing::warn!(carrier, "connecting to the carrier took too long"),
        }
    }
    None
}

#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn next_pause(&mut self) -> Duration {
        let longest = MIN_PAUSE.saturating_mul(1 << self.failures.min(10)).min(MAX_PAUSE);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(rand::rng().random_range(0.1..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_never_vanish() {
        let mut backoff = Backoff::default();
        for attempt in 0..20 {
            let longest = MIN_PAUSE.saturating_mul(1 << attempt.min(10)).min(MAX_PAUSE);
            let pause = backoff.next_pause();
            assert!(pause <= longest && pause >= longest.mul_f64(0.09), "{attempt}: {pause:?}");
        }
    }
}
