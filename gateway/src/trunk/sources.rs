//! Who may send to the trunk.

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

use ipnet::IpNet;

/// The configured networks and the carrier's present addresses.
#[derive(Debug)]
pub(super) struct Sources {
    networks: Vec<IpNet>,
    carrier: RwLock<Vec<IpAddr>>,
}

impl Sources {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, carrier: RwLock::default() }
    }

    /// The carrier's name now leads to these.
    pub(super) fn set_carrier(&self, addresses: &[SocketAddr]) {
        let addresses = addresses.iter().map(|address| address.ip().to_canonical()).collect();
        *self.carrier.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
            || self.carrier.read().unwrap_or_else(PoisonError::into_inner).contains(&address)
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
        sources.set_carrier(&["198.51.100.1:5060".parse().unwrap()]);
        assert!(allows("198.51.100.1"));
        sources.set_carrier(&["198.51.100.2:5060".parse().unwrap()]);
        assert!(!allows("198.51.100.1"));
    }
}
