//! Who may send to the trunk.

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// An address that the carrier's name led to is heard for so long after: calls go on where they began, and names lead elsewhere each time.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// At most so many, the youngest.
const ADDRESSES: usize = 64;

/// The configured networks and the carrier's addresses.
#[derive(Debug)]
pub(super) struct Sources {
    networks: Vec<IpNet>,
    /// The youngest last.
    carrier: RwLock<Vec<(IpAddr, Instant)>>,
}

impl Sources {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, carrier: RwLock::default() }
    }

    /// The carrier's name leads to these at `now`.
    pub(super) fn found_carrier(&self, addresses: &[SocketAddr], now: Instant) {
        let mut known = self.carrier.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let ip = address.ip().to_canonical();
            known.retain(|(other, seen)| *other != ip && now.saturating_duration_since(*seen) < REMEMBERED);
            known.push((ip, now));
        }
        let surplus = known.len().saturating_sub(ADDRESSES);
        known.drain(..surplus);
    }

    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let known = self.carrier.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(ip, _)| *ip == address)
            || self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carrier_and_the_configured_networks_are_heard() {
        let sources = Sources::new(vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let allows = |text: &str| sources.allow(text.parse().unwrap());
        assert!(allows("192.0.2.77") && allows("::ffff:192.0.2.1") && allows("2001:db8::9"));
        assert!(!allows("198.51.100.1") && !allows("127.0.0.1"));
    }

    #[test]
    fn where_the_carrier_was_is_heard_for_a_day() {
        let sources = Sources::new(Vec::new());
        let allows = |text: &str| sources.allow(text.parse().unwrap());
        let at = |text: &str, now| sources.found_carrier(&[text.parse().unwrap()], now);
        let start = Instant::now();
        at("198.51.100.1:5060", start);
        at("198.51.100.2:5060", start + Duration::from_secs(60));
        assert!(allows("198.51.100.1") && allows("198.51.100.2"));
        at("198.51.100.2:5060", start + REMEMBERED);
        assert!(!allows("198.51.100.1") && allows("198.51.100.2"));
        for host in 0..=ADDRESSES {
            at(&format!("203.0.113.{host}:5060"), start + REMEMBERED);
        }
        assert!(!allows("203.0.113.0") && allows("203.0.113.1"));
    }
}
