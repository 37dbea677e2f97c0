//! Who may send to the trunk.

use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// An address that the carrier's name led to is heard for so long after: calls go on where they began, and names lead elsewhere each time.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// At most so many, the youngest.
const ADDRESSES: usize = 256;

/// The configured networks and the carriers' addresses. A carrier is its place in the configuration.
#[derive(Debug)]
pub(super) struct Sources {
    networks: Vec<(IpNet, usize)>,
    /// The youngest last.
    carriers: RwLock<Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    address: SocketAddr,
    carrier: usize,
    at: Instant,
}

impl Sources {
    pub(super) fn new(networks: Vec<(IpNet, usize)>) -> Self {
        Self { networks, carriers: RwLock::default() }
    }

    /// A carrier's name leads to these at `now`.
    pub(super) fn found_carrier(&self, carrier: usize, addresses: &[SocketAddr], now: Instant) {
        let mut known = self.carriers.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|seen| now.saturating_duration_since(seen.at) < REMEMBERED);
        for address in addresses {
            let address = SocketAddr::new(address.ip().to_canonical(), address.port());
            known.retain(|seen| (seen.address, seen.carrier) != (address, carrier));
            known.push(Seen { address, carrier, at: now });
        }
        let surplus = known.len().saturating_sub(ADDRESSES);
        known.drain(..surplus);
    }

    /// Whose address that is; `None`: nobody's who may send to us. Carriers on one machine are told apart by their ports, as far as they
    /// send from those.
    pub(super) fn carrier_at(&self, remote: SocketAddr) -> Option<usize> {
        let ip = remote.ip().to_canonical();
        let known = self.carriers.read().unwrap_or_else(PoisonError::into_inner);
        let exact = known.iter().find(|seen| seen.address == SocketAddr::new(ip, remote.port()));
        let on_machine =
            || known.iter().filter(|seen| seen.address.ip() == ip).min_by_key(|seen| seen.carrier);
        let in_network =
            || self.networks.iter().find(|(network, _)| network.contains(&ip)).map(|(_, carrier)| *carrier);
        exact.or_else(on_machine).map(|seen| seen.carrier).or_else(in_network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sources: &Sources, ip: &str) -> Option<usize> {
        sources.carrier_at(SocketAddr::new(ip.parse().unwrap(), 40_000))
    }

    #[test]
    fn the_carriers_and_the_configured_networks_are_heard() {
        let networks = [("192.0.2.0/24", 0), ("2001:db8::/32", 1)];
        let sources = Sources::new(networks.map(|(net, carrier)| (net.parse().unwrap(), carrier)).to_vec());
        assert_eq!(at(&sources, "192.0.2.77"), Some(0));
        assert_eq!(at(&sources, "::ffff:192.0.2.1"), Some(0));
        assert_eq!(at(&sources, "2001:db8::9"), Some(1));
        assert_eq!((at(&sources, "198.51.100.1"), at(&sources, "127.0.0.1")), (None, None));
    }

    #[test]
    fn carriers_on_one_machine_are_told_apart_by_their_ports() {
        let sources = Sources::new(Vec::new());
        let now = Instant::now();
        sources.found_carrier(1, &["198.51.100.1:5070".parse().unwrap()], now);
        sources.found_carrier(0, &["198.51.100.1:5060".parse().unwrap()], now);
        let from = |port| sources.carrier_at(SocketAddr::new("198.51.100.1".parse().unwrap(), port));
        assert_eq!((from(5060), from(5070), from(40_000)), (Some(0), Some(1), Some(0)));
    }

    #[test]
    fn where_a_carrier_was_is_heard_for_a_day() {
        let sources = Sources::new(Vec::new());
        let found = |text: &str, now| sources.found_carrier(0, &[text.parse().unwrap()], now);
        let start = Instant::now();
        found("198.51.100.1:5060", start);
        found("198.51.100.2:5060", start + Duration::from_secs(60));
        assert!(at(&sources, "198.51.100.1").is_some() && at(&sources, "198.51.100.2").is_some());
        found("198.51.100.2:5060", start + REMEMBERED);
        assert!(at(&sources, "198.51.100.1").is_none() && at(&sources, "198.51.100.2").is_some());
        for host in 0..=ADDRESSES {
            found(&format!("203.0.{}.{}:5060", host / 256, host % 256), start + REMEMBERED);
        }
        assert!(at(&sources, "203.0.0.0").is_none() && at(&sources, "203.0.0.1").is_some());
    }
}
