//! What the voice engine may use, and where it is to be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use doorstep_media::session::{LocalAddress, SessionConfig};

use crate::transport::GatewayUrl;

/// Any address of the public Internet will do: nothing is sent to it, only the way out is looked up.
const SOMEWHERE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const SOMEWHERE_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

/// The voice engine of a client.
#[derive(Debug, Clone, Default)]
pub struct MediaConfig {
    /// This machine's addresses to be reached at. Empty: those from which packets to the gateway and to the Internet
    /// leave, looked up anew for each call and each change of networks.
    pub addresses: Vec<LocalAddress>,
    /// UDP ports to use; any free ones if `None`.
    pub ports: Option<RangeInclusive<u16>>,
    /// How often [`Event::Quality`](crate::Event::Quality) comes during a call; never if `None`.
    pub quality_interval: Option<Duration>,
}

impl MediaConfig {
    pub(crate) fn session(&self, gateway: &GatewayUrl) -> SessionConfig {
        SessionConfig { ports: self.ports.clone(), ..SessionConfig::web_rtc(self.addresses(gateway)) }
    }

    pub(crate) fn addresses(&self, gateway: &GatewayUrl) -> Vec<LocalAddress> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let near = match gateway.host().parse::<IpAddr>() {
            Ok(address) => Some(address),
            Err(_) if gateway.is_loopback() => Some(Ipv4Addr::LOCALHOST.into()),
            Err(_) => None,
        };
        let near = near.map(|address| SocketAddr::new(address, gateway.port()));
        let mut addresses = Vec::new();
        for towards in near.into_iter().chain([SOMEWHERE_V4, SOMEWHERE_V6]) {
            if let Ok(address) = LocalAddress::towards(towards)
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_on_this_machine_is_met_on_loopback_first() {
        for url in ["wss://localhost:8443/ws", "wss://127.0.0.1:8443/ws"] {
            let addresses = MediaConfig::default().addresses(&url.parse().unwrap());
            assert_eq!(addresses[0], LocalAddress::direct(Ipv4Addr::LOCALHOST.into()));
            let mut once = addresses.clone();
            once.dedup();
            assert_eq!(once, addresses);
        }
    }

    #[test]
    fn given_addresses_are_the_only_ones() {
        let given = vec![LocalAddress::direct(Ipv4Addr::LOCALHOST.into())];
        let config = MediaConfig { addresses: given.clone(), ..MediaConfig::default() };
        assert_eq!(config.addresses(&"wss://192.0.2.9/ws".parse().unwrap()), given);
    }
}
